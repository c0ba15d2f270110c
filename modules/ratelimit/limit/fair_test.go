package limit

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// referee holds what was admitted of each key to the limit: a leaky bucket for each key, of any number of keys.
type referee struct {
	limit   Limit
	buckets map[string]leaky
}

// admits tells whether the limit allows it, and counts it then.
func (r *referee) admits(who string, now int64) bool {
	b := r.buckets[who]
	level := max(0, b.level-(now-b.at)) + r.limit.interval
	if level > r.limit.capacity {
		return false
	}
	r.buckets[who] = leaky{level, now}
	return true
}

// Whatever crowds a memory of a few keys, nobody is admitted more often than by the limit.
func TestNobodyGainsByCrowding(t *testing.T) {
	checkHundreds(t, 3, func(t *rapid.T) {
		clock := newVirtual()
		m := NewMemory(16, clock.now)
		z := zone(t, "z", rapid.Int64Range(1, 20).Draw(t, "count"), time.Second, rapid.Int64Range(1, 10).Draw(t, "burst"), Local)
		r := referee{z.Limit, map[string]leaky{}}
		for range rapid.IntRange(1, 400).Draw(t, "n") {
			clock.move(time.Duration(rapid.SampledFrom([]int64{0, 0, 0, 1, 1000, 40_000, 2_000_000}).Draw(t, "step")) * time.Microsecond)
			who := fmt.Sprint(rapid.IntRange(0, 80).Draw(t, "who"))
			if m.Take(charges(who, z)) && !r.admits(who, clock.at.Load()) {
				t.Fatalf("%s is admitted beyond its limit", who)
			}
		}
		if n := m.Len(); n > 16 {
			t.Fatalf("%d keys are held", n)
		}
	})
}

// The fault that this is about: a memory that forgets a key forgets what it spent.
func TestCrowdingAMapThatForgets(t *testing.T) {
	const most = 16
	spent, order := map[string]int{}, []string(nil)
	admitted := 0
	take := func(who string) bool {
		if _, ok := spent[who]; !ok {
			if len(order) == most {
				delete(spent, order[0])
				order = order[1:]
			}
			order = append(order, who)
		}
		spent[who]++
		return spent[who] <= 5
	}
	m, z, ours := NewMemory(most, time.Now), zone(t, "z", 1, time.Hour, 5, Local), 0
	for round := range 10 {
		for range 5 {
			if take("me") {
				admitted++
			}
			if m.Take(charges("me", z)) {
				ours++
			}
		}
		for i := range most {
			take(fmt.Sprint(round, i))
			m.Take(charges(fmt.Sprint(round, i), z))
		}
	}
	if admitted <= 5 {
		t.Fatal("the fault does not show")
	}
	if ours != 5 {
		t.Errorf("%d of 5 were admitted", ours)
	}
}

// What is charged and given back, as by a zone that counts failures alone, leaves the rest within the limit, however long who is given something back
// holds on to it: exactly so where one request is open at a time. Who has many open can at worst have what another of the same limit would: how much of
// each has leaked is worked out as if the others had stayed.
func TestRefundsAreFair(t *testing.T) {
	for name, most := range map[string]int{"one open": 1, "many open": 1000} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			checkHundreds(t, 3, func(t *rapid.T) { refunds(t, most) })
		})
	}
}

func refunds(t *rapid.T, most int) {
	clock := newVirtual()
	m := NewMemory(0, clock.now)
	z := zone(t, "z", rapid.Int64Range(1, 20).Draw(t, "count"), time.Second, rapid.Int64Range(1, 10).Draw(t, "burst"), Local)
	var pending, kept []held
	for range rapid.IntRange(1, 200).Draw(t, "n") {
		clock.move(time.Duration(rapid.SampledFrom([]int64{0, 0, 1, 1000, 40_000, 500_000}).Draw(t, "step")) * time.Microsecond)
		if len(pending) > 0 && rapid.Bool().Draw(t, "back") {
			i := rapid.IntRange(0, len(pending)-1).Draw(t, "which")
			m.Refund(pending[i].charges)
			pending = append(pending[:i], pending[i+1:]...)
			continue
		}
		c := charges("x", z)
		if !m.Take(c) {
			continue
		}
		if h := (held{c, clock.at.Load()}); len(pending) == most || rapid.Bool().Draw(t, "counts") {
			kept = append(kept, h)
		} else {
			pending = append(pending, h)
		}
	}
	limit := z.Limit
	if most > 1 { // of half the interval, and twice the burst
		limit.interval = (limit.interval + 1) / 2
	}
	r := referee{limit, map[string]leaky{}}
	for _, h := range kept {
		if !r.admits("x", h.at) {
			t.Fatalf("at %d: beyond the limit, without what was given back", h.at)
		}
	}
}

type held struct {
	charges []Charge
	at      int64
}

// Who holds many requests open until the burst is free again, and is given their units back then, would have them twice.
func TestHeldRequestsGainNothing(t *testing.T) {
	attack := func(naive bool) (failures int) {
		clock := newVirtual()
		m := NewMemory(0, clock.now)
		z := zone(t, "login", 10, time.Minute, 20, Local)
		var open [][]Charge
		for range 20 {
			if c := charges("x", z); m.Take(c) {
				open = append(open, c)
			}
		}
		clock.move(2 * time.Minute) // all is free again
		guess := func() {
			for m.Take(charges("x", z)) {
				failures++
			}
		}
		guess()
		for _, c := range open {
			if naive { // as if they had been charged just now
				c[0].receipt.at = m.micros()
			}
			m.Refund(c)
		}
		guess()
		return failures
	}
	if attack(true) != 40 {
		t.Fatal("the fault does not show")
	}
	if n := attack(false); n != 20 {
		t.Errorf("%d failures of 20", n)
	}
}

// A full table keeps what is spent the most and lets go of what is spent the least.
func TestTheColdestGoFirst(t *testing.T) {
	clock := newVirtual()
	m := NewMemory(ways, clock.now) // one set
	z := zone(t, "z", 1, time.Hour, 100, Local)
	for i := range ways {
		for range 1 + i*5 {
			m.Take(charges(fmt.Sprint(i), z))
		}
	}
	m.Take(charges("new", z))
	for i := range ways {
		c := charges(fmt.Sprint(i), z)[0]
		k := key{c.Subject, m.zones.of(&c).id}
		cell := m.shards[m.hash(&k)>>58%uint64(len(m.shards))].table.find(&k, m.hash(&k))
		if (cell == nil) != (i == 0) {
			t.Errorf("key %d with %d spent: held %t", i, 1+i*5, cell != nil)
		}
	}
	c := charges("0", z)
	if m.Peek(c); c[0].Result.Remaining != 99 {
		t.Errorf("the forgotten key has %d", c[0].Result.Remaining)
	}
}
