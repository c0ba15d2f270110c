package journal

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Filter says which events are asked for. The zero value is all.
type Filter struct {
	From, To time.Time // zero: no bound; To itself is out
	Conds    []Cond    // all of them hold
	ID       string    // event.id
	Request  string    // http.request.id
	Text     string    // stands in the line as it is written, upper and lower case told apart

	// Patience is how long an answer may look through lines for Text; what it did not come to, it says. 0: for as long as it takes.
	Patience time.Duration
}

// Cond is a condition on one field.
type Cond struct {
	Field Field
	Also  Field // or this one; Action (0) is none
	Value string
	Not   bool
}

const mostConds = 32

// Is makes a condition of what somebody wrote: a value, one with * at its end for whatever follows, ! before what it must not be. A client may be
// a prefix, and a level stands for those above, too.
func Is(f Field, written string) Cond {
	c := Cond{Field: f, Value: written}
	if f == User {
		c.Also = Target
	}
	if c.Value, c.Not = strings.CutPrefix(written, "!"); f == Client {
		c.Value = canonical(c.Value)
	}
	return c
}

func (f *Filter) check() error {
	if len(f.Conds) > mostConds {
		return errors.New("there are too many conditions")
	}
	for _, c := range f.Conds {
		if _, err := c.matcher(); err != nil {
			return err
		}
	}
	return nil
}

// matcher tells of a column's value whether the condition holds, without Not.
func (c Cond) matcher() (func(string) bool, error) {
	if c.Field >= fields {
		return nil, errors.New("there is no such field")
	}
	switch {
	case c.Field == Level:
		least, ok := finding.ParseLevel(c.Value)
		if !ok {
			return nil, fmt.Errorf("%q is no level", c.Value)
		}
		return func(v string) bool {
			l, ok := finding.ParseLevel(v)
			return ok && l >= least
		}, nil
	case c.Field == Client && strings.Contains(c.Value, "/"):
		p, err := netip.ParsePrefix(c.Value)
		if err != nil {
			return nil, fmt.Errorf("%q is no prefix of addresses", c.Value)
		}
		p = p.Masked()
		return func(v string) bool {
			a, err := netip.ParseAddr(v)
			return err == nil && p.Contains(a.Unmap())
		}, nil
	}
	one := func(v string) bool { return v == c.Value }
	if head, ok := strings.CutSuffix(c.Value, "*"); ok {
		one = func(v string) bool { return v != "" && strings.HasPrefix(v, head) }
	}
	if !c.Field.several() {
		return one, nil
	}
	return func(values string) bool {
		for v := range strings.SplitSeq(values, between) {
			if one(v) {
				return true
			}
		}
		return false
	}, nil
}

// holds tells of one event whether all conditions hold.
func (f *Filter) holds(r *row, line []byte) bool {
	if !f.From.IsZero() && r.at < f.From.UnixMicro() || !f.To.IsZero() && r.at >= f.To.UnixMicro() {
		return false
	}
	if f.ID != "" && r.id != f.ID || f.Request != "" && r.request != f.Request {
		return false
	}
	for _, c := range f.Conds {
		is, err := c.matcher()
		if err != nil || (is(r.values[c.Field]) || c.Also != Action && is(r.values[c.Also])) == c.Not {
			return false
		}
	}
	return f.Text == "" || bytes.Contains(line, []byte(f.Text))
}

// in gives the rows of a piece for which all but Text holds, the oldest first. buf is used for them.
func (f *Filter) in(p piece, buf []uint32) ([]uint32, error) {
	rows := buf[:0]
	oldest, newest := p.span()
	from, to := int64(-1<<62), int64(1<<62)
	if !f.From.IsZero() {
		from = f.From.UnixMicro()
	}
	if !f.To.IsZero() {
		to = f.To.UnixMicro()
	}
	if newest < from || oldest >= to {
		return rows, nil
	}
	if oldest >= from && newest < to {
		for i := range p.rows() {
			rows = append(rows, uint32(i))
		}
	} else {
		times, err := p.times()
		if err != nil {
			return nil, err
		}
		for i, t := range times {
			if t >= from && t < to {
				rows = append(rows, uint32(i))
			}
		}
	}
	for _, by := range []struct{ id, which string }{{f.ID, markID}, {f.Request, markRequest}} {
		if by.id == "" || len(rows) == 0 {
			continue
		}
		marks, err := p.marks(by.which)
		if err != nil {
			return nil, err
		}
		want := mark(by.id)
		rows = keep(rows, func(i uint32) bool { return marks[i] == want })
	}
	for _, c := range f.Conds {
		if len(rows) == 0 {
			return rows, nil
		}
		var err error
		if rows, err = c.in(p, rows); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func keep(rows []uint32, is func(uint32) bool) []uint32 {
	kept := rows[:0]
	for _, i := range rows {
		if is(i) {
			kept = append(kept, i)
		}
	}
	return kept
}

// in leaves those of the rows for which the condition holds: each value is looked at once, not each row.
func (c Cond) in(p piece, rows []uint32) ([]uint32, error) {
	is, err := c.matcher()
	if err != nil {
		return nil, err
	}
	col, yes, some, err := c.values(p, c.Field, is)
	if err != nil {
		return nil, err
	}
	if c.Also != Action {
		other, too, someToo, err := c.values(p, c.Also, is)
		if err != nil {
			return nil, err
		}
		return keep(rows, func(i uint32) bool { return (some && yes[col.codes[i]] || someToo && too[other.codes[i]]) != c.Not }), nil
	}
	if !some && !c.Not {
		return rows[:0], nil
	}
	return keep(rows, func(i uint32) bool { return yes[col.codes[i]] != c.Not }), nil
}

func (c Cond) values(p piece, f Field, is func(string) bool) (col *column, yes []bool, some bool, err error) {
	if col, err = p.column(f); err != nil {
		return nil, nil, false, err
	}
	yes = make([]bool, len(col.dict))
	for n, v := range col.dict {
		yes[n] = is(v)
		some = some || yes[n]
	}
	return col, yes, some, nil
}
