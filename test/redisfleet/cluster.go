package redisfleet

import (
	"context"
	"fmt"
	"net"
	"os/exec"
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
	c := &Cluster{t: t}
	addrs := free(t, 2*n) // each needs a port for the others, too
	for i := range n {
		_, bus, _ := net.SplitHostPort(addrs[n+i]) // made by free
		c.Masters = append(c.Masters, start(t, addrs[i], append([]string{
			"--cluster-enabled", "yes", "--cluster-config-file", file(t, "nodes.conf"), "--cluster-port", bus, "--cluster-node-timeout", "5000",
		}, memory...)...))
	}
	args := append([]string{"--cluster", "create"}, addrs[:n]...)
	if out, err := exec.Command("redis-cli", append(args, "--cluster-yes")...).CombinedOutput(); err != nil {
		t.Fatalf("redis-cli --cluster create: %v\n%s", err, out)
	}
	c.agreed()
	return c
}

// agreed waits until all masters know that every slot is served, and by whom.
func (c *Cluster) agreed() {
	c.t.Helper()
	eventually(c.t, "agreement of the Cluster", func(ctx context.Context) bool {
		var first string
		for _, m := range c.Masters {
			info, err := m.Client().ClusterInfo(ctx).Result()
			if err != nil || !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_slots_ok:%d", slots)) {
				return false
			}
			shards, err := m.Client().ClusterSlots(ctx).Result()
			if err != nil {
				return false
			}
			view := owners(shards)
			if first == "" {
				first = view
			}
			if view != first {
				return false
			}
		}
		return true
	})
}

// owners writes who serves what, in the order of the slots.
func owners(all []redis.ClusterSlot) string {
	serves := make([]string, slots)
	for _, s := range all {
		for i := s.Start; i <= s.End; i++ {
			serves[i] = s.Nodes[0].Addr
		}
	}
	return strings.Join(serves, ",")
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
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs(), MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: time.Second})
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
		all, err := m.Client().ClusterSlots(context.Background()).Result()
		if err != nil {
			c.t.Fatalf("asking %s for the slots: %v", m.Addr, err)
		}
		for _, s := range all {
			if slot >= s.Start && slot <= s.End && s.Nodes[0].Addr == m.Addr {
				return m
			}
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
