package fleet

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/test/redisfleet"
)

func stores(t *testing.T, n int, url string) (all []store.Store) {
	for range n {
		all = append(all, connect(t, url))
	}
	return all
}

// summary lists what was found by rule and subject.
func summary(nodes ...*node) (all []string) {
	for _, n := range nodes {
		for _, f := range n.all() {
			all = append(all, strings.ReplaceAll(f.Title, " ", "-")+" "+f.Subjects[0].ID)
		}
	}
	return all
}

func fleetOf(t *testing.T, n int, url string, o Options) (nodes []*node) {
	rules := testRules(t)
	for _, s := range stores(t, n, url) {
		one := join(rules, s, o)
		nodes = append(nodes, one)
		t.Cleanup(one.fleet.Close)
	}
	owned(t, nodes...)
	return nodes
}

// A slow attack over three gateways, too little for each of them alone, is one finding: not none, and not one of each.
func TestAnAttackOverThreeGatewaysIsOneFinding(t *testing.T) {
	for name, start := range map[string]func() string{
		"one Redis": func() string { return redistest.Start(t).URL() },
		"Cluster":   func() string { return redisfleet.StartCluster(t, 3).URL() },
	} {
		t.Run(name, func(t *testing.T) {
			nodes := fleetOf(t, 3, start(), quick())
			for i := range 12 { // 4 of each; 6 are too many
				nodes[i%3].see(login(fmt.Sprint("n", i%3, "-", i), "failure", "192.0.2.7", fmt.Sprint("acc", i)))
			}
			nodes[0].see(login("n0-x", "failure", "192.0.2.8", "acc1"))
			eventually(t, "the finding", func() bool { return len(summary(nodes...)) > 0 })
			eventually(t, "that all is counted", func() bool {
				n := int64(0)
				for _, one := range nodes {
					n += one.fleet.Stats().Counted
				}
				return n == 26 // each counts for the address and for the account
			})
			if got := strings.Join(summary(nodes...), ", "); got != "Spraying 192.0.2.7" {
				t.Fatal(got)
			}
			for _, n := range nodes {
				for _, f := range n.all() {
					if f.Kind != finding.Correlation || f.Distinct != 6 || len(f.Events) != 6 {
						t.Errorf("%+v", f)
					}
				}
			}
		})
	}
}

// A chain whose parts are counted in different places: failures by account, then the success by address.
func TestChainsGoFromPartitionToPartition(t *testing.T) {
	nodes := fleetOf(t, 3, redistest.Start(t).URL(), quick())
	for a := range 8 {
		for i := range 5 {
			nodes[i%3].see(login(fmt.Sprint("n", a, "-", i), "failure", fmt.Sprint("192.0.2.", a), fmt.Sprint("acc", a)))
		}
	}
	for a := range 8 {
		nodes[a%3].see(login(fmt.Sprint("s-", a), "success", fmt.Sprint("192.0.2.", a), "other"))
	}
	eventually(t, "the findings", func() bool { return len(summary(nodes...)) >= 8 })
	count := map[string]int{}
	for _, s := range summary(nodes...) {
		count[s]++
	}
	for a := range 8 {
		if count[fmt.Sprint("Brute-force-that-succeeded 192.0.2.", a)] != 1 || len(count) != 8 {
			t.Fatal(count)
		}
	}
}

// A gateway that owns what is counted is killed: what it had counted is counted on, and what it had told is not told again.
func TestAKilledOwnerTakesNothingWithIt(t *testing.T) {
	t.Run("the stream has it", func(t *testing.T) { killOwner(t, time.Hour, func(*redistest.Server) {}) })
	t.Run("it is saved", func(t *testing.T) { killOwner(t, time.Millisecond, forget) })
}

// forget has the streams lose all that is saved.
func forget(s *redistest.Server) {
	c := s.Client()
	defer c.Close()
	ctx := context.Background()
	for p := range Partitions {
		c.XTrimMaxLen(ctx, key(p, "hits"), 0)
	}
}

// settled waits until all that is in the streams is settled; and saved, where that is asked for.
func settled(t *testing.T, s *redistest.Server, saved bool) {
	t.Helper()
	c := s.Client()
	defer c.Close()
	eventually(t, "that all is settled", func() bool {
		for p := range Partitions {
			last, err := c.XRevRangeN(t.Context(), key(p, "hits"), "+", "-", 1).Result()
			if err != nil {
				return false
			}
			groups, err := c.XInfoGroups(t.Context(), key(p, "hits")).Result()
			if err != nil || len(groups) != 1 || groups[0].Pending > 0 || groups[0].Lag > 0 {
				return false
			}
			if len(last) == 0 || !saved {
				continue
			}
			windows, err := sealing.Open([]byte(c.Get(t.Context(), key(p, "windows")).Val()), key(p, "windows"))
			if err != nil || !strings.Contains(string(windows), last[0].ID) {
				return false
			}
		}
		return true
	})
}

func killOwner(t *testing.T, save time.Duration, meanwhile func(*redistest.Server)) {
	server := redistest.Start(t)
	url := server.URL()
	dying := startChild(t, url, save)
	eventually(t, "that it owns all", func() bool { n, _ := dying.ask(); return n == Partitions })
	for i := range 6 { // an attack that is over
		dying.login(fmt.Sprint("e-", i), "failure", "203.0.113.1", fmt.Sprint("b", i))
	}
	for a := range 40 { // half of each attack, in all partitions
		for i := range 3 {
			dying.login(fmt.Sprint("d-", a*3+i), "failure", fmt.Sprint("192.0.2.", a), fmt.Sprint("acc", a, ".", i))
		}
	}
	eventually(t, "its finding", func() bool { _, sent := dying.ask(); return len(dying.all) == 1 && sent == 2*126 })
	settled(t, server, save < time.Second)
	rest := fleetOf2(t, url)
	dying.kill()
	meanwhile(server)
	owned(t, rest...)
	for a := range 40 {
		for i := range 3 {
			rest[i%2].see(login(fmt.Sprint("r-", a*3+i), "failure", fmt.Sprint("192.0.2.", a), fmt.Sprint("acc", a, ".", i+3)))
		}
	}
	rest[0].see(login("r-x", "failure", "203.0.113.1", "b7")) // more of what was told
	eventually(t, "the findings", func() bool { return len(summary(rest...)) >= 40 })
	eventually(t, "that all is counted", func() bool { return rest[0].fleet.Stats().Counted+rest[1].fleet.Stats().Counted >= 2*121 })
	count := map[string]int{}
	for _, s := range summary(rest...) {
		count[s]++
	}
	for a := range 40 {
		if count[fmt.Sprint("Spraying 192.0.2.", a)] != 1 {
			t.Errorf("attack %d was told %d times", a, count[fmt.Sprint("Spraying 192.0.2.", a)])
		}
	}
	if len(count) != 40 {
		t.Error(count)
	}
}

func fleetOf2(t *testing.T, url string) (nodes []*node) {
	rules := testRules(t)
	for _, s := range stores(t, 2, url) {
		one := join(rules, s, quick())
		nodes = append(nodes, one)
		t.Cleanup(one.fleet.Close)
	}
	return nodes
}
