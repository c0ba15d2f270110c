package redisfleet

import (
	"context"
	"testing"
)

// A slot that moves is asked of both, and then of the new one alone; nothing that was written is lost.
func TestClusterMovesASlot(t *testing.T) {
	c := StartCluster(t, 3)
	client, ctx := c.Client(), context.Background()
	for _, key := range []string{"{a}1", "{a}2"} {
		if err := client.Set(ctx, key, "before", 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	slot := c.Slot("{a}1")
	from, steps := c.Owner(slot), 0
	var to *Server
	for _, m := range c.Masters {
		if m != from {
			to = m
		}
	}
	c.Move(slot, to, func() {
		steps++
		if got, err := client.Get(ctx, "{a}1").Result(); err != nil || got != "before" {
			t.Errorf("while it moves: %q, %v", got, err)
		}
	})
	if c.Owner(slot) != to || steps != 3 {
		t.Errorf("slot %d is served by %s after %d steps, want %s after 3", slot, c.Owner(slot).Addr, steps, to.Addr)
	}
	if got, err := client.Get(ctx, "{a}2").Result(); err != nil || got != "before" {
		t.Errorf("after it moved: %q, %v", got, err)
	}
}

// A master that is gone is followed by a replica, which knows what was written long before.
func TestSentinelsFailOver(t *testing.T) {
	s := StartSentinels(t, 2)
	client, ctx := s.Client(), context.Background()
	if err := client.Set(ctx, "key", "kept", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := client.Wait(ctx, 2, patience).Result(); err != nil || n != 2 {
		t.Fatalf("replicated to %d, %v", n, err)
	}
	s.First.Kill()
	m := s.Failed()
	if got, err := m.Client().Get(ctx, "key").Result(); err != nil || got != "kept" {
		t.Errorf("the new master has %q, %v", got, err)
	}
	if now, taken := m.Offset(); taken <= 0 || now < taken {
		t.Errorf("offsets %d and %d", now, taken)
	}
}
