package abuse

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const (
	mostPeople     = 7 // that count of one address: who makes accounts to hide behind gains no more than that
	perGeneration  = 1 << 15
	longGeneration = 30 * time.Minute
)

// crowd remembers who was signed in at an address within the last half-hour to hour. It holds two generations: one that is full, or old, pushes
// out the one before.
type crowd struct {
	now  func() time.Time
	seed maphash.Seed

	mu         sync.RWMutex
	since      time.Time
	young, old map[netip.Prefix]*group
}

// group is the people of an address, as digests.
type group struct {
	n  int
	of [mostPeople]uint64
}

func (g *group) has(person uint64) bool {
	if g == nil {
		return false
	}
	for _, p := range g.of[:g.n] {
		if p == person {
			return true
		}
	}
	return false
}

func newCrowd(now func() time.Time) *crowd {
	return &crowd{now: now, seed: maphash.MakeSeed(), since: now(), young: map[netip.Prefix]*group{}}
}

// seen adds a person, and tells how many there are and whether that is one more.
func (c *crowd) seen(p netip.Prefix, user string) (people int, more bool) {
	person := maphash.String(c.seed, user)
	now := c.now()
	c.mu.RLock()
	g := c.young[p]
	known := now.Sub(c.since) < longGeneration && (g.has(person) || g != nil && g.n == mostPeople)
	c.mu.RUnlock()
	if known { // nearly always
		return 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := now.Sub(c.since); age >= longGeneration || c.young[p] == nil && len(c.young) >= perGeneration {
		c.old = c.young
		if age >= 2*longGeneration {
			c.old = nil
		}
		c.young, c.since = map[netip.Prefix]*group{}, now
	}
	g = c.young[p]
	if g == nil {
		g = new(group)
		c.young[p] = g
	}
	before := c.count(p, now)
	if g.n < mostPeople && !g.has(person) {
		g.of[g.n] = person
		g.n++
	}
	after := c.count(p, now)
	return after, after > before
}

// leave takes a person out.
func (c *crowd) leave(p netip.Prefix, user string) {
	person := maphash.String(c.seed, user)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, g := range []*group{c.young[p], c.old[p]} {
		if g == nil {
			continue
		}
		for i, other := range g.of[:g.n] {
			if other == person {
				g.n--
				g.of[i] = g.of[g.n]
				break
			}
		}
	}
}

func (c *crowd) people(p netip.Prefix) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.count(p, c.now())
}

// count is how many different people both generations know. It is locked.
func (c *crowd) count(p netip.Prefix, now time.Time) int {
	young, old := c.young[p], c.old[p]
	switch age := now.Sub(c.since); { // nobody may have come since to begin a new generation
	case age >= 2*longGeneration:
		return 0
	case age >= longGeneration:
		old = nil
	}
	n := 0
	if young != nil {
		n = young.n
	}
	if old != nil {
		for _, person := range old.of[:old.n] {
			if !young.has(person) {
				n++
			}
		}
	}
	return min(n, mostPeople)
}
