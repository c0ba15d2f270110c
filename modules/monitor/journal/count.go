package journal

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// Part of the truth, where it is not all: see Found.
type Partial struct {
	Through time.Time
	Unread  int
}

// tally calls use with each piece and the rows of it for which the filter holds.
func (j *Journal) tally(ctx context.Context, f *Filter, use func(p piece, rows []uint32) error) (Partial, error) {
	w, err := j.each(ctx, f, 1<<63, func(p piece, rows []uint32) (bool, error) {
		rows, err := f.withText(p, rows)
		if err != nil || len(rows) == 0 {
			return true, err
		}
		return true, use(p, rows)
	})
	if err != nil {
		return Partial{}, err
	}
	return Partial{w.through, w.unread}, nil
}

// withText leaves those of the rows whose lines hold the text.
func (f *Filter) withText(p piece, rows []uint32) ([]uint32, error) {
	if f.Text == "" {
		return rows, nil
	}
	l, text := &lines{p: p}, []byte(f.Text)
	kept := rows[:0]
	for _, i := range rows {
		line, err := l.get(i)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(line, text) {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

// Count tells how many events there are.
func (j *Journal) Count(ctx context.Context, f Filter) (int, Partial, error) {
	n := 0
	part, err := j.tally(ctx, &f, func(_ piece, rows []uint32) error {
		n += len(rows)
		return nil
	})
	return n, part, err
}

// mostDistinct bounds the values that are counted apart.
const mostDistinct = 500_000

// Value is one value of a field and how many events have it.
type Value struct {
	Name  string
	Count int
	Last  time.Time // when the last one was
	Seq   uint64    // of one of the last ones, see At
}

// Top are the values of a field that most events have.
type Top struct {
	Values   []Value // the greatest first
	Events   int     // that have any
	Distinct int     // values there are
	Partial
}

type counted struct {
	count int
	last  int64
	seq   uint64
}

// sums are what was counted so far, by value.
type sums struct {
	at  map[string]int32
	all []counted
}

// Top counts the events by a field and gives the n values that most of them have. Of several values of one event each counts.
func (j *Journal) Top(ctx context.Context, f Filter, by Field, n int) (Top, error) {
	if by >= fields {
		return Top{}, errors.Join(ErrAsked, errors.New("there is no such field"))
	}
	all := sums{at: map[string]int32{}}
	var top Top
	part, err := j.tally(ctx, &f, func(p piece, rows []uint32) error {
		col, err := p.column(by)
		if err != nil {
			return err
		}
		times, err := p.times()
		if err != nil {
			return err
		}
		counts := make([]counted, len(col.dict))
		for _, i := range rows {
			c := &counts[col.codes[i]]
			c.count, c.last, c.seq = c.count+1, max(c.last, times[i]), p.first()+uint64(i)
		}
		for code, c := range counts {
			if c.count == 0 || col.dict[code] == "" {
				continue
			}
			top.Events += c.count
			all.add(col.dict[code], c, by.several())
		}
		return nil
	})
	if err != nil {
		return Top{}, err
	}
	top.Distinct, top.Partial, top.Values = len(all.all), part, all.greatest(n)
	return top, nil
}

func (s *sums) add(name string, c counted, several bool) {
	if several && strings.Contains(name, between) {
		for v := range strings.SplitSeq(name, between) {
			s.add(v, c, false)
		}
		return
	}
	at, ok := s.at[name]
	if !ok {
		if len(s.all) < mostDistinct { // the newest piece comes first: seq is the last one's
			s.at[name] = int32(len(s.all))
			s.all = append(s.all, c)
		}
		return
	}
	sum := &s.all[at]
	sum.count, sum.last = sum.count+c.count, max(sum.last, c.last)
}

// greatest are the n greatest, those of the same size by name.
func (s *sums) greatest(n int) []Value {
	order := func(a, b Value) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Name, b.Name)) }
	best := make([]Value, 0, 2*n+1)
	for name, at := range s.at {
		c := s.all[at]
		v := Value{name, c.count, time.UnixMicro(c.last).UTC(), c.seq}
		if len(best) == cap(best) {
			slices.SortFunc(best, order)
			best = best[:n]
		}
		best = append(best, v)
	}
	slices.SortFunc(best, order)
	return best[:min(n, len(best))]
}

// MostSteps of a series.
const MostSteps = 1000

// Series are counts over time.
type Series struct {
	From   time.Time
	Step   time.Duration
	Names  []string // of the values, as they were asked for, or those that most have; the last is "" where there are others
	Counts [][]int  // by name, then by step
	Partial
}

// Times are when the steps begin.
func (s *Series) Times() []time.Time {
	if len(s.Counts) == 0 {
		return nil
	}
	all := make([]time.Time, len(s.Counts[0]))
	for i := range all {
		all[i] = s.From.Add(time.Duration(i) * s.Step)
	}
	return all
}

// Series counts the events of f.From to f.To by steps, those with each of the values of a field apart: of those named, or, without names, of the six
// that most have.
func (j *Journal) Series(ctx context.Context, f Filter, by Field, step time.Duration, names ...string) (Series, error) {
	span := f.To.Sub(f.From)
	steps := int((span + step - 1) / max(step, time.Microsecond))
	if by >= fields || f.From.IsZero() || span <= 0 || step < time.Millisecond || steps > MostSteps {
		return Series{}, errors.Join(ErrAsked, errors.New("a series has a beginning, an end and at most 1000 steps"))
	}
	if len(names) == 0 {
		top, err := j.Top(ctx, f, by, 6)
		if err != nil {
			return Series{}, err
		}
		for _, v := range top.Values {
			names = append(names, v.Name)
		}
	}
	s := Series{From: f.From, Step: step, Names: append(slices.Clone(names), "")}
	for range s.Names {
		s.Counts = append(s.Counts, make([]int, steps))
	}
	others := false
	var err error
	s.Partial, err = j.tally(ctx, &f, func(p piece, rows []uint32) error {
		more, err := s.add(p, rows, by, names)
		others = others || more
		return err
	})
	if !others {
		s.Names, s.Counts = s.Names[:len(names)], s.Counts[:len(names)]
	}
	return s, err
}

// add counts the rows of a piece; others tells whether some have none of the names.
func (s *Series) add(p piece, rows []uint32, by Field, names []string) (others bool, err error) {
	col, err := p.column(by)
	if err != nil {
		return false, err
	}
	times, err := p.times()
	if err != nil {
		return false, err
	}
	to := make([][]int, len(col.dict))
	for code, v := range col.dict {
		at := slices.Index(names, v)
		if at < 0 && by.several() {
			at = slices.IndexFunc(names, func(name string) bool { return contains(v, name) })
		}
		if at >= 0 {
			to[code] = s.Counts[at]
		}
	}
	rest, from, step := s.Counts[len(names)], s.From.UnixMicro(), s.Step.Microseconds()
	for _, i := range rows {
		counts := to[col.codes[i]]
		if counts == nil {
			counts, others = rest, true
		}
		counts[(times[i]-from)/step]++
	}
	return others, nil
}
