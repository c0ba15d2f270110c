package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// config is waf-only.Caddyfile with security events, and an answer in the place of the back end.
const config = `{
	admin off
	persist_config off
	auto_https off
}
http://:{$GW_PORT} {
	bind 127.0.0.1
	gw_audit
	gw_waf {
		%s
	}
	respond ok 200
}
`

// gateway is one that runs.
type gateway struct {
	name    string
	addr    string
	process *kit.Process
	client  *http.Client
}

// startGateway runs the WAF with these lines in its block.
func startGateway(t kit.T, name, lines string) *gateway {
	g := &gateway{name: name, addr: kit.FreeAddr(t)}
	_, port, err := net.SplitHostPort(g.addr)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, lines), 0o600); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	g.process = kit.Start(t, kit.Command{
		Name: name, Path: kit.Binaries(t).Gateway, Args: []string{"run", "--config", file, "--adapter", "caddyfile"},
		Env: []string{"GW_PORT=" + port, "HOME=" + dir},
	})
	g.client = &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: workers, DisableCompression: true}, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(g.client.CloseIdleConnections)
	g.process.WaitUntil(t, kit.ReadyWithin, "a connection", func() bool {
		conn, err := net.DialTimeout("tcp", g.addr, time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return g
}

// request is one to be sent as it is; target begins with / and may hold any bytes.
type request struct {
	method, target, contentType, body string
	header                            map[string]string
}

// answer is what became of a request.
type answer struct {
	status int
	rules  []int // that matched, without the one that adds up the scores
}

// refused tells whether the request did not reach the back end.
func (a answer) refused() bool { return a.status != http.StatusOK }

func refused(all []answer) (n int) {
	for _, a := range all {
		if a.refused() {
			n++
		}
	}
	return n
}

func share(all []answer) float64 { return float64(refused(all)) / float64(max(len(all), 1)) }

// workers send at once: enough to keep the cores busy, and far from the WAF's limit for one client.
const workers = 4

// send sends the requests and returns what became of each.
func (g *gateway) send(t kit.T, all []request) []answer {
	t.Helper()
	answers, ids := make([]answer, len(all)), make([]string, len(all))
	errs := make([]error, len(all))
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				answers[i].status, ids[i], errs[i] = g.do(all[i])
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("%s: %s %.100q: %v", g.name, all[i].method, all[i].target, err)
		}
	}
	rules := g.rules(t, ids)
	for i, id := range ids {
		answers[i].rules = rules[id]
	}
	return answers
}

func (g *gateway) do(q request) (status int, id string, err error) {
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	r, err := http.NewRequest(q.method, "http://"+g.addr+"/", body)
	if err != nil {
		return 0, "", err
	}
	target := printable(q.target)
	if strings.HasPrefix(target, "//") {
		target = "/%2F" + target[2:] // net/http would take it for a host
	}
	r.URL = &url.URL{Scheme: "http", Host: g.addr, Opaque: target} // not cleaned, not escaped again
	r.Host = "chat.example.com"
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36")
	r.Header.Set("Accept", "*/*")
	if q.contentType != "" {
		r.Header.Set("Content-Type", q.contentType)
	}
	for k, v := range q.header {
		r.Header.Set(k, v)
	}
	res, err := g.client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Header.Get("X-Request-Id"), err
}

// printable escapes what can't stand in a request line.
func printable(target string) string {
	var b strings.Builder
	for _, c := range []byte(target) {
		if c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// scoring tells of the rules that compare the score with the threshold and report it: they are in every refusal.
func scoring(id int) bool { return id/1000 == 949 || id/1000 == 980 }

// rules reads the events of these requests from the log, and waits for those that are not written yet.
func (g *gateway) rules(t kit.T, ids []string) map[string][]int {
	t.Helper()
	found := map[string][]int{}
	wanted := map[string]bool{}
	for _, id := range ids {
		if id != "" { // malformed requests are answered by the server
			wanted[id] = true
		}
	}
	kit.Eventually(t, 30*time.Second, "the events of all requests", func() bool {
		f, err := os.Open(g.process.Log)
		if err != nil {
			t.Fatalf("%s: %v", g.name, err)
		}
		defer f.Close()
		seen := 0
		sc := bufio.NewScanner(f)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			var e struct {
				ID    string `json:"http.request.id"`
				Rules []int  `json:"rule.id"`
			}
			if json.Unmarshal(sc.Bytes(), &e) == nil && wanted[e.ID] {
				seen++
				found[e.ID] = slices.DeleteFunc(e.Rules, scoring)
			}
		}
		return seen >= len(wanted)
	})
	return found
}

// byRule counts refusals by the rules that matched in them.
func byRule(all []answer) map[int]int {
	m := map[int]int{}
	for _, a := range all {
		if a.refused() {
			for _, id := range a.rules {
				m[id]++
			}
		}
	}
	return m
}

// most lists the keys, those of the greatest values first.
func most(m map[int]int) []int {
	keys := slices.Sorted(maps.Keys(m))
	slices.SortStableFunc(keys, func(a, b int) int { return m[b] - m[a] })
	return keys
}
