package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// rest is what a back end adds to a message.
const rest = `,"room":"general","author":"bench","at":"2026-01-01T12:00:01Z"}`

// startKeeper is a back end that keeps the last message: what it answers with is what the gateway has encrypted. One that gets a text in plain
// refuses it, and so fails the run. It reads no JSON, since its time is measured, too.
func startKeeper(t kit.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("the back end: %v", err)
	}
	var last atomic.Pointer[[]byte]
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method != http.MethodPost {
			_, _ = io.WriteString(w, `{"messages":[`)
			if m := last.Load(); m != nil {
				_, _ = w.Write(*m)
			}
			_, _ = io.WriteString(w, `],"next":""}`)
			return
		}
		b, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		m, ok := bytes.CutSuffix(bytes.TrimSpace(b), []byte("}"))
		if err != nil || !ok || !bytes.Contains(m, []byte(`"text":"enc:v1:`)) || !bytes.Contains(m, []byte(`"id":"`)) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		m = append(m, rest...)
		last.Store(&m)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(m)
	})}
	go func() { _ = srv.Serve(l) }() // ends with Close below
	t.Cleanup(func() { srv.Close() })
	return l.Addr().String()
}
