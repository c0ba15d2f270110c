// Command bench measures requests per second, by wrk: a plain Caddy proxy, the gateway without its WAF, and the whole path, all
// over TLS on loopback with keep-alive; and, over plain HTTP, a plain proxy and the WAF alone.
//
// The rounds are interleaved, so that what else the machine does falls on all alike, and medians are printed. A round in which
// any answer is not 2xx fails the run: a refusal is quick, and would flatter.
//
//	go run ./test/bench [-rounds 5] [-seconds 5] [-only NAME,…]
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

type options struct {
	rounds, seconds, connections int
	only                         string
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "interleaved rounds")
	flag.IntVar(&o.seconds, "seconds", 5, "seconds for each measurement of a round")
	flag.IntVar(&o.connections, "connections", 16, "keep-alive connections")
	flag.StringVar(&o.only, "only", "", "comma separated names of the profiles to measure; default all")
	flag.Parse()

	t := kit.NewSuite("bench")
	t.Run(func() { run(t, o) })
	t.Close()
	if t.Failed() {
		os.Exit(1)
	}
}

// profile is one configuration that is measured.
type profile struct {
	name  string // as -only takes it
	title string
	file  string // the Caddyfile
	base  string // the profile it is compared to
	login bool   // requests carry a token

	url    string
	client *kit.Client // signed in, where login is set
	since  time.Time   // of the token
}

func profiles(root string) []*profile {
	here, shipped := filepath.Join(root, "test", "bench"), filepath.Join(root, "caddyfiles")
	return []*profile{
		{name: "plain", title: "plain Caddy, TLS", file: filepath.Join(here, "plain.Caddyfile"), base: "plain"},
		{name: "guard", title: "authenticate + authorize + rate limit", file: filepath.Join(here, "guard.Caddyfile"), base: "plain", login: true},
		{name: "without-waf", title: "the whole path but the WAF", file: filepath.Join(here, "without-waf.Caddyfile"), base: "plain", login: true},
		{name: "whole", title: "the whole path", file: filepath.Join(here, "whole.Caddyfile"), base: "plain", login: true},
		{name: "plain-http", title: "plain Caddy, no TLS", file: filepath.Join(shipped, "plain.Caddyfile"), base: "plain-http"},
		{name: "waf-only", title: "the WAF alone, no TLS", file: filepath.Join(shipped, "waf-only.Caddyfile"), base: "plain-http"},
	}
}

func run(t kit.T, o options) {
	all := profiles(kit.Root(t))
	if o.only != "" {
		names := strings.Split(o.only, ",")
		all = slices.DeleteFunc(all, func(p *profile) bool { return !slices.Contains(names, p.name) })
	}
	if len(all) == 0 {
		t.Fatalf("no profile is named %q", o.only)
	}
	wrk := newWrk(t, o)
	upstream := startBackend(t)
	for _, p := range all {
		p.start(t, upstream)
	}
	results := map[string]*result{}
	for round := range o.rounds {
		for _, p := range all {
			for _, m := range []string{"GET", "POST"} {
				p.renew(t)
				s := wrk.measure(t, p, m)
				key := p.name + " " + m
				if results[key] == nil {
					results[key] = &result{}
				}
				results[key].add(s)
				fmt.Fprintf(os.Stderr, "round %d/%d  %-12s %-4s %9.0f req/s  p99 %6.2f ms\n", round+1, o.rounds, p.name, m, s.rate, s.p99)
			}
		}
	}
	report(all, results)
}

// start runs the gateway of the profile, signs in where it must, and sees that both requests are answered well.
func (p *profile) start(t kit.T, upstream string) {
	env := []string{"GW_UPSTREAM=" + upstream}
	if strings.HasSuffix(p.base, "-http") {
		addr := kit.FreeAddr(t)
		p.url = "http://" + addr
		gw := kit.Start(t, kit.Command{
			Name: p.name, Path: kit.Binaries(t).Gateway, Args: []string{"run", "--config", p.file, "--adapter", "caddyfile"},
			Env: append(env, "GW_LISTEN="+addr, "HOME="+t.TempDir()),
		})
		gw.WaitUntil(t, kit.ReadyWithin, "a connection", func() bool {
			conn, err := net.DialTimeout("tcp", addr, time.Second)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
		return
	}
	n := kit.Gateway(t, kit.Options{Name: p.name, File: p.file, Env: env})
	p.url = n.URL
	if !p.login {
		return
	}
	const password = "measured marmalade tractor 7"
	if code, out := n.Exec(t, password+"\n", "user", "add", "bench", "--role", "premium", "--config", n.Config, "--adapter", "caddyfile"); code != 0 {
		t.Fatalf("%s: adding a user: %s", p.name, out)
	}
	p.client = n.Client(t).Login(t, kit.User{Username: "bench", Password: password})
	p.since = time.Now()
}

// renew keeps the token fresh: it lives for five minutes.
func (p *profile) renew(t kit.T) {
	if p.client != nil && time.Since(p.since) > 3*time.Minute {
		p.client.Renew(t)
		p.since = time.Now()
	}
}

// startBackend serves small static JSON, as quickly as Go does.
func startBackend(t kit.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("the back end: %v", err)
	}
	list := []byte(`{"messages":[{"id":"01J0000000000000000000000","room":"general","author":"petra","text":"Hello everyone","at":"2026-01-01T12:00:00Z"}],"next":""}`)
	made := []byte(`{"id":"01J0000000000000000000001","room":"general","author":"bench","text":"Hello everyone","at":"2026-01-01T12:00:01Z"}`)
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
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
