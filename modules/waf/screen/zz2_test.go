package screen

import (
	"os"
	"strings"
	"testing"
)

func BenchmarkZZ(b *testing.B) {
	s := newScreen(b, rulesAt(1))
	d, _ := os.ReadFile("/tmp/chat.bin")
	ms := strings.Split(string(d), "\x00")
	var rs []*Request
	for _, m := range ms[:1000] {
		rs = append(rs, request("POST", "/api/rooms/general/messages", m))
	}
	i := 0
	for b.Loop() {
		s.Request(rs[i%len(rs)])
		i++
	}
}
