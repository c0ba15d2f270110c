package correlate

import (
	"encoding/binary"
	"maps"
	"math"

	"github.com/axiomhq/hyperloglog"
)

const (
	secretLen = 16
	version   = "windows 1\n"
	mostTold  = 10_000 // of suppressions, saved
)

// Save gives what is counted, in about so many bytes at most: of each correlation the groups that were touched last. Options.Saved must be set, and
// nothing counted meanwhile.
func (w *Windows) Save(most int) []byte {
	b := append([]byte(version), w.secret...)
	b = putInt(putInt(b, w.newest.Load()), int64(w.order.Load()))
	w.refs.mu.Lock()
	b = putLen(b, len(w.refs.texts))
	for _, text := range w.refs.texts {
		b = putText(b, text)
	}
	w.refs.mu.Unlock()
	b = w.told.save(b)
	specs := w.rules.Load().specs
	b = putLen(b, len(specs))
	for i, s := range specs {
		b = append(b, s.rule.Digest[:]...)
		share := max(most-len(b), 0) / (len(specs) - i) // what one leaves, the next may take
		for j := range s.tables {
			b = s.tables[j].save(b, len(b)+share/shards)
		}
	}
	return b
}

func (t *table) save(b []byte, most int) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	for g := t.head.next; g != &t.head && len(b) < most; g = g.next {
		b = append(b, 1) // one more
		b = g.save(b)
	}
	return append(b, 0)
}

func (s *suppressed) save(b []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.ring), mostTold)
	b = putLen(b, n)
	for i := range n { // the newest ones, the oldest of them first
		k := s.ring[(s.next+len(s.ring)-n+i)%len(s.ring)]
		b = putInt(putInt(b, int64(k)), s.until[k])
	}
	return b
}

func (g *group) save(b []byte) []byte {
	b = putInt(putInt(putInt(b, int64(g.key)), g.newest), g.told)
	b = putLen(b, len(g.marks))
	for i := range g.marks {
		m := &g.marks[i]
		b = putInt(putInt(putInt(b, m.t), int64(m.ref)), int64(m.v))
	}
	if g.more == nil {
		return append(b, 0)
	}
	b = append(b, 1)
	m := g.more
	b = putLen(b, len(m.cells))
	for i := range m.cells {
		b = m.cells[i].save(b)
	}
	b = putLen(b, len(m.sketches))
	for _, k := range m.sketches {
		b = putSketch(putInt(b, k.at), k.all)
	}
	if m.window == nil {
		return append(b, 0)
	}
	return m.window.save(append(b, 1))
}

func (c *cell) save(b []byte) []byte {
	b = putInt(putInt(b, c.at), c.n)
	b = putFloat(putFloat(putFloat(b, c.sum), c.min), c.max)
	return putInt(b, int64(c.ref))
}

func (w *window) save(b []byte) []byte {
	b = putInt(putInt(putInt(putInt(b, w.end), w.o.first), w.o.last), int64(w.o.count))
	b = putLen(b, w.o.names)
	for _, ref := range w.o.refs() {
		b = putInt(b, int64(ref))
	}
	b = w.cell.save(b)
	b = putLen(b, len(w.set))
	for v := range maps.Keys(w.set) {
		b = putInt(b, int64(v))
	}
	if w.sketch == nil {
		b = append(b, 0)
	} else {
		b = putSketch(append(b, 1), w.sketch)
	}
	b = putLen(b, len(w.numbers))
	for _, v := range w.numbers {
		b = putFloat(b, v)
	}
	b = putLen(b, len(w.fields))
	for _, f := range w.fields {
		b = putText(putText(b, f.Name), f.Text)
	}
	return b
}

func putInt(b []byte, v int64) []byte     { return binary.BigEndian.AppendUint64(b, uint64(v)) }
func putFloat(b []byte, v float64) []byte { return putInt(b, int64(math.Float64bits(v))) }
func putLen(b []byte, n int) []byte       { return binary.AppendUvarint(b, uint64(n)) }
func putText(b []byte, s string) []byte   { return append(putLen(b, len(s)), s...) }

func putSketch(b []byte, k *hyperloglog.Sketch) []byte {
	raw, err := k.MarshalBinary()
	if err != nil { // of one that is whole there is none
		raw = nil
	}
	return putText(b, string(raw))
}
