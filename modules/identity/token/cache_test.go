package token

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func cachedIdentity(sid string, life time.Duration) *reqctx.Identity {
	return &reqctx.Identity{Session: sid, Expires: now.Add(life)}
}

func TestCacheForgets(t *testing.T) {
	at := now
	c := NewCache(0, func() time.Time { return at })
	c.Put("a1", cachedIdentity("a", time.Minute), c.Drops())
	c.Put("a2", cachedIdentity("a", time.Hour), c.Drops())
	c.Put("b1", cachedIdentity("b", time.Hour), c.Drops())
	has := func(want string) {
		t.Helper()
		got := ""
		for _, raw := range []string{"a1", "a2", "b1"} {
			if _, ok := c.Get(raw); ok {
				got += raw
			}
		}
		if got != want {
			t.Fatalf("known %q, want %q", got, want)
		}
	}
	has("a1a2b1")
	at = at.Add(time.Minute)
	has("a2b1") // a1 has expired
	c.Drop("a")
	has("b1")
	c.Drop("a")
	c.Drop("unknown")
	c.Sweep()
	has("b1")
	if c.Len() != 1 || len(c.sessions) != 1 {
		t.Fatalf("%d entries, %d sessions left", c.Len(), len(c.sessions))
	}
	c.Put("a2", cachedIdentity("a", time.Hour), c.Drops()) // the id is new to it again
	has("a2b1")
}

// A session may end between the look at the database and Put.
func TestCacheTakesNothingReadBeforeADrop(t *testing.T) {
	c := NewCache(0, func() time.Time { return now })
	drops := c.Drops()
	c.Drop("a")
	c.Put("a1", cachedIdentity("a", time.Hour), drops)
	if _, ok := c.Get("a1"); ok {
		t.Fatal("a session that ended is remembered")
	}
}

func TestCacheIsBounded(t *testing.T) {
	at := now
	c := NewCache(640, func() time.Time { return at })
	for i := range 20_000 {
		if i == 10_000 {
			at = at.Add(2 * time.Minute)
		}
		c.Put(fmt.Sprint("t", i), cachedIdentity(fmt.Sprint("s", i%5000), time.Minute+at.Sub(now)), c.Drops())
	}
	if c.Len() > 640 || len(c.sessions) > c.Len() {
		t.Fatalf("%d entries, %d sessions", c.Len(), len(c.sessions))
	}
	at = at.Add(time.Hour)
	c.Sweep()
	if c.Len() != 0 || len(c.sessions) != 0 {
		t.Fatalf("%d entries, %d sessions after a sweep", c.Len(), len(c.sessions))
	}
}

func TestCacheInParallel(t *testing.T) {
	c := NewCache(128, func() time.Time { return now })
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				sid := fmt.Sprint(i % 17)
				c.Put(fmt.Sprint(g, ":", i), cachedIdentity(sid, time.Hour), c.Drops())
				c.Get(fmt.Sprint(g, ":", i))
				switch i % 50 {
				case 0:
					c.Drop(sid)
				case 1:
					c.Sweep()
				}
			}
		})
	}
	wg.Wait()
	c.Sweep()
	n := 0
	for _, s := range c.sessions {
		n += s.entries
	}
	if n != c.Len() {
		t.Fatalf("sessions count %d entries, there are %d", n, c.Len())
	}
}

func TestClear(t *testing.T) {
	c := NewCache(0, func() time.Time { return now })
	drops := c.Drops()
	id := person()
	c.Put("a", id, drops)
	c.Clear()
	c.Put("b", id, drops) // verified before, told after
	if _, ok := c.Get("a"); ok || c.Len() != 0 {
		t.Fatal("it remembers", c.Len())
	}
	c.Put("c", id, c.Drops())
	if _, ok := c.Get("c"); !ok {
		t.Fatal("it remembers nothing any more")
	}
}

// A gateway that was cut off from the feed for longer than that keeps what it tells has not heard of tokens that have ended. None of them, however long
// it would last, is remembered by then.
func TestCacheAsksAgain(t *testing.T) {
	at := now
	c := NewCache(0, func() time.Time { return at })
	c.Put("gwp_x", &reqctx.Identity{Session: "pat_x", Expires: now.Add(365 * 24 * time.Hour)}, c.Drops())
	if at = now.Add(maxAge - time.Second); !remembers(c, "gwp_x") {
		t.Error("not remembered")
	}
	if at = now.Add(maxAge); remembers(c, "gwp_x") {
		t.Error("remembered for ever")
	}
	if c.Sweep(); c.Len() != 0 {
		t.Error("kept")
	}
}

func remembers(c *Cache, raw string) bool {
	_, ok := c.Get(raw)
	return ok
}
