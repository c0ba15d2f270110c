// Package pick chooses one of several back ends: the one with the fewest requests, or the one that a key belongs to, where those that have just come (back)
// up get their share little by little.
package pick

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// Target is a back end as it is when a request comes.
type Target struct {
	Name      string // its address, as configured
	Available bool
	Requests  int // that it answers now, and sockets
}

const (
	least      = 0.05           // the weight that a back end begins with
	mostKnown  = 10_000         // back ends that are remembered
	forgetting = 24 * time.Hour // one that was not asked about for so long is forgotten
)

// Table remembers since when back ends are up. It is safe for use by many.
type Table struct {
	now   func() time.Time
	mu    sync.Mutex
	known map[string]*known
}

type known struct {
	up    bool
	since time.Time // it is up, where it is not up from the beginning; zero: it always was
	seen  time.Time // it was last looked at
}

// NewTable makes an empty one.
func NewTable(now func() time.Time) *Table { return &Table{now: now, known: map[string]*known{}} }

// Weights are between 0 and 1 for each target, and 0 for one that is not available: less than 1 during the slow start after it came up. Those that are
// there from the beginning, before any other was, have no slow start: nothing carries their load.
func (t *Table) Weights(targets []Target, slow time.Duration) []float64 {
	weights := make([]float64, len(targets))
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	anew := t.noneKnown(targets)
	for i, target := range targets {
		k := t.known[target.Name]
		if k == nil {
			k = &known{}
			if !anew {
				k.since = now
			}
			k.up = target.Available
			t.put(target.Name, k, now)
		}
		if target.Available && !k.up {
			k.since = now
		}
		k.up, k.seen = target.Available, now
		if target.Available {
			weights[i] = ramp(now, k.since, slow)
		}
	}
	return weights
}

// noneKnown needs mu.
func (t *Table) noneKnown(targets []Target) bool {
	for _, target := range targets {
		if t.known[target.Name] != nil {
			return false
		}
	}
	return true
}

// put needs mu. Back ends that come and go, as those found by DNS, are bounded.
func (t *Table) put(name string, k *known, now time.Time) {
	if len(t.known) >= mostKnown {
		for other, o := range t.known {
			if now.Sub(o.seen) > forgetting {
				delete(t.known, other)
			}
		}
		if len(t.known) >= mostKnown {
			clear(t.known)
		}
	}
	t.known[name] = k
}

func ramp(now, since time.Time, slow time.Duration) float64 {
	if slow <= 0 || since.IsZero() {
		return 1
	}
	return max(least, min(1, float64(now.Sub(since))/float64(slow)))
}

// Least is the index of the available target with the fewest requests for its weight; of several alike any; -1 where none is available. skip leaves
// targets out.
func Least(targets []Target, weights []float64, skip func(i int) bool) int {
	best, alike, load := -1, 0, 0.0
	for i := range targets {
		if weights[i] == 0 || skip(i) {
			continue
		}
		switch l := float64(targets[i].Requests+1) / weights[i]; {
		case best < 0 || l < load:
			best, alike, load = i, 1, l
		case l == load:
			if alike++; rand.IntN(alike) == 0 {
				best = i
			}
		}
	}
	return best
}

// Of is the index of the available target that the key belongs to, -1 where none is available. It is weighted rendezvous hashing: when a target goes, only its
// keys move, and spread over the others; when it comes, only those move that become its own, more and more of them as its weight grows.
func Of(key string, targets []Target, weights []float64, skip func(i int) bool) int {
	best, most := -1, 0.0
	for i := range targets {
		if weights[i] == 0 || skip(i) {
			continue
		}
		if score := -weights[i] / math.Log(unit(key, targets[i].Name)); best < 0 || score > most {
			best, most = i, score
		}
	}
	return best
}

// unit is a number between 0 and 1, the same for the same two on every node of a fleet.
func unit(key, name string) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte{byte(len(name)), byte(len(name) >> 8)}) // so that no other pair gives the same bytes; a hash's Write never fails
	_, _ = h.Write([]byte(name))
	_, _ = h.Write([]byte(key))
	return (float64(mix(h.Sum64())>>11) + 0.5) / (1 << 53)
}

// mix spreads the bits of a hash that is weak in its upper ones (the finalizer of MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
