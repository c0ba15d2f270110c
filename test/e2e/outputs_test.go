package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// siem takes what outputs and alerts send, or nothing while it is away.
type siem struct {
	*httptest.Server
	mu     sync.Mutex
	away   bool
	seen   map[string]bool // event.id
	paths  []string        // of requests, in the order in which they first came
	alerts []string
}

func newSIEM(t *testing.T) *siem {
	s := &siem{seen: map[string]bool{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *siem) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path == "/chat" {
		var m struct{ Text string }
		if json.NewDecoder(r.Body).Decode(&m) == nil {
			s.alerts = append(s.alerts, m.Text)
		}
		return
	}
	var events []map[string]any
	if json.NewDecoder(r.Body).Decode(&events) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, e := range events {
		id, path := fmt.Sprint(e["event.id"]), fmt.Sprint(e["url.path"])
		if !s.seen[id] && strings.HasPrefix(path, "/n") {
			s.paths = append(s.paths, path)
		}
		s.seen[id] = true
	}
}

func (s *siem) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.paths)
}

func (s *siem) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// Events that wait for a receiver outlive kill -9, and arrive from the next gateway, each once for who goes by event.id, in order.
func TestOutputsOutliveAKill(t *testing.T) {
	t.Parallel()
	s := newSIEM(t)
	config := strings.Replace(kit.Globals, "keys {$GW_KEYS}\n", "keys {$GW_KEYS}\n"+`
		events {
			output siem webhook `+s.URL+`/events {
				only web
			}
		}
		monitor {
			alert {
				channel ops slack `+s.URL+`/chat
			}
		}
`, 1) + `
https://localhost:{$GW_PORT} {
	tls internal
	gw_audit
	respond "hello"
}
`
	n := kit.Gateway(t, kit.Options{Name: "outputs", Caddyfile: config})
	want := []string{}
	ask := func(from, to int) {
		t.Helper()
		c := n.Client(t)
		for i := from; i < to; i++ {
			path := fmt.Sprint("/n", i)
			c.Call(t, "GET", path, nil).Want(t, http.StatusOK)
			want = append(want, path)
		}
	}
	ask(0, 10)
	kit.Eventually(t, 30*time.Second, "events at the receiver", func() bool { return len(s.got()) == 10 })
	s.setAway(true)
	ask(10, 60)
	kit.Eventually(t, 30*time.Second, "events in the spool", func() bool {
		files, err := filepath.Glob(filepath.Join(n.Data, "spool", "siem", "*.spool"))
		if err != nil || len(files) == 0 {
			return false
		}
		raw, err := os.ReadFile(files[len(files)-1])
		return err == nil && strings.Contains(string(raw), `"/n59"`)
	})
	n.Process.Kill(t)
	s.setAway(false)
	n = kit.Gateway(t, kit.Options{Name: "outputs", Caddyfile: config, Data: n.Data, Addr: n.Addr})
	ask(60, 65)
	kit.Eventually(t, 60*time.Second, "events at the receiver", func() bool { return len(s.got()) == 65 })
	if got := s.got(); !slices.Equal(got, want) {
		t.Errorf("they came as %v", got)
	}

	socket := "unix//" + filepath.Join(n.Data, "admin.sock")
	if code, out := n.Exec(t, "", "alert", "test", "--address", socket); code != 0 || strings.TrimSpace(out) != "ops: sent" {
		t.Errorf("alert test: %d %s", code, out)
	}
	s.mu.Lock()
	if len(s.alerts) != 1 || !strings.Contains(s.alerts[0], "This is a test") {
		t.Errorf("alerts: %q", s.alerts)
	}
	s.mu.Unlock()
	s.setAway(true)
	if code, out := n.Exec(t, "", "alert", "test", "ops", "--address", socket); code != 1 || !strings.Contains(out, "answered 503") {
		t.Errorf("alert test of what is away: %d %s", code, out)
	}
	if code, out := n.Exec(t, "", "alert", "list", "--address", socket); code != 0 || !strings.HasPrefix(out, "ID") {
		t.Errorf("alert list: %d %s", code, out)
	}
	if code, out := n.Exec(t, "", "alert", "drop", "nonsense", "--address", socket); code != 1 || !strings.Contains(out, "no such alert") {
		t.Errorf("alert drop: %d %s", code, out)
	}
}
