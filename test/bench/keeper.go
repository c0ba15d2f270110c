package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// kept is a message as it reaches the back end.
type kept struct {
	ID     string `json:"id"`
	Room   string `json:"room"`
	Author string `json:"author"`
	Text   string `json:"text"`
	At     string `json:"at"`
}

// startKeeper is a back end that keeps the last message: what it answers with is what the gateway has encrypted. One that gets a text in plain
// refuses it, and so fails the run.
func startKeeper(t kit.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("the back end: %v", err)
	}
	var last atomic.Pointer[kept]
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method != http.MethodPost {
			list := []kept{}
			if m := last.Load(); m != nil {
				list = append(list, *m)
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"messages": list, "next": ""})
			return
		}
		m := &kept{Room: "general", Author: "bench", At: "2026-01-01T12:00:01Z"}
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(m); err != nil || m.ID == "" || !strings.HasPrefix(m.Text, "enc:v1:") {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		last.Store(m)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(m)
	})}
	go func() { _ = srv.Serve(l) }() // ends with Close below
	t.Cleanup(func() { srv.Close() })
	return l.Addr().String()
}
