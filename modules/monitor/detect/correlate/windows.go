package correlate

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Options of windows; zero values take the defaults.
type Options struct {
	MaxBytes int64         // that all groups may take together; default 256 MiB
	Exact    int           // event_count and value_count count exactly up to this threshold; default 1024
	Lateness time.Duration // how much later than others events may come that happened before them; default 30s
	Told     int           // findings that are remembered for suppression; default 200,000
	Node     string        // that tells findings
	Saved    bool          // Save and Restore are used

	// Route is asked with each hit of a correlation. Where it takes the hit (true), somebody else counts it, by Apply; it keeps nothing of h. Default: nobody.
	Route func(h *Hit) bool
}

func (o *Options) defaults() {
	if o.MaxBytes == 0 {
		o.MaxBytes = 256 << 20
	}
	if o.Exact == 0 {
		o.Exact = 1024
	}
	if o.Lateness == 0 {
		o.Lateness = 30 * time.Second
	}
	if o.Told == 0 {
		o.Told = 200_000
	}
}

// Hit is an event that a rule of a correlation matched.
type Hit struct {
	Correlation *detect.Rule
	Part        int // which of the correlation's rules
	Event       *ecs.Event
	Needs       []string // the fields of the event that matter
	Key         []byte   // of the group
}

// hit is what the kinds of correlations count.
type hit struct {
	part   int
	t      int64
	ref    uint64
	order  uint64
	number float64
	space  [maxHashes]uint64
	found  int // of space
}

// maxHashes is how many values of one event count: the first ones.
const maxHashes = 16

func (h *hit) values() []uint64 { return h.space[:h.found] }

func (h *hit) add(v uint64) {
	if h.found < maxHashes {
		h.space[h.found] = v
		h.found++
	}
}

// Windows counts hits. Any number of goroutines may use it; the findings depend on the order of events within their lateness only by which event
// completes them.
type Windows struct {
	o      Options
	seed   maphash.Seed
	secret []byte // instead of seed, where what is counted is to be saved
	rules  atomic.Pointer[compiled]
	swap   sync.Mutex
	newest atomic.Int64 // the latest event's time
	closes atomic.Int64 // when the next window is over that is told then
	order  atomic.Uint64
	bytes  atomic.Int64
	most   atomic.Int64 // bytes
	late   atomic.Int64 // the lateness, in microseconds
	told   suppressed
	refs   refs
}

// New makes windows for the rules, in which nothing is counted yet.
func New(rules *detect.Rules, o Options) *Windows { return newWindows(rules.Correlations(), o) }

func newWindows(correlations []*detect.Rule, o Options) *Windows {
	o.defaults()
	w := &Windows{o: o, seed: maphash.MakeSeed(), told: suppressed{most: o.Told}}
	if o.Saved {
		w.secret = make([]byte, secretLen)
		_, _ = rand.Read(w.secret) // never fails
	}
	w.newest.Store(math.MinInt64 / 2)
	w.Limit(o.MaxBytes, o.Lateness)
	w.closes.Store(math.MaxInt64)
	w.rules.Store(compile(correlations, nil))
	return w
}

// Limit changes how many bytes all groups may take, and the lateness, from the next event on.
func (w *Windows) Limit(bytes int64, lateness time.Duration) {
	w.most.Store(bytes)
	w.late.Store(lateness.Microseconds())
}

// Swap has other rules counted from now on. Correlations that are the same go on where they are.
func (w *Windows) Swap(rules *detect.Rules) { w.swapFor(rules.Correlations()) }

func (w *Windows) swapFor(correlations []*detect.Rule) {
	w.swap.Lock()
	defer w.swap.Unlock()
	before := w.rules.Load()
	after := compile(correlations, before)
	w.rules.Store(after)
	for _, s := range before.specs {
		if after.by[s.rule.Digest] == nil {
			for i := range s.tables {
				t := &s.tables[i]
				t.mu.Lock()
				w.bytes.Add(-t.bytes)
				t.bytes = 0
				t.groups = map[uint64]*group{} // who still counts here counts in vain
				t.head.prev, t.head.next = &t.head, &t.head
				t.mu.Unlock()
			}
		}
	}
}

// Observe takes an event that r matched: it is a finding, or counts in correlations, or both. found gets what is found.
func (w *Windows) Observe(r *detect.Rule, e *ecs.Event, found func(*finding.Finding)) {
	t := w.timeOf(e)
	w.advance(t, found)
	if r.Alone {
		w.single(r, e, t, found)
	}
	order := w.order.Add(1)
	for _, u := range w.rules.Load().uses[r] {
		w.hit(u, e, t, order, found)
	}
}

// Apply counts a hit of the correlation with that digest, which Route took somewhere else. It does nothing where there is no such correlation.
func (w *Windows) Apply(digest [32]byte, part int, e *ecs.Event, found func(*finding.Finding)) {
	s := w.rules.Load().by[digest]
	if s == nil || part < 0 || part >= len(s.c.Rules) {
		return
	}
	t := w.timeOf(e)
	w.advance(t, found)
	if key, ok := w.key(s, part, e); ok {
		w.apply(use{s, part}, key, e, t, w.order.Add(1), found)
	}
}

// Advance says that it is t now for events, and tells of windows that are over.
func (w *Windows) Advance(t time.Time, found func(*finding.Finding)) { w.advance(t.UnixMicro(), found) }

// End tells of all windows that stand open, as if all were over.
func (w *Windows) End(found func(*finding.Finding)) {
	w.closeAll(math.MaxInt64, found)
}

// timeOf is the event's time; without one, that of the latest event.
func (w *Windows) timeOf(e *ecs.Event) int64 {
	if t := e.Time(); !t.IsZero() {
		return t.UnixMicro()
	}
	return max(w.newest.Load(), 0)
}

