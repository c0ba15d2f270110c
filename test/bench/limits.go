package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/convosphere/gateway/test/kit"
)

// limited is a profile of a plain proxy behind limits, which are the shipped ones with room for a benchmark, or with none.
type limited struct {
	mode   string // of the zones: exact, leased or local
	flood  bool   // every request is refused
	anyone bool   // every request is from another client

	redis *kit.Redis
	asked []int // scripts that each measurement had Redis run
}

// overHTTP and overTLS are the Caddyfiles but for the zones: plain.Caddyfile of each, with limits before the proxy. Who the client is, is believed
// of wrk.
const (
	overHTTP = `{
	admin off
	persist_config off
	auto_https off
	servers {
		trusted_proxies static 127.0.0.0/8
	}
	gateway {
		data_dir {$GW_DATA}
		store {$GW_STORE}
	}
}

http://{$GW_LISTEN::8080} {
	bind {$GW_LISTEN::8080}
	gw_rate_limit {
%s	}
	reverse_proxy {$GW_UPSTREAM}
}
`
	overTLS = `{
	admin off
	storage file_system {$GW_DATA}/caddy
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	default_bind {$GW_BIND}
	servers {
		protocols h1 h2
		trusted_proxies static 127.0.0.0/8
	}
	gateway {
		data_dir {$GW_DATA}
		store {$GW_STORE}
	}
}

https://localhost:{$GW_PORT} {
	tls internal {
		protocols tls1.3
	}
	gw_rate_limit {
%s	}
	reverse_proxy {$GW_UPSTREAM}
}
`
)

// limitProfiles are the modes, over TLS and without.
func limitProfiles() (all []*profile) {
	for _, c := range []struct {
		name, title string
		limited
	}{
		{"limit-local", "limits, local", limited{mode: "local"}},
		{"limit-leased", "limits, leased, loopback Redis", limited{mode: "leased"}},
		{"limit-exact", "limits, exact, loopback Redis", limited{mode: "exact"}},
		{"limit-refused", "limits, a flood of refused clients", limited{mode: "exact", flood: true}},
	} {
		tls, plain := c.limited, c.limited
		all = append(all,
			&profile{name: c.name, title: c.title + ", TLS", base: "plain", limits: &tls},
			&profile{name: c.name + "-http", title: c.title + ", no TLS", base: "plain-http", limits: &plain},
		)
	}
	return all
}

// zones are the two that meet every request.
func (l *limited) zones() string {
	var b strings.Builder
	rate := "1000000/1s"
	names := []string{"client", "user"}
	switch {
	case l.flood:
		rate = "1/1h"
	case l.anyone:
		// One key a client, and none is full again, and so forgotten, before the last one has come.
		rate, names = "1000/10d", names[:1]
		b.WriteString("\t\tdefaults off\n")
	}
	for _, name := range names {
		fmt.Fprintf(&b, "\t\tzone %s {\n\t\t\trate %s\n\t\t\tmode %s\n\t\t}\n", name, rate, l.mode)
	}
	return b.String()
}

// write makes the Caddyfile of the profile.
func (l *limited) write(t kit.T, base string) string {
	text := overTLS
	if strings.HasSuffix(base, "-http") {
		text = overHTTP
	}
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, fmt.Appendf(nil, text, l.zones()), 0o600); err != nil {
		t.Fatalf("limits: %v", err)
	}
	return file
}

// env names the store.
func (l *limited) env(t kit.T) []string {
	l.redis = kit.StartRedis(t)
	return []string{"GW_STORE=redis " + l.redis.URL()}
}

// scripts counts those that Redis has run so far.
func (l *limited) scripts(t kit.T) (n int) {
	stats, err := l.redis.Client(t).InfoMap(context.Background(), "commandstats").Result()
	if err != nil {
		t.Fatalf("asking Redis what it ran: %v", err)
	}
	for _, name := range []string{"cmdstat_evalsha", "cmdstat_eval"} {
		var calls int
		if _, err := fmt.Sscanf(stats["Commandstats"][name], "calls=%d", &calls); err == nil { // none are not told of
			n += calls
		}
	}
	return n
}

// spend uses up what the clients of a flood have, so that all that is measured is refused.
func (l *limited) spend(t kit.T, p *profile, clients int) {
	c := &http.Client{}
	if p.node != nil {
		c = p.node.Client(t).HTTP
	}
	for i := range clients {
		for status := 0; status != http.StatusTooManyRequests; {
			r, err := http.NewRequest("GET", p.url+messagesPath, nil)
			if err != nil {
				t.Fatalf("limits: %v", err)
			}
			r.Header.Set("X-Forwarded-For", address(i))
			res, err := c.Do(r)
			if err != nil {
				t.Fatalf("limits: %v", err)
			}
			res.Body.Close()
			status = res.StatusCode
		}
	}
}

// address of one of the clients. anyone stands for another one each time.
func address(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i+1) }

const anyone = "2001:db8:ANYONE::1"

// header of a client.
func (l *limited) header(i int) string {
	if l.anyone {
		return "X-Forwarded-For: " + anyone + "\r\n"
	}
	return "X-Forwarded-For: " + address(i) + "\r\n"
}

// manyClients has a million and more clients ask once each, and prints whether the last are answered as quickly as the first, and the memory.
func manyClients(t kit.T, upstream string, o options) {
	const want, part = 1_000_000, 5
	p := &profile{name: "many-clients", base: "plain-http", limits: &limited{mode: "local", anyone: true}}
	p.start(t, upstream, o)
	before, top := rss(t, p.process), 0.0
	o.seconds = part
	wrk := newWrk(t, o, nil)
	var rates []float64
	sent := 0.0
	for sent < want {
		s := wrk.measure(t, p, "GET")
		rates = append(rates, s.rate)
		sent += s.rate * part
		top = max(top, rss(t, p.process))
	}
	tenth := max(1, len(rates)/10)
	first, last := median(rates[:tenth]), median(rates[len(rates)-tenth:])
	fmt.Printf("\n%.0f clients once each, local limits: %.0f req/s at first, %.0f at last (%.2f); resident memory %.0f MiB before, %.0f at most\n",
		sent, first, last, last/first, before, top)
}
