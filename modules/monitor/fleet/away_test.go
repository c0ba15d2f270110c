package fleet

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

// spool is one in memory, whose lines survive the node.
type spool struct {
	mu    sync.Mutex
	lines [][]byte
	out   int
}

func (s *spool) Append(lines [][]byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, lines...)
	return len(lines), nil
}

func (s *spool) Next(most, bytes int) (lines [][]byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if bytes -= len(l); len(lines) == most || bytes < 0 {
			break
		}
		lines = append(lines, l)
	}
	s.out = len(lines)
	return lines, nil
}

func (s *spool) Done() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = s.lines[s.out:]
	return nil
}

func (s *spool) Size() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		n += int64(len(l))
	}
	return n
}

func (s *spool) Sync() error { return nil }

// While Redis is away each gateway sees what comes to it alone. Afterwards all is counted together: an attack that was spread is found late, and what
// was told meanwhile is not told again.
func TestRedisIsAwayForAWhile(t *testing.T) {
	for name, with := range map[string]bool{"queue": false, "spool": true} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			var mu sync.Mutex
			changes := 0
			o := quick()
			o.Changed = func(error) { mu.Lock(); changes++; mu.Unlock() }
			if with {
				o.Spool = new(spool)
			}
			nodes := fleetOf(t, 1, server.URL(), o)
			if with {
				o.Spool = new(spool)
			}
			nodes = append(nodes, join(testRules(t), connect(t, server.URL()), o))
			t.Cleanup(nodes[1].fleet.Close)
			owned(t, nodes...)
			server.Kill()
			for i, n := range nodes { // the fleets notice by what they can't send
				n.see(login(fmt.Sprint("first-", i), "failure", "192.0.2.99", "x"))
			}
			eventually(t, "that both notice", func() bool { return !nodes[0].fleet.Stats().Up && !nodes[1].fleet.Stats().Up })
			for i := range 6 { // one gateway sees enough for itself, of the other attack each sees half
				nodes[0].see(login(fmt.Sprint("a-", i), "failure", "192.0.2.1", fmt.Sprint("acc", i)))
				nodes[i%2].see(login(fmt.Sprint("b-", i), "failure", "192.0.2.2", fmt.Sprint("abb", i)))
			}
			if got := fmt.Sprint(summary(nodes...)); got != "[Spraying 192.0.2.1]" {
				t.Fatal("told while Redis is away:", got)
			}
			server.Run()
			eventually(t, "that both are back", func() bool { return nodes[0].fleet.Stats().Up && nodes[1].fleet.Stats().Up })
			eventually(t, "the spread attack", func() bool { return len(summary(nodes...)) > 1 })
			eventually(t, "that all is counted", func() bool {
				a, b := nodes[0].fleet.Stats(), nodes[1].fleet.Stats()
				return a.Waiting == 0 && b.Waiting == 0 && a.Counted+b.Counted >= 2*14
			})
			got := summary(nodes...)
			if len(got) != 2 || got[0] == got[1] {
				t.Fatal(got)
			}
			if s := nodes[0].fleet.Stats(); s.Lost != 0 {
				t.Errorf("%+v", s)
			}
			mu.Lock()
			defer mu.Unlock()
			if changes != 4 {
				t.Errorf("told %d times that Redis went or came", changes)
			}
		})
	}
}

// What finds no place is counted as lost, and counts here.
func TestTheQueueHasAnEnd(t *testing.T) {
	server := redistest.Start(t)
	o := quick()
	o.QueueBytes = 4 << 10
	nodes := fleetOf(t, 1, server.URL(), o)
	server.Kill()
	eventually(t, "that it notices", func() bool {
		nodes[0].see(login("first-1", "failure", "192.0.2.99", "x"))
		return !nodes[0].fleet.Stats().Up
	})
	for i := range 200 {
		nodes[0].see(login(fmt.Sprint("a-", i), "failure", fmt.Sprint("198.51.100.", i), "y"))
	}
	if s := nodes[0].fleet.Stats(); s.Lost < 100 || s.Waiting > 8<<10 {
		t.Errorf("%+v", s)
	}
}

// The lease of an owner that stands still for too long is another's; what it found meanwhile it does not tell.
func TestAnOwnerThatLostItsLeaseTellsNothing(t *testing.T) {
	server := redistest.Start(t)
	c := server.Client()
	defer c.Close()
	nodes := fleetOf(t, 1, server.URL(), quick())
	p := partitionOf([]byte("\x00\x00\x09192.0.2.1"))
	if err := c.Set(t.Context(), key(p, "owner"), "another", time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		nodes[0].see(login(fmt.Sprint("a-", i), "failure", "192.0.2.1", fmt.Sprint("acc", i)))
	}
	eventually(t, "that it knows", func() bool { return nodes[0].fleet.Stats().Owned == Partitions-1 })
	if got := summary(nodes...); len(got) != 0 {
		t.Fatal(got)
	}
	// The other one is gone: all is told, once.
	if err := c.Del(t.Context(), key(p, "owner")).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the finding", func() bool { return len(summary(nodes...)) > 0 })
	if got := fmt.Sprint(summary(nodes...)); got != "[Spraying 192.0.2.1]" {
		t.Fatal(got)
	}
}

// Redis is away for longer than a lease, and comes back without anything: what was counted before is counted on.
func TestRedisComesBackEmpty(t *testing.T) {
	server := redistest.Start(t)
	nodes := fleetOf(t, 1, server.URL(), quick())
	see := func(from, to int) {
		for i := from; i < to; i++ {
			nodes[0].see(login(fmt.Sprint("a-", i), "failure", "192.0.2.1", fmt.Sprint("acc", i)))
		}
	}
	see(0, 4)
	eventually(t, "that half is counted", func() bool { return nodes[0].fleet.Stats().Counted == 8 })
	server.Kill()
	eventually(t, "the end of its leases", func() bool { return nodes[0].fleet.Stats().Owned == 0 })
	server.Run()
	owned(t, nodes...)
	eventually(t, "that it is back", func() bool { return nodes[0].fleet.Stats().Up })
	see(4, 8)
	eventually(t, "the finding", func() bool { return len(summary(nodes...)) > 0 })
	if got := fmt.Sprint(summary(nodes...)); got != "[Spraying 192.0.2.1]" {
		t.Fatal(got)
	}
}
