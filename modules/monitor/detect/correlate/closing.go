package correlate

import (
	"maps"
	"slices"

	"github.com/axiomhq/hyperloglog"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// window is one that is told when it is over.
type window struct {
	end     int64 // the first microsecond after it
	o       outcome
	cell    cell
	set     map[uint64]struct{}
	sketch  *hyperloglog.Sketch // instead of set, where that would be too large
	numbers []float64           // the last ones
	fields  []ecs.Field         // of its last event
}

func (w *window) size() int {
	n := 360 + len(w.set)*16 + cap(w.numbers)*8 + len(w.fields)*96
	if w.sketch != nil {
		n += sketchBytes
	}
	return n
}

// gather adds an event to its window.
func (s *spec) gather(g *group, h *hit, e *ecs.Event, exact int) {
	if g.more == nil {
		g.more = &more{window: &window{end: floor(h.t, s.span) + s.span, o: outcome{first: h.t, last: h.t}, cell: cell{min: h.number, max: h.number}}}
	}
	w := g.more.window
	w.o.first, w.o.last = min(w.o.first, h.t), max(w.o.last, h.t)
	w.o.count++
	w.o.name(h.ref)
	switch s.c.Type {
	case detect.EventCount:
	case detect.ValueCount:
		w.addValues(h.values(), exact)
	case detect.ValuePercentile:
		if len(w.numbers) == kept {
			w.numbers = slices.Delete(w.numbers, 0, 1)
		}
		w.numbers = append(w.numbers, h.number)
	default:
		w.cell.add(h.number, 0)
	}
	w.fields = w.fields[:0]
	for _, name := range s.needs {
		if text := e.Text(name); text != "" {
			w.fields = append(w.fields, ecs.Field{Name: name, Value: ecs.Value{Text: text}})
		}
	}
}

func (w *window) addValues(values []uint64, exact int) {
	for _, v := range values {
		if w.sketch == nil && len(w.set) >= exact {
			w.sketch = newSketch()
			for v := range maps.Keys(w.set) {
				w.sketch.InsertHash(v)
			}
			w.set = nil
		}
		if w.sketch != nil {
			w.sketch.InsertHash(v)
			continue
		}
		if w.set == nil {
			w.set = map[uint64]struct{}{}
		}
		w.set[v] = struct{}{}
	}
}

// over gives what the window came to, and whether that is what the condition asks for.
func (w *window) over(c *detect.Correlation) (outcome, bool) {
	o := w.o
	switch c.Type {
	case detect.EventCount:
		return o, c.Met(float64(o.count))
	case detect.ValueCount:
		o.distinct = len(w.set)
		if w.sketch != nil {
			o.distinct = int(w.sketch.Estimate())
		}
		return o, c.Met(float64(o.distinct))
	case detect.ValuePercentile:
		return o, c.Met(nearestRank(w.numbers, c.Percent))
	default:
		return o, c.Met(w.cell.is(c.Type))
	}
}

// event gives what is kept of the window's last event.
func (w *window) event() *ecs.Event {
	e := new(ecs.Event)
	for _, f := range w.fields {
		e.Set(f.Name, f.Text)
	}
	return e
}
