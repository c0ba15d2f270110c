package correlate

import (
	"sync"

	"github.com/axiomhq/hyperloglog"
)

// shards is in how many parts, each with its own lock, the groups of a correlation lie.
const shards = 16

// mark is one event of a group, or one value.
type mark struct {
	t   int64  // microseconds
	ref uint64 // the event's id, see refs
	v   uint64 // by kind: a value's hash, a number's bits, a count, a part and its order
}

// group is what is kept for one group of one correlation.
type group struct {
	key        uint64
	newest     int64 // time of its newest event
	told       int64 // when correlations that count this one were told last
	prev, next *group
	marks      []mark // by time
	more       *more  // of kinds that need it
	bytes      int32  // as it is accounted for
}

// more is what few groups need.
type more struct {
	cells    []cell
	sketches []sketch
	rest     int // events until the sketches are asked again
	distinct int // what they said last
	met      bool
	window   *window
}

// cell sums up the values of a part of the timespan.
type cell struct {
	at            int64 // which part, from the epoch on
	n             int64
	sum, min, max float64
	ref           uint64
}

// sketch holds the values of a part of the timespan.
type sketch struct {
	at  int64
	all *hyperloglog.Sketch
}

// What is accounted for: the group with its place in the map, and what hangs on it.
const (
	groupBytes  = 96 + 48
	markBytes   = 24
	moreBytes   = 112
	cellBytes   = 48
	sketchBytes = 4<<10 + 200
)

func (g *group) size() int32 {
	n := groupBytes + cap(g.marks)*markBytes
	if m := g.more; m != nil {
		n += moreBytes + cap(m.cells)*cellBytes + len(m.sketches)*sketchBytes
		if m.window != nil {
			n += m.window.size()
		}
	}
	return int32(n) // some 100 KiB at most
}

// table is a shard's part of a correlation's groups. The quiet ones are at the end of its list.
type table struct {
	mu      sync.Mutex
	groups  map[uint64]*group
	head    group // of the ring: head.next was touched last
	closes  int64 // when the first window that stands open is over; of correlations that are told then
	evicted int64 // groups that went before their time
	late    int64 // events that came after their window was told
	bytes   int64
}

func newTables() *[shards]table {
	all := new([shards]table)
	for i := range all {
		t := &all[i]
		t.groups = map[uint64]*group{}
		t.head.prev, t.head.next = &t.head, &t.head
	}
	return all
}

// get gives the group, a new one where there is none, as the one that was touched last.
func (t *table) get(key uint64) *group {
	g := t.groups[key]
	if g == nil {
		g = &group{key: key, newest: -1 << 62, told: -1 << 62}
		t.groups[key] = g
	} else {
		g.prev.next, g.next.prev = g.next, g.prev
	}
	g.prev, g.next = &t.head, t.head.next
	g.prev.next, g.next.prev = g, g
	return g
}

// drop forgets the group and gives how many bytes that frees.
func (t *table) drop(g *group) int64 {
	g.prev.next, g.next.prev = g.next, g.prev
	delete(t.groups, g.key)
	t.bytes -= int64(g.bytes)
	return int64(g.bytes)
}

// coldest is the group that was quiet for longest, nil where there is none.
func (t *table) coldest() *group {
	if g := t.head.prev; g != &t.head {
		return g
	}
	return nil
}

// account notes what g takes now and gives the difference.
func (t *table) account(g *group) int64 {
	n := g.size()
	d := int64(n - g.bytes)
	g.bytes = n
	t.bytes += d
	return d
}

// insert puts m in its place by time, behind those of the same time, and gives that place.
func (g *group) insert(m mark) int {
	i := len(g.marks)
	for i > 0 && g.marks[i-1].t > m.t {
		i--
	}
	g.marks = append(g.marks, mark{})
	copy(g.marks[i+1:], g.marks[i:])
	g.marks[i] = m
	return i
}

// forget drops the marks that no window reaches that ends at since or later.
func (g *group) forget(since, span int64) (dropped int) {
	for dropped < len(g.marks) && g.marks[dropped].t <= since-span {
		dropped++
	}
	g.cut(dropped)
	return dropped
}

// cut drops the oldest n marks.
func (g *group) cut(n int) {
	if n > 0 {
		g.marks = append(g.marks[:0], g.marks[n:]...)
	}
}
