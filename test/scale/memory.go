package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/kit"
)

// resident is the memory of the first gateway in MiB, once it has collected what it does not need.
func (s *site) resident() float64 {
	s.t.Helper()
	n := s.Nodes[0]
	n.Admin(s.t, "GET", "/debug/pprof/heap?gc=1", "", "")
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.Process.PID()))
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	return kib / 1024
}

// inUse is what the first gateway's heap and stacks hold after a collection, in bytes.
func (s *site) inUse() float64 {
	s.t.Helper()
	n := s.Nodes[0]
	n.Admin(s.t, "GET", "/debug/pprof/heap?gc=1", "", "")
	return s.metric("go_memstats_heap_alloc_bytes") + s.metric("go_memstats_stack_inuse_bytes")
}

// metric is one of the first gateway's that has no labels.
func (s *site) metric(name string) float64 {
	s.t.Helper()
	for line := range strings.Lines(string(s.Nodes[0].Admin(s.t, "GET", "/metrics", "", "").Body)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				s.t.Fatalf("metrics: %q", line)
			}
			return v
		}
	}
	s.t.Fatalf("no metric %s", name)
	return 0
}

const manySockets = 600

// sockets opens many, each in the room of its worker, and tells what each holds of the gateway's memory.
func (s *site) sockets(workers []*worker) (int, float64) {
	s.t.Helper()
	before := s.inUse()
	var open []*websocket.Conn
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(func() {
			for range manySockets / len(workers) {
				conn, err := w.dial(w.place())
				if err != nil {
					s.t.Errorf("a socket: %v", err)
					return
				}
				mu.Lock()
				open = append(open, conn)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	each := (s.inUse() - before) / float64(len(open)) / 1024
	for _, conn := range open {
		_ = conn.CloseNow()
	}
	return len(open), each
}

const manyBans = 50_000

// bans bans many addresses, none beside another, and tells what each holds of the gateway's memory.
func (s *site) bans() (int, float64) {
	s.t.Helper()
	before, known := s.inUse(), s.metric("gateway_bans")
	var list strings.Builder
	at := netip.MustParseAddr("10.0.0.1").As4()
	for i := range manyBans {
		at[1], at[2], at[3] = byte(i>>12), byte(i>>4), byte(i<<4|1)
		fmt.Fprintln(&list, netip.AddrFrom4(at))
	}
	file := filepath.Join(s.t.TempDir(), "bans.txt")
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		s.t.Fatalf("%v", err)
	}
	n := s.Nodes[0]
	if code, out := n.Exec(s.t, "", "ban", "import", file, "--address", "unix/"+n.Data+"/admin.sock"); code != 0 {
		s.t.Fatalf("ban import: %s", out)
	}
	kit.Eventually(s.t, patience, "the last ban", func() bool {
		return s.metric("gateway_bans") >= known+manyBans
	})
	return manyBans, (s.inUse() - before) / manyBans
}
