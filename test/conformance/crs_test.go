package conformance

import (
	"embed"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// suiteSize is how many tests Core Rule Set 4.25 has: fewer would mean that some were not read.
const suiteSize = 4674

//go:embed crs.Caddyfile crs.conf
var configuration embed.FS

// gateway starts the binary with the WAF alone, before a back end that reflects.
func gateway(t kit.T) *kit.Node {
	t.Helper()
	n := &kit.Node{Name: "conformance", Addr: kit.FreeAddr(t), Data: t.TempDir()}
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
		Env: []string{"HOME=" + n.Data, "GW_DATA=" + n.Data, "GW_PORT=" + port, "GW_UPSTREAM=" + reflector(t), "GW_RULES=" + filepath.Join(n.Data, "crs.conf")},
	})
	n.Process.WaitUntil(t, kit.ReadyWithin, "an answer", func() bool {
		return send(n.Addr, []byte("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).status == 200
	})
	return n
}

// outcome is one test's.
type outcome struct {
	id      string
	failure string // "": passed
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
	n := gateway(t)
	start := time.Now()
	answers := drive(t, n, all)
	verdicts := verdicts(t, n, answers)
	var outcomes []outcome
	for i, one := range all {
		o := outcome{id: one.ID}
		for s, stage := range one.Stages {
			a := answers[i][s]
			if o.failure = stage.Output.judge(a, verdicts[a.requestID], texts); o.failure != "" {
				break
			}
		}
		outcomes = append(outcomes, o)
	}
	report(t, outcomes, time.Since(start))
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

// verdicts reads the rules that matched from the security events, by request id, and waits for the last of them to be written.
func verdicts(t *testing.T, n *kit.Node, answers [][]answer) map[string][]int {
	t.Helper()
	want := map[string]bool{}
	for _, stages := range answers {
		for _, a := range stages {
			if a.requestID != "" {
				want[a.requestID] = true
			}
		}
	}
	all := map[string][]int{}
	kit.Eventually(t, 10*time.Second, "an event for every request", func() bool {
		clear(all)
		for _, e := range n.Events(t) {
			id, _ := e["http.request.id"].(string)
			if !want[id] {
				continue
			}
			all[id] = []int{}
			rules, _ := e["rule.id"].([]any)
			for _, r := range rules {
				all[id] = append(all[id], int(r.(float64)))
			}
		}
		return len(all) == len(want)
	})
	return all
}

// report counts, and fails for each test that failed without being ignored, and each entry of the list that is not needed.
func report(t *testing.T, outcomes []outcome, took time.Duration) {
	t.Helper()
	passed, failed, left := 0, 0, map[string]string{}
	for id, reason := range ignored {
		left[id] = reason
	}
	var lines []string
	for _, o := range outcomes {
		reason, listed := left[o.id]
		delete(left, o.id)
		switch {
		case listed && o.failure == "":
			passed++
			t.Errorf("%s passes and is ignored all the same: take it from the list", o.id)
		case listed:
			lines = append(lines, o.id+": "+reason)
		case o.failure == "":
			passed++
		default:
			failed++
			t.Errorf("%s: %s", o.id, o.failure)
		}
	}
	for id := range left {
		t.Errorf("%s is ignored, and there is no such test", id)
	}
	sort.Strings(lines)
	for _, l := range lines {
		t.Log("ignored " + l)
	}
	t.Logf("Core Rule Set tests: %d run, %d passed, %d ignored, %d failed, in %.0f s", len(outcomes), passed, len(lines), failed, took.Seconds())
}
