// Package tier remembers what subjects are entitled to, as the policy last said it of them, so that rate limits know at the next request.
package tier

import (
	"sync"
	"time"
)

const (
	perGeneration = 1 << 15          // subjects
	longest       = 64               // bytes of a name
	keep          = 15 * time.Minute // after the policy said it last
	again         = keep / 15        // what was said so lately is not written again
)

// Table is of this process: each gateway learns from the decisions that it makes. A nil Table knows nothing. It holds two generations: a full one
// pushes out the one before, with those who were not heard of for longest.
type Table struct {
	now func() time.Time

	mu         sync.RWMutex
	young, old map[string]entry
}

type entry struct {
	tier string
	at   time.Time
}

// New makes an empty table.
func New(now func() time.Time) *Table { return &Table{now: now, young: map[string]entry{}} }

// Set remembers what the policy said of a subject. An empty or overlong tier changes nothing.
func (t *Table) Set(subject, tier string) {
	if t == nil || subject == "" || tier == "" || len(tier) > longest {
		return
	}
	now := t.now()
	t.mu.RLock()
	e, ok := t.young[subject]
	t.mu.RUnlock()
	if ok && e.tier == tier && now.Sub(e.at) < again {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.young[subject]; !ok && len(t.young) >= perGeneration {
		t.old, t.young = t.young, make(map[string]entry)
	}
	t.young[subject] = entry{tier, now}
}

// Of returns the subject's tier, "" where it is not known.
func (t *Table) Of(subject string) string {
	if t == nil || subject == "" {
		return ""
	}
	t.mu.RLock()
	e, ok := t.young[subject]
	if !ok {
		e, ok = t.old[subject]
	}
	t.mu.RUnlock()
	if !ok || t.now().Sub(e.at) > keep {
		return ""
	}
	return e.tier
}
