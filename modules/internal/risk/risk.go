// Package risk keeps how far the behaviour of clients and people is from what is usual, as a score that fades: detection raises it, policies and events
// read it.
//
// A table is of this process: each gateway goes by what it saw itself. It holds two generations: a full one pushes out the one before, with those
// who were not heard of for longest.
package risk

import (
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const (
	perGeneration = 1 << 15 // subjects
	halfLife      = time.Hour
	most          = 100 // the highest score
	step          = 10  // scores are told in steps, so that decisions that were made can be remembered
)

// Table is the scores. A nil Table knows none.
type Table struct {
	now func() time.Time

	any        atomic.Bool // whether anybody has ever had a score: most gateways, most of the time, have nobody
	mu         sync.RWMutex
	young, old map[key]entry
}

// key is a client's or a user's.
type key struct{ client, user string }

type entry struct {
	score float64
	at    time.Time
}

// New makes an empty table.
func New(now func() time.Time) *Table { return &Table{now: now, young: map[key]entry{}} }

// RaiseClient adds to the score of a client, as reqctx.Client.Key has it.
func (t *Table) RaiseClient(client string, points float64) { t.raise(key{client: client}, points) }

// RaiseUser adds to the score of an account.
func (t *Table) RaiseUser(id string, points float64) { t.raise(key{user: id}, points) }

func (t *Table) raise(k key, points float64) {
	if t == nil || k == (key{}) || !(points > 0) {
		return
	}
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	score := t.at(k, now)
	if _, ok := t.young[k]; !ok && len(t.young) >= perGeneration {
		t.old, t.young = t.young, make(map[key]entry)
	}
	t.young[k] = entry{min(score+points, most), now}
	t.any.Store(true)
}

// at is the score as it stands. The lock is held.
func (t *Table) at(k key, now time.Time) float64 {
	e, ok := t.young[k]
	if !ok {
		if e, ok = t.old[k]; !ok {
			return 0
		}
	}
	return e.score * math.Exp2(-max(0, now.Sub(e.at).Hours()/halfLife.Hours()))
}

// Of is the score of a client or of the account that is signed in there, whichever is higher: 0 to 100, in steps of 10.
func (t *Table) Of(ip netip.Addr, user string) int {
	if t == nil || !t.any.Load() {
		return 0
	}
	now, score := t.now(), 0.0
	t.mu.RLock()
	if ip.IsValid() {
		score = t.at(key{client: reqctx.Client{IP: ip}.Key()}, now)
	}
	if user != "" {
		score = max(score, t.at(key{user: user}, now))
	}
	t.mu.RUnlock()
	return int(score/step) * step
}
