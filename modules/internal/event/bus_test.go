package event

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
)

func TestMain(m *testing.M) {
	// timberjack's own worker lives as long as the process; it belongs to the library.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/DeRuina/timberjack.(*Logger).runScheduledRotations"),
		goleak.IgnoreAnyFunction("github.com/DeRuina/timberjack.(*Logger).millRun"))
}

func read(t *testing.T, path string) []map[string]any {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []map[string]any
	for s := bufio.NewScanner(f); s.Scan(); {
		var m map[string]any
		if err := json.Unmarshal(s.Bytes(), &m); err != nil {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		out = append(out, m)
	}
	return out
}

func TestEventsAreWrittenInOrderAndPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "events")
	b, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		b.Emit(&Event{Action: "http-request", Status: 200 + i, Path: "/a\xff\n\"", Fields: []zap.Field{zap.Int("gateway.n", i)}})
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "events.jsonl")
	events := read(t, path)
	if len(events) != 1000 {
		t.Fatalf("%d events", len(events))
	}
	for i, e := range events {
		if int(e["gateway.n"].(float64)) != i || e["event.action"] != "http-request" || e["@timestamp"] == nil {
			t.Fatalf("%d: %v", i, e)
		}
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v", info.Mode())
	}
	b.Emit(&Event{}) // after Close: counted, no panic
	if q, _ := b.Dropped(); q != 1 {
		t.Fatalf("%d dropped", q)
	}
}

// stuck is a disk that does not answer until it is let go.
type stuck struct {
	mu  sync.Mutex
	got []string
}

func (s *stuck) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, string(p))
	return len(p), nil
}
func (s *stuck) Close() error { return nil }

// A disk that stalls never makes a request wait, and what was lost is said in the log itself.
func TestAStalledDiskNeitherBlocksNorLosesSilently(t *testing.T) {
	s := &stuck{}
	b := start(4, s)
	s.mu.Lock()
	began := time.Now()
	for range 50 {
		b.Emit(&Event{Action: "x"})
	}
	if d := time.Since(began); d > time.Second {
		t.Fatalf("Emit waited %v", d)
	}
	lost, _ := b.Dropped()
	s.mu.Unlock()
	if lost < 40 {
		t.Fatalf("%d lost", lost)
	}
	for {
		b.Emit(&Event{Action: "after"})
		s.mu.Lock()
		n := len(s.got)
		s.mu.Unlock()
		if n > 6 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	_ = b.Close()
	total, said := int64(0), int64(0)
	total, _ = b.Dropped()
	for _, line := range s.got {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if n, ok := m["gateway.events_dropped"].(float64); ok {
			said += int64(n)
		}
	}
	if said == 0 || said+b.dropped.Load() != total {
		t.Fatalf("%d lost, %d said", total, said)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }
func (full) Close() error              { return nil }

func TestAFullDiskIsCounted(t *testing.T) {
	b := start(4, full{})
	b.Emit(&Event{})
	_ = b.Close()
	if _, disk := b.Dropped(); disk != 1 {
		t.Fatalf("%d", disk)
	}
}

// Whatever a client sends, its event stays small.
func TestAnEventIsBounded(t *testing.T) {
	dir := t.TempDir()
	b, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 16<<10)
	b.Emit(&Event{Action: "http-request", Method: long, Host: long, Path: long, UserAgent: long})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil || len(raw) > 2048 {
		t.Fatalf("%d bytes, %v", len(raw), err)
	}
}

func TestCut(t *testing.T) {
	if Cut(strings.Repeat("x", 10), 3) != "xxx" || Cut("ab", 3) != "ab" {
		t.Fatal("Cut")
	}
}
