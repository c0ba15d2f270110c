package redisfleet

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// slots is how many a Cluster has.
const slots = 16384

// Cluster is a Redis Cluster of masters, as redis-cli makes one.
type Cluster struct {
	Masters []*Server
	t       T
}

// StartCluster runs one of n masters, at least three.
func StartCluster(t T, n int) *Cluster {
	t.Helper()
	return StartClusterOver(t, n, nil)
}

// StartClusterOver is StartCluster of masters that speak TLS alone; nil: in the clear.
func StartClusterOver(t T, n int, over *TLS) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	addrs := free(t, 2*n) // each needs a port for the others, too
	for i := range n {
		_, bus, _ := net.SplitHostPort(addrs[n+i]) // made by free
		c.Masters = append(c.Masters, start(t, addrs[i], over, append([]string{
			"--cluster-enabled", "yes", "--cluster-config-file", file(t, "nodes.conf"), "--cluster-port", bus, "--cluster-node-timeout", "5000",
		}, memory...)...))
	}
	args := slices.Concat(over.cli(), []string{"--cluster", "create"}, addrs[:n], []string{"--cluster-yes"})
	if out, err := exec.Command("redis-cli", args...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli --cluster create: %v\n%s", err, out)
	}
	c.agreed()
	return c
}

// agreed waits until all masters know that every slot is served, and by whom.
func (c *Cluster) agreed() {
	c.t.Helper()
	eventually(c.t, "agreement of the Cluster", func(ctx context.Context) bool {
		var first [slots]string
		for _, m := range c.Masters {
			info, err := m.Client().ClusterInfo(ctx).Result()
			if err != nil || !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_slots_ok:%d", slots)) {
				return false
			}
			view, err := m.owners(ctx)
			if err != nil {
				return false
			}
			if first[0] == "" {
				first = view
			}
			if view != first {
				return false
			}
		}
		return true
	})
}

// owners is the address of who serves each slot, as this master knows it.
func (s *Server) owners(ctx context.Context) (serves [slots]string, err error) {
	shards, err := s.Client().ClusterShards(ctx).Result()
	for _, shard := range shards {
		for _, r := range shard.Slots {
			for i := r.Start; i <= r.End; i++ {
				serves[i] = net.JoinHostPort(shard.Nodes[0].IP, strconv.FormatInt(cmp.Or(shard.Nodes[0].Port, shard.Nodes[0].TLSPort), 10))
			}
		}
	}
	return serves, err
}

// URL is the address as the option `store redis` takes it.
func (c *Cluster) URL() string { return "redis+cluster://" + strings.Join(c.Addrs(), ",") }

// Addrs of all masters.
func (c *Cluster) Addrs() (all []string) {
	for _, m := range c.Masters {
		all = append(all, m.Addr)
	}
	return all
}

// Client of the whole, closed with the test, as the gateway's store makes it.
func (c *Cluster) Client() *redis.ClusterClient {
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs: c.Addrs(), MaxRetries: -1, MinRetryBackoff: time.Millisecond, ContextTimeoutEnabled: true, DialTimeout: time.Second,
	})
	c.t.Cleanup(func() { _ = client.Close() })
	return client
}

// Scripts counts the scripts that all masters have run.
func (c *Cluster) Scripts() (n int) {
	c.t.Helper()
	for _, m := range c.Masters {
		n += m.Scripts()
	}
	return n
}

// Owner is the master that serves the slot.
func (c *Cluster) Owner(slot int) *Server {
	c.t.Helper()
	for _, m := range c.Masters {
		serves, err := m.owners(context.Background())
		if err != nil {
			c.t.Fatalf("asking %s for the slots: %v", m.Addr, err)
		}
		if serves[slot] == m.Addr {
			return m
		}
	}
	c.t.Fatalf("nobody serves slot %d", slot)
	return nil
}

// Move gives a slot to another master, as redis-cli's reshard does: from the first step on, keys that the old one no longer has are asked of the
// new one (ASK, and TRYAGAIN where a command's keys lie on both), and after the last the old one sends all to the new one (MOVED). between is
// called while the keys move, before each of them and after the last.
func (c *Cluster) Move(slot int, to *Server, between func()) {
	c.t.Helper()
	ctx := context.Background()
	from := c.Owner(slot)
	source, target := from.Client(), to.Client()
	do := func(client *redis.Client, args ...any) string {
		answer, err := client.Do(ctx, args...).Text()
		if err != nil {
			c.t.Fatalf("moving slot %d: %v: %v", slot, args, err)
		}
		return answer
	}
	sourceID, targetID := do(source, "CLUSTER", "MYID"), do(target, "CLUSTER", "MYID")
	do(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", sourceID)
	do(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", targetID)
	host, port, _ := net.SplitHostPort(to.Addr) // made by free
	for {
		between()
		keys, err := source.ClusterGetKeysInSlot(ctx, slot, 1).Result()
		if err != nil {
			c.t.Fatalf("moving slot %d: %v", slot, err)
		}
		if len(keys) == 0 {
			break
		}
		do(source, "MIGRATE", host, port, keys[0], 0, 5000) // NOKEY where it has just expired is no error
	}
	do(target, "CLUSTER", "SETSLOT", slot, "NODE", targetID)
	do(source, "CLUSTER", "SETSLOT", slot, "NODE", targetID)
}

// Slot of a key, as every Redis knows it.
func (c *Cluster) Slot(key string) int {
	c.t.Helper()
	n, err := c.Masters[0].Client().ClusterKeySlot(context.Background(), key).Result()
	if err != nil {
		c.t.Fatalf("asking for the slot of a key: %v", err)
	}
	return int(n)
}
