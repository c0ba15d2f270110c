package correlate

import (
	"math"
	"slices"

	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// expire drops groups that nothing can come of any more, and gives what that frees. The table is locked.
func (w *Windows) expire(t *table, s *spec, since int64) (freed int64) {
	for range 4 { // more than come with an event, so that they all go
		g := t.coldest()
		if g == nil || g.newest >= since-s.span-s.span/parts {
			break
		}
		freed += t.drop(g)
	}
	return freed
}

// grow notes that groups take more, and makes room where they take too much: the groups that were quiet for longest go, of all correlations.
func (w *Windows) grow(by int64, shard int) {
	for n := w.bytes.Add(by); n > w.most.Load(); n = w.bytes.Load() {
		var coldest *table
		oldest := int64(math.MaxInt64)
		for i, s := range w.rules.Load().specs {
			for j := range shards {
				// The other shards' groups are looked at only where this one has none: they go when their turn comes.
				t := &s.tables[(shard+j)%shards]
				t.mu.Lock()
				if g := t.coldest(); g != nil && g.newest < oldest {
					coldest, oldest = t, g.newest
				}
				t.mu.Unlock()
				if coldest != nil || i > 0 {
					break
				}
			}
		}
		if coldest == nil {
			return
		}
		w.evict(coldest)
	}
}

// evict drops some of the table's quietest groups.
func (w *Windows) evict(t *table) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range 16 {
		g := t.coldest()
		if g == nil {
			return
		}
		w.bytes.Add(-t.drop(g))
		t.evicted++
	}
}

// gather counts a hit in a window that is told when it is over.
func (w *Windows) gather(s *spec, h *hit, key uint64, e *ecs.Event, since int64) {
	end := floor(h.t, s.span) + s.span
	key ^= uint64(end) * 0x9e3779b97f4a7c15 // each window is a group
	t := &s.tables[key%shards]
	t.mu.Lock()
	if end <= since {
		t.late++ // it was told without this event
		t.mu.Unlock()
		return
	}
	g := t.get(key)
	g.newest = max(g.newest, h.t)
	s.gather(g, h, e, w.o.Exact)
	grown := t.account(g)
	if t.closes == 0 || end < t.closes {
		t.closes = end
	}
	t.mu.Unlock()
	for old := w.closes.Load(); end < old && !w.closes.CompareAndSwap(old, end); old = w.closes.Load() {
	}
	w.grow(grown, int(key%shards))
}

func (w *Windows) advance(t int64, found func(*finding.Finding)) {
	for old := w.newest.Load(); t > old && !w.newest.CompareAndSwap(old, t); old = w.newest.Load() {
	}
	if since := w.since(); since >= w.closes.Load() {
		w.closeAll(since, found)
	}
}

// ended is a window that is over and holds what its condition asks for.
type ended struct {
	s *spec
	o outcome
	w *window
}

// closeAll tells of the windows that are over at that time: by their ends, and then by the events that began them.
func (w *Windows) closeAll(since int64, found func(*finding.Finding)) {
	w.closes.Store(math.MaxInt64)
	var all []ended
	next := int64(math.MaxInt64)
	for _, s := range w.rules.Load().specs {
		if !s.closing {
			continue
		}
		for i := range s.tables {
			over, closes := w.closeTable(s, &s.tables[i], since)
			all = append(all, over...)
			next = min(next, closes)
		}
	}
	for old := w.closes.Load(); next < old && !w.closes.CompareAndSwap(old, next); old = w.closes.Load() {
	}
	slices.SortStableFunc(all, func(a, b ended) int {
		if c := compare(a.w.end, b.w.end); c != 0 {
			return c
		}
		if c := compare(a.o.first, b.o.first); c != 0 {
			return c
		}
		return compare(int64(a.o.space[0]), int64(b.o.space[0]))
	})
	for _, x := range all {
		w.met(x.s, x.o, x.w.event(), x.o.last, w.order.Add(1), true, found)
	}
}

// closeTable takes the windows that are over out of the table.
func (w *Windows) closeTable(s *spec, t *table, since int64) (over []ended, closes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	closes = math.MaxInt64
	if t.closes == 0 || t.closes > since {
		if t.closes != 0 {
			closes = t.closes
		}
		return nil, closes
	}
	for _, g := range t.groups {
		end := g.more.window.end
		if end > since {
			closes = min(closes, end)
			continue
		}
		if o, met := g.more.window.over(s.c); met {
			over = append(over, ended{s, o, g.more.window})
		}
		w.bytes.Add(-t.drop(g))
	}
	t.closes = closes
	if closes == math.MaxInt64 {
		t.closes = 0
	}
	return over, closes
}