// since is the time before which no more events are awaited.
func (w *Windows) since() int64 { return w.newest.Load() - w.late.Load() }

func (w *Windows) hit(u use, e *ecs.Event, t int64, order uint64, found func(*finding.Finding)) {
	if w.o.Route != nil {
		text, ok := groupText(u.in, u.part, e, nil)
		if !ok {
			return
		}
		if w.o.Route(&Hit{u.in.rule, u.part, e, u.in.needs, text}) {
			return
		}
	}
	if key, ok := w.key(u.in, u.part, e); ok {
		w.apply(u, key, e, t, order, found)
	}
}

// groupText writes the values that name the group, each with its length. Without one of them an event belongs to no group.
func groupText(s *spec, part int, e *ecs.Event, b []byte) ([]byte, bool) {
	for _, field := range s.groups[part] {
		v := valueOf(e, field)
		if v == "" {
			return b, false
		}
		b = append(b, byte(len(v)>>16), byte(len(v)>>8), byte(len(v)))
		b = append(b, v...)
	}
	return b, true
}

// valueOf is what a field counts as: an IPv6 address as its /64, within which one caller chooses freely.
func valueOf(e *ecs.Event, field string) string {
	v := e.Text(field)
	if strings.HasSuffix(field, ".ip") && strings.IndexByte(v, ':') >= 0 {
		return finding.SubjectOf("source.ip", v).ID
	}
	return v
}

func (w *Windows) key(s *spec, part int, e *ecs.Event) (uint64, bool) {
	var space [192]byte
	b, ok := groupText(s, part, e, space[:0])
	return w.hash(b), ok
}

// hash is the key of groups and values, which nobody outside can aim at.
func (w *Windows) hash(b []byte) uint64 {
	if w.secret == nil {
		return maphash.Bytes(w.seed, b)
	}
	var space [256]byte
	sum := sha256.Sum256(append(append(space[:0], w.secret...), b...))
	return binary.BigEndian.Uint64(sum[:])
}

func (w *Windows) hashText(s string) uint64 {
	if w.secret == nil {
		return maphash.String(w.seed, s)
	}
	var space [256]byte
	return w.hash(append(space[:0], s...))
}

// apply counts the hit in its group.
func (w *Windows) apply(u use, key uint64, e *ecs.Event, t int64, order uint64, found func(*finding.Finding)) {
	s := u.in
	h := hit{part: u.part, t: t, order: order}
	if !w.look(s, &h, e) {
		return
	}
	h.ref = w.refs.put(e.ID())
	since := w.since()
	if s.closing {
		w.gather(s, &h, key, e, since)
		return
	}
	table := &s.tables[key%shards]
	table.mu.Lock()
	g := table.get(key)
	g.newest = max(g.newest, t)
	o, met := s.add(g, &h, since, w.o.Exact)
	count := met && s.tell(g, t)
	grown := table.account(g)
	grown -= w.expire(table, s, since)
	table.mu.Unlock()
	w.grow(grown, int(key%shards))
	if met {
		w.met(s, o, e, t, order, count, found)
	}
}

// add counts by the kind of the correlation.
func (s *spec) add(g *group, h *hit, since int64, exact int) (outcome, bool) {
	switch s.c.Type {
	case detect.EventCount:
		return s.count(g, h, since, exact)
	case detect.ValueCount:
		return s.distinct(g, h, since, exact)
	case detect.ValuePercentile:
		return s.percentile(g, h, since)
	case detect.Temporal, detect.TemporalOrdered:
		return s.temporal(g, h, since)
	default:
		return s.metric(g, h, since)
	}
}

// tell tells whether correlations that count this one count it now: while its condition goes on to hold, once in its timespan.
func (s *spec) tell(g *group, t int64) bool {
	if t < g.told+s.span {
		return false
	}
	g.told = t
	return true
}

// look reads what the correlation looks at; false where the event has nothing of it.
func (w *Windows) look(s *spec, h *hit, e *ecs.Event) bool {
	fields := s.values[h.part]
	switch {
	case s.c.Type == detect.EventCount || s.c.Type == detect.Temporal || s.c.Type == detect.TemporalOrdered:
		return true
	case len(fields) == 0:
		return false
	case s.c.Type != detect.ValueCount:
		v, ok := e.Number(fields[0])
		h.number = v
		return ok
	case len(fields) == 1:
		w.hashes(h, e, fields[0])
		return h.found > 0
	}
	var space [256]byte
	b := space[:0]
	for _, f := range fields {
		v := valueOf(e, f)
		if v == "" {
			return false
		}
		b = append(append(b, v...), 0xff) // which is in no UTF-8
	}
	h.add(w.hash(b))
	return true
}

// hashes notes a field's values.
func (w *Windows) hashes(h *hit, e *ecs.Event, field string) {
	if strings.HasSuffix(field, ".ip") {
		if v := valueOf(e, field); v != "" {
			h.add(w.hashText(v))
		}
		return
	}
	for _, f := range e.Fields() {
		if f.Name == field && f.Kind != ecs.Null && f.Value.Text != "" {
			h.add(w.hashText(f.Value.Text))
		}
	}
}

// met tells of a condition that holds: a finding, and a hit of the correlations that this one is part of.
func (w *Windows) met(s *spec, o outcome, e *ecs.Event, t int64, order uint64, count bool, found func(*finding.Finding)) {
	if s.rule.Alone {
		w.several(s, &o, e, t, found)
	}
	for _, u := range s.outer {
		if count || u.in.c.Type == detect.Temporal || u.in.c.Type == detect.TemporalOrdered {
			w.hit(u, e, t, order, found)
		}
	}
}
