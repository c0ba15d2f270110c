package main

import (
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// server is a gateway over plain HTTP that answers for any host.
type server struct {
	url     string
	process *kit.Process
	ready   time.Duration // from its start to its first answer
}

// startHTTP runs a Caddyfile that listens on GW_LISTEN.
func startHTTP(t kit.T, name, file string, env ...string) server {
	t.Helper()
	addr := kit.FreeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	bin := kit.Binaries(t).Gateway
	start := time.Now()
	s := server{url: "http://" + addr}
	s.process = kit.Start(t, kit.Command{
		Name: name, Path: bin, Args: []string{"run", "--config", file, "--adapter", "caddyfile"},
		Env: append([]string{"GW_LISTEN=:" + port, "HOME=" + t.TempDir()}, env...),
	})
	for end := start.Add(kit.ReadyWithin); ; time.Sleep(time.Millisecond) {
		res, err := http.Get(s.url + "/")
		if err == nil {
			res.Body.Close()
			s.ready = time.Since(start)
			return s
		}
		if !s.process.Running() || time.Now().After(end) {
			t.Fatalf("%s does not answer: %v\n%s", name, err, s.process.Output())
		}
	}
}

// startBackend serves small static JSON, as quickly as Go does, and sends socket messages back.
func startBackend(t kit.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("the back end: %v", err)
	}
	list := []byte(`{"messages":[{"id":"01J0000000000000000000000","room":"general","author":"petra","text":"Hello everyone","at":"2026-01-01T12:00:00Z"}],"next":""}`)
	made := []byte(`{"id":"01J0000000000000000000001","room":"general","author":"bench","text":"Hello everyone","at":"2026-01-01T12:00:01Z"}`)
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			echo(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(made)
			return
		}
		_, _ = w.Write(list)
	})}
	go func() { _ = srv.Serve(l) }() // ends with Close below
	t.Cleanup(func() { srv.Close() })
	return l.Addr().String()
}

func echo(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered
	}
	defer c.CloseNow()
	for {
		kind, b, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), kind, b); err != nil {
			return
		}
	}
}

// rss is the resident memory of the process in MiB.
func rss(t kit.T, p *kit.Process) float64 {
	t.Helper()
	b, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/status")
	if err != nil {
		t.Fatalf("%s: its memory: %v", p.Name, err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kib, _ := strconv.Atoi(f[1]) // proc(5): a number
			return float64(kib) / 1024
		}
	}
	t.Fatalf("%s: its status tells no memory", p.Name)
	return 0
}
