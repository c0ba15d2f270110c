package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// looked is a policy that looks each person up in the data that are pushed. Each request is about another one, so none is remembered.
const looked = `package gateway

decision := {"allow": true, "reason": reason}

default reason := "not known"

reason := data.pushed.users[input.resource.id].department
`

// reloading decides by it about whoever asks.
const reloading = `https://localhost:{$GW_PORT} {
	tls internal
	gw_audit
	gw_client
	gw_authenticate
	gw_authorize {
		route GET /u/{id} {
			permission read
			resource user:{id}
		}
	}
	respond ok 200
}
`

// reload measures requests while a large document of policy data is pushed.
type reload struct {
	*portalNode
	client *http.Client
	users  int
}

func startReload(t kit.T) *reload {
	folder := filepath.Join(t.TempDir(), "policy")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatalf("the policy: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "looked.rego"), []byte(looked), 0o600); err != nil {
		t.Fatalf("the policy: %v", err)
	}
	globals := strings.Replace(kit.Globals, "		data_dir", "		policy {\n			folder "+folder+"\n		}\n		data_dir", 1)
	g := &reload{portalNode: &portalNode{kit.Gateway(t, kit.Options{Name: "reload", Caddyfile: globals + reloading})}}
	g.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: g.TLS(), MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}
	return g
}

// document is some MiB of records of people.
func (g *reload) document(mib int) string {
	departments := []string{"sales", "engineering", "legal", "support", "finance"}
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString(`{"users": {`)
	for g.users = 0; b.Len() < mib<<20; g.users++ {
		if g.users > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%s": {"department": %q, "clearance": %d, "groups": ["g%d", "g%d", "g%d"], "manager": "%s", "active": true}`,
			user(g.users), departments[random.IntN(5)], random.IntN(6), random.IntN(200), random.IntN(200), random.IntN(200), user(random.IntN(g.users+1)))
	}
	b.WriteString(`}}`)
	return b.String()
}

func user(i int) string { return fmt.Sprintf("user-%07d", i) }

// latencies are how long each request took, from when it should have been sent, and what became of those that failed.
type latencies struct {
	took   []time.Duration
	failed []string
}

func (l *latencies) at(percent int) time.Duration {
	if len(l.took) == 0 {
		return 0
	}
	slices.Sort(l.took)
	return l.took[(len(l.took)-1)*percent/100]
}

// ask sends so many requests a second until ctx ends. They are sent when they are due, whether or not those before are answered.
func (g *reload) ask(ctx context.Context, rate int) *latencies {
	var l latencies
	var mu sync.Mutex
	var asking sync.WaitGroup
	began := time.Now()
	for i := 0; ctx.Err() == nil; i++ {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
		time.Sleep(time.Until(due))
		asking.Go(func() {
			err := g.get("/u/" + user(i*7919%max(g.users, 1)))
			took := time.Since(due)
			mu.Lock()
			defer mu.Unlock()
			l.took = append(l.took, took)
			if err != nil {
				l.failed = append(l.failed, err.Error())
			}
		})
	}
	asking.Wait()
	return &l
}

func (g *reload) get(path string) error {
	res, err := g.client.Get(g.URL + path)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", res.Status)
	}
	return nil
}

// quiet asks for a while; pushing asks for as long as the documents are pushed.
func (g *reload) quiet(rate int, lasting time.Duration) *latencies {
	ctx, cancel := context.WithTimeout(context.Background(), lasting)
	defer cancel()
	return g.ask(ctx, rate)
}

func (g *reload) pushing(t kit.T, rate, times int, document string) (l *latencies, took time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var asking sync.WaitGroup
	asking.Go(func() { l = g.ask(ctx, rate) })
	began := time.Now()
	for range times {
		if a := g.Admin(t, http.MethodPut, "/gateway/policy/data/pushed", "application/json", document); a.Status != http.StatusOK {
			t.Errorf("the push: %d %s", a.Status, a.Body)
		}
	}
	took = time.Since(began) / time.Duration(times)
	cancel()
	asking.Wait()
	return l, took
}

// median of what the latencies of several rounds have at a percentage.
func median(rounds []*latencies, percent int) time.Duration {
	var all []time.Duration
	for _, l := range rounds {
		all = append(all, l.at(percent))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// reloads prints what a push of 50 MiB does to a thousand requests a second. Rounds without and with a push take turns, so that what else the
// machine does falls upon both alike, and their medians are compared.
func reloads(t kit.T) {
	const rate, size, rounds, settling = 1000, 50, 5, 3 * time.Second
	g := startReload(t)
	document := g.document(size)
	g.quiet(rate, 3*time.Second) // connections, and what is made once
	before := g.rss(t)
	g.pushing(t, rate, 1, document) // the first one has nothing to replace
	var quiet, pushing []*latencies
	var took time.Duration
	for range rounds {
		l, once := g.pushing(t, rate, 1, document)
		pushing, took = append(pushing, l), took+once/rounds
		g.quiet(rate, settling) // what the push leaves to the collector is no part of the quiet round
		quiet = append(quiet, g.quiet(rate, once))
	}
	fmt.Printf("\n%d pushes of %d MiB of policy data (%d records) beside %d requests/s, each decided afresh, and as many rounds without, in turn; %d cores that the clients share; medians of the rounds\n",
		rounds, size, g.users, rate, runtime.NumCPU())
	fmt.Printf("%-10s %9s %7s %10s %10s %10s\n", "", "requests", "failed", "p50", "p99", "longest")
	for _, r := range []struct {
		what   string
		rounds []*latencies
	}{{"quiet", quiet}, {"pushing", pushing}} {
		sent, failed := 0, []string{}
		for _, l := range r.rounds {
			sent, failed = sent+len(l.took), append(failed, l.failed...)
		}
		fmt.Printf("%-10s %9d %7d %10s %10s %10s\n", r.what, sent, len(failed),
			median(r.rounds, 50).Round(10*time.Microsecond), median(r.rounds, 99).Round(10*time.Microsecond), median(r.rounds, 100).Round(10*time.Microsecond))
		if len(failed) > 0 {
			t.Errorf("%s: %d requests failed, as %s", r.what, len(failed), failed[0])
		}
	}
	ratio := float64(median(pushing, 99)) / float64(median(quiet, 99))
	met := "met"
	if ratio > 2 {
		met = "missed"
	}
	fmt.Printf("a push took %s; resident %.0f MiB before, %.0f after; aim, p99 within twice the quiet one: %s (%.1f)\n", took.Round(time.Millisecond), before, g.rss(t), met, ratio)
}
