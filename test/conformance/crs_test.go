package conformance

import (
	"embed"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// suiteSize is how many tests Core Rule Set 4.25 has: fewer would mean that some were not read.
const suiteSize = 4674

//go:embed crs.Caddyfile crs.conf
var configuration embed.FS

// gateway starts the binary with the WAF alone, before a back end that reflects. screen is "on" or "off".
func gateway(t kit.T, paranoia int, screen string) *kit.Node {
	t.Helper()
	n := &kit.Node{Name: fmt.Sprintf("conformance %d %s", paranoia, screen), Addr: kit.FreeAddr(t), Data: t.TempDir()}
	for _, name := range []string{"crs.Caddyfile", "crs.conf"} {
		b, err := configuration.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(n.Data, name), b, 0o600)
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
	n.Config = filepath.Join(n.Data, "crs.Caddyfile")
	_, port, _ := net.SplitHostPort(n.Addr)
	n.Process = kit.Start(t, kit.Command{
		Name: n.Name, Path: kit.Binaries(t).Gateway, Args: []string{"run", "--config", n.Config, "--adapter", "caddyfile"},
		Env: []string{"HOME=" + n.Data, "GW_DATA=" + n.Data, "GW_PORT=" + port, "GW_UPSTREAM=" + reflector(t), "GW_RULES=" + filepath.Join(n.Data, "crs.conf"),
			fmt.Sprint("GW_PARANOIA=", paranoia), "GW_SCREEN=" + screen},
	})
	n.Process.WaitUntil(t, kit.ReadyWithin, "an answer", func() bool {
		return send(n.Addr, []byte("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).status == 200
	})
	return n
}

func TestCoreRuleSet(t *testing.T) {
	all, err := load()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != suiteSize {
		t.Errorf("the suite has %d tests, want %d", len(all), suiteSize)
	}
	texts, err := messages()
	if err != nil {
		t.Fatal(err)
	}
	n := gateway(t, 4, "on")
	start := time.Now()
	answers := drive(t, n, all)
	verdicts := verdicts(t, n, answers)
	var outcomes []outcome
	for i, one := range all {
		o := outcome{id: one.ID}
		for s, stage := range one.Stages {
			o.answer = answers[i][s]
			o.verdict = verdicts[o.answer.requestID]
			if o.failure = stage.Output.judge(o.answer, o.verdict, texts); o.failure != "" {
				break
			}
		}
		outcomes = append(outcomes, o)
	}
	r := tally(outcomes, ignored)
	for _, problem := range r.problems {
		t.Error(problem)
	}
	for _, line := range r.ignored {
		t.Log("ignored " + line)
	}
	t.Logf("Core Rule Set tests: %d run, %d passed, %d ignored, %d failed, in %.0f s",
		len(outcomes), r.passed, len(r.ignored), r.failed, time.Since(start).Seconds())
}

// drive runs the tests, some at a time: each connection has one request, and each request its own event.
func drive(t *testing.T, n *kit.Node, all []test) [][]answer {
	t.Helper()
	answers := make([][]answer, len(all))
	next := make(chan int)
	var running sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for i := range next {
				for _, s := range all[i].Stages {
					request, err := s.Input.bytes()
					if err != nil {
						t.Errorf("%s: %v", all[i].ID, err)
					}
					answers[i] = append(answers[i], send(n.Addr, request))
				}
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	running.Wait()
	return answers
}

// verdicts reads what the WAF recorded, by request id: the rules from the security events, of which it waits for the last to be
// written, and the places from the log.
func verdicts(t *testing.T, n *kit.Node, answers [][]answer) map[string]verdict {
	t.Helper()
	want := map[string]bool{}
	for _, stages := range answers {
		for _, a := range stages {
			if a.requestID != "" {
				want[a.requestID] = true
			}
		}
	}
	all := map[string]verdict{}
	kit.Eventually(t, 30*time.Second, "an event for every request", func() bool {
		clear(all)
		for _, e := range n.Events(t) {
			id, _ := e["http.request.id"].(string)
			if !want[id] || e.Str("event.action") != "http-request" {
				continue
			}
			v := verdict{places: map[int][]string{}}
			rules, _ := e["rule.id"].([]any)
			for _, r := range rules {
				v.rules = append(v.rules, int(r.(float64)))
			}
			all[id] = v
		}
		return len(all) == len(want)
	})
	b, err := os.ReadFile(filepath.Join(n.Data, "places.log"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var l struct {
			RequestID string   `json:"request_id"`
			Rule      int      `json:"rule"`
			FoundIn   []string `json:"found_in"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if v, ok := all[l.RequestID]; ok {
			v.places[l.Rule] = append(v.places[l.Rule], l.FoundIn...)
		}
	}
	return all
}
