package main
import ("testing";"math/rand/v2";"os";"strings")
func TestZZ(t *testing.T){
 r:=rand.New(rand.NewPCG(7,1)); var b strings.Builder
 for range 4000 { b.WriteString(chatBody(r,300)); b.WriteByte('\x00') }
 os.WriteFile("/tmp/chat.bin",[]byte(b.String()),0o600)
 os.WriteFile("/tmp/doc10k.json",[]byte(document(r,10<<10)),0o600)
 os.WriteFile("/tmp/doc1m.json",[]byte(document(r,1<<20)),0o600)
}
