// Command bench measures requests per second, by wrk: a plain Caddy proxy, the gateway without its WAF, and the whole path, all
// over TLS on loopback with keep-alive; and, over plain HTTP, a plain proxy and the WAF alone; and a proxy behind limits alone, counted here,
// in a Redis on loopback, and refusing everything, over both. Then what requests cost at the WAF, one at
// a time: usual ones, attacks, long bodies, uploads, socket messages, and the worst that its limits let in.
//
// The rounds are interleaved, so that what else the machine does falls on all alike, and medians are printed. A round in which
// any answer is not 2xx fails the run: a refusal is quick, and would flatter. (Of a flood all answers are 429.)
//
//	go run ./test/bench [-rounds 5] [-seconds 5] [-only NAME,…] [-costs PART,…]
package main

import (
	"flag"
	"fmt"
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
	costs                        string
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "interleaved rounds")
	flag.IntVar(&o.seconds, "seconds", 5, "seconds for each measurement of a round")
	flag.IntVar(&o.connections, "connections", 16, "keep-alive connections")
	flag.StringVar(&o.only, "only", "", "comma separated names of the profiles to measure; default all")
	flag.StringVar(&o.costs, "costs", "requests,socket,uploads,worst,start,memory,clients", "what to measure of single requests at the WAF, and of its process, and of a million clients at the limits; none: nothing")
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
	keeps bool   // its back end gives back what it was sent last, which is encrypted there

	limits *limited // in place of a file

	url     string    // where wrk connects to
	site    string    // what its requests call it
	node    *kit.Node // where it is over TLS
	process *kit.Process
	client  *kit.Client // signed in, where login is set
	since   time.Time   // of the token
}

func profiles(root string) []*profile {
	here, shipped := filepath.Join(root, "test", "bench"), filepath.Join(root, "caddyfiles")
	return append([]*profile{
		{name: "plain", title: "plain Caddy, TLS", file: filepath.Join(here, "plain.Caddyfile"), base: "plain"},
		{name: "guard", title: "authenticate + authorize + rate limit", file: filepath.Join(here, "guard.Caddyfile"), base: "plain", login: true},
		{name: "without-waf", title: "the whole path but the WAF", file: filepath.Join(here, "without-waf.Caddyfile"), base: "plain", login: true, keeps: true},
		{name: "whole", title: "the whole path, messages encrypted", file: filepath.Join(here, "whole.Caddyfile"), base: "plain", login: true, keeps: true},
		{name: "without-monitor", title: "the same without monitoring", file: filepath.Join(here, "without-monitor.Caddyfile"), base: "plain", login: true, keeps: true},
		{name: "plain-http", title: "plain Caddy, no TLS", file: filepath.Join(shipped, "plain.Caddyfile"), base: "plain-http"},
		{name: "waf-only", title: "the WAF alone, no TLS", file: filepath.Join(shipped, "waf-only.Caddyfile"), base: "plain-http"},
	}, limitProfiles()...)
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
	upstream := startBackend(t)
	for _, p := range all {
		p.start(t, upstream, o)
	}
	bodies := messages(4000)
	if i := slices.IndexFunc(all, func(p *profile) bool { return p.name == "waf-only" }); i >= 0 {
		bodies = passed(t, all[i].url, bodies)
	}
	wrk := newWrk(t, o, bodies)
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
	if o.rounds > 0 {
		report(o, all, results)
	}
	parts := strings.Split(o.costs, ",")
	costs(t, upstream, parts)
	if slices.Contains(parts, "clients") {
		manyClients(t, upstream, o)
	}
}

// start runs the gateway of the profile, signs in where it must, and sees that both requests are answered well.
func (p *profile) start(t kit.T, upstream string, o options) {
	if p.keeps {
		upstream = startKeeper(t)
	}
	env := []string{"GW_UPSTREAM=" + upstream}
	if p.limits != nil {
		p.file = p.limits.write(t, p.base)
		env = append(env, p.limits.env(t)...)
	}
	p.run(t, env)
	if p.limits != nil && p.limits.flood {
		p.limits.spend(t, p, o.connections)
	}
}

func (p *profile) run(t kit.T, env []string) {
	if strings.HasSuffix(p.base, "-http") {
		s := startHTTP(t, p.name, p.file, append(env, "GW_DATA="+t.TempDir())...)
		p.process, p.url, p.site = s.process, s.url, "http://chat.example.com"
		return
	}
	n := kit.Gateway(t, kit.Options{Name: p.name, File: p.file, Env: env})
	p.node, p.url, p.site = n, n.URL, n.URL
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
