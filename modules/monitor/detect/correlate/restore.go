package correlate

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/axiomhq/hyperloglog"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/ecs"
)

var errSaved = errors.New("not what windows save")

// Restore goes on counting where Save left off, in windows that have counted nothing yet. Correlations that are not the same begin anew. After an error
// what was read up to there is kept: the groups are each whole.
func (w *Windows) Restore(saved []byte) error {
	rest, ok := bytes.CutPrefix(saved, []byte(version))
	if !ok || len(rest) < secretLen || w.secret == nil {
		return errSaved
	}
	r := &reader{rest: rest[secretLen:]}
	newest, order := r.int(), r.int()
	if n := r.len(maxPrefixes - 1); n > 0 {
		w.refs.restore(r, n)
	}
	w.secret = bytes.Clone(rest[:secretLen])
	for range r.len(mostTold) {
		w.told.restore(uint64(r.int()), r.int(), r)
	}
	specs := r.len(1 << 16)
	for range specs {
		var digest [32]byte
		copy(digest[:], r.bytes(32))
		s := w.rules.Load().by[digest]
		for range shards {
			for r.byte() == 1 && r.ok() {
				g := r.group()
				if r.ok() && s != nil && g.fits(s, w.o.Exact) {
					w.grow(s.put(g), int(g.key%shards))
					if s.closing {
						w.closes.Store(min(w.closes.Load(), g.more.window.end))
					}
				}
			}
		}
	}
	if !r.ok() || len(r.rest) > 0 {
		return errSaved
	}
	w.newest.Store(newest)
	w.order.Store(uint64(order))
	return nil
}

// put adds a group as the one that was quiet for longest.
func (s *spec) put(g *group) (grown int64) {
	t := &s.tables[g.key%shards]
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.groups[g.key] != nil {
		return 0
	}
	t.groups[g.key] = g
	g.prev, g.next = t.head.prev, &t.head
	g.prev.next, g.next.prev = g, g
	if s.closing && (t.closes == 0 || g.more.window.end < t.closes) {
		t.closes = g.more.window.end
	}
	return t.account(g)
}

// fits tells whether the group can be one of the correlation's: what is saved may be another version's.
func (g *group) fits(s *spec, exact int) bool {
	if !slices.IsSortedFunc(g.marks, func(a, b mark) int { return compare(a.t, b.t) }) {
		return false
	}
	if s.closing {
		return g.more != nil && g.more.window != nil
	}
	if g.more != nil && g.more.window != nil || g.more == nil && len(g.marks) == 0 {
		return false
	}
	switch s.c.Type {
	case detect.Temporal, detect.TemporalOrdered:
		return !slices.ContainsFunc(g.marks, func(m mark) bool { return partOf(&m) >= len(s.c.Rules) })
	case detect.ValuePercentile:
		return len(g.marks) <= kept
	case detect.ValueSum, detect.ValueAvg, detect.ValueMin, detect.ValueMax:
		return g.more != nil && len(g.marks) == 0
	}
	return len(g.marks) <= 2*exact+spare || s.c.Type == detect.EventCount
}

func (r *refs) restore(from *reader, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts, r.index = nil, map[string]uint64{}
	for range n {
		text := from.text(128)
		r.texts = append(r.texts, text)
		r.index[text] = uint64(len(r.texts))
	}
}

func (s *suppressed) restore(key uint64, until int64, r *reader) {
	if r.ok() {
		s.tell(key, until-1, 1)
	}
}

// reader reads what Save wrote. After the first fault it gives zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) ok() bool { return !r.bad }

func (r *reader) bytes(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) int() int64 {
	if b := r.bytes(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) float() float64 { return math.Float64frombits(uint64(r.int())) }

// len reads a length of at most so many, each of at least one byte: what is made for it can't be more than was read.
func (r *reader) len(most int) int {
	n, size := binary.Uvarint(r.rest)
	if r.bad || size <= 0 || n > uint64(most) || n > uint64(len(r.rest)-size) {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return int(n)
}

func (r *reader) text(most int) string { return string(r.bytes(r.len(most))) }

func (r *reader) sketch() *hyperloglog.Sketch {
	k := newSketch()
	raw := []byte(r.text(64 << 10))
	if r.bad || k.UnmarshalBinary(raw) != nil || newSketch().Merge(k) != nil { // the second: of another precision
		r.bad = true
		return newSketch()
	}
	return k
}

const mostMarks = 1 << 20

func (r *reader) group() *group {
	g := &group{key: uint64(r.int()), newest: r.int(), told: r.int()}
	for range r.len(mostMarks) {
		g.marks = append(g.marks, mark{r.int(), uint64(r.int()), uint64(r.int())})
	}
	if r.byte() == 0 {
		return g
	}
	g.more = new(more)
	for range r.len(parts + spare) {
		g.more.cells = append(g.more.cells, r.cell())
	}
	for range r.len(sketchParts + 1) {
		g.more.sketches = append(g.more.sketches, sketch{r.int(), r.sketch()})
	}
	if r.byte() == 1 {
		g.more.window = r.window()
	}
	return g
}

func (r *reader) cell() cell {
	return cell{r.int(), r.int(), r.float(), r.float(), r.float(), uint64(r.int())}
}

func (r *reader) window() *window {
	w := &window{end: r.int(), o: outcome{first: r.int(), last: r.int(), count: int(r.int())}}
	for range r.len(named) {
		w.o.name(uint64(r.int()))
	}
	w.cell = r.cell()
	if n := r.len(mostMarks); n > 0 {
		w.set = map[uint64]struct{}{}
		for range n {
			w.set[uint64(r.int())] = struct{}{}
		}
	}
	if r.byte() == 1 {
		w.sketch = r.sketch()
	}
	for range r.len(kept) {
		w.numbers = append(w.numbers, r.float())
	}
	for range r.len(256) {
		w.fields = append(w.fields, ecs.Field{Name: r.text(256), Value: ecs.Value{Text: r.text(64 << 10)}})
	}
	return w
}
