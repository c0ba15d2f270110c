package detect

import (
	"math/bits"
	"strings"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// look is one event under the rules' questions. It is used again.
type look struct {
	r      *Rules
	values []placed
	head   []int32  // of a slot: its first value's index and 1
	tail   []int32  // its last one's
	yes    []uint64 // atoms that hold
	asked  []uint64 // atoms that are not indexed and were asked
	active []uint64 // rules to look at
	low    []byte
	swept  bool // for keywords
	e      *ecs.Event
	answer func(at int) bool // l.holds, bound once
}

// placed is a value of a slot.
type placed struct {
	seen
	slot int32
	next int32 // the slot's next value, and 1
}

func (r *Rules) newLook() *look {
	l := &look{
		r: r, head: make([]int32, len(r.fields)), tail: make([]int32, len(r.fields)),
		yes: make([]uint64, len(r.atoms)/64+1), asked: make([]uint64, len(r.atoms)/64+1), active: make([]uint64, len(r.all)/64+1),
	}
	l.answer = l.holds
	return l
}

func (r *Rules) match(e *ecs.Event, hit func(*Rule)) {
	if len(r.atoms) == 0 {
		return // none asks anything; so it is of the zero value
	}
	l, _ := r.looks.Get().(*look)
	if l == nil {
		l = r.newLook()
	}
	l.begin(e)
	for i := range l.values {
		l.sweep(&l.values[i])
	}
	for _, rule := range r.open {
		l.active[rule/64] |= 1 << (rule % 64)
	}
	for w, word := range l.active {
		for ; word != 0; word &= word - 1 {
			rule := r.all[w*64+bits.TrailingZeros64(word)]
			if rule.expr.eval(l.answer) {
				hit(rule)
			}
		}
	}
	l.e = nil
	r.looks.Put(l)
}

// begin puts the values of e into their slots.
func (l *look) begin(e *ecs.Event) {
	l.e, l.values, l.low, l.swept = e, l.values[:0], l.low[:0], false
	clear(l.head)
	clear(l.yes)
	clear(l.asked)
	clear(l.active)
	for i, f := range e.Fields() {
		if slot := l.r.find(f.Name, f.Hash); slot != 0 {
			l.place(slot, e.Fields()[i].Value)
		}
	}
	if l.r.made[0]|l.r.made[1]|l.r.made[2] != 0 {
		l.make()
	}
}

func (l *look) place(slot int32, v ecs.Value) {
	at := int32(len(l.values)) + 1
	l.values = append(l.values, placed{l.seen(v), slot, 0})
	if l.head[slot] == 0 {
		l.head[slot] = at
	} else {
		l.values[l.tail[slot]-1].next = at
	}
	l.tail[slot] = at
}

// seen makes a value ready to be asked about: numbers are one text however they are written, as 10 and 1e1.
func (l *look) seen(v ecs.Value) seen {
	if v.Kind == ecs.Number && strings.ContainsAny(v.Text, ".eE") {
		if f, ok := v.Number(); ok {
			v.Text = canonical(f)
		}
	}
	from := len(l.low)
	l.low = appendLower(l.low, v.Text)
	return seen{v, l.low[from:len(l.low):len(l.low)]}
}

// make adds the fields that are made of others.
func (l *look) make() {
	path := l.e.Text("url.path")
	if path == "" {
		return
	}
	uri := path
	if query := l.e.Text("url.query"); query != "" {
		uri += "?" + query
	}
	add := func(slot int32, texts ...string) {
		if slot == 0 || l.head[slot] != 0 {
			return // no rule asks, or the event says it itself
		}
		for _, text := range texts {
			l.place(slot, ecs.Value{Kind: ecs.Text, Text: text})
		}
	}
	add(l.r.made[0], uri)
	if l.r.made[1] != 0 {
		add(l.r.made[1], "https://"+l.e.Text("url.domain")+uri, uri)
	}
	last := path[strings.LastIndexByte(path, '/')+1:]
	if dot := strings.LastIndexByte(last, '.'); dot >= 0 {
		add(l.r.made[2], last[dot+1:])
	}
}

// sweep answers the indexed questions about a value.
func (l *look) sweep(v *placed) {
	if v.Kind == ecs.Null {
		return
	}
	f := l.r.fields[v.slot]
	if f.exact != nil {
		for _, at := range f.exact[string(v.low)] {
			if a := l.r.atoms[at]; !a.cased || a.of(&v.seen) {
				l.found(at)
			}
		}
	}
	if f.aho != nil {
		l.texts(f, &v.seen)
	}
}

// texts finds the texts of a field's atoms in a value.
func (l *look) texts(f *field, v *seen) {
	state, a := int32(0), f.aho
	for _, c := range v.low {
		state = a.next[int(state)*a.classes+int(a.class[c])]
		for _, text := range a.found[state] {
			for _, at := range f.behind[text] {
				if l.yes[at/64]&(1<<(at%64)) == 0 && l.r.atoms[at].of(v) {
					l.found(at)
				}
			}
		}
	}
}

// found notes that an atom holds, and which rules that brings up.
func (l *look) found(at int32) {
	l.yes[at/64] |= 1 << (at % 64)
	for _, rule := range l.r.gates[at] {
		l.active[rule/64] |= 1 << (rule % 64)
	}
}

// holds tells whether an atom does.
func (l *look) holds(at int) bool {
	bit := uint64(1) << (at % 64)
	if l.r.indexed[at] {
		if l.r.fieldOf[at] == anyField && !l.swept {
			l.keywords()
		}
		return l.yes[at/64]&bit != 0
	}
	if l.asked[at/64]&bit == 0 {
		l.asked[at/64] |= bit
		if l.ask(at) {
			l.yes[at/64] |= bit
		}
	}
	return l.yes[at/64]&bit != 0
}

// keywords looks for all keywords in all values, once one of them is asked for.
func (l *look) keywords() {
	l.swept = true
	f := l.r.fields[anyField]
	from := len(l.low)
	for _, v := range l.e.Fields() {
		if v.Kind == ecs.Null {
			continue
		}
		s := l.seen(v.Value)
		for _, at := range f.exact[string(s.low)] {
			if l.r.atoms[at].of(&s) {
				l.found(at)
			}
		}
		if f.aho != nil {
			l.texts(f, &s)
		}
		l.low = l.low[:from]
	}
}

// ask answers a question that no index answers.
func (l *look) ask(at int) bool {
	a, slot := l.r.atoms[at], l.r.fieldOf[at]
	switch {
	case slot == anyField:
		for _, v := range l.e.Fields() {
			s := l.seen(v.Value)
			if a.of(&s) {
				return true
			}
		}
		return false
	case a.kind == isThere:
		return l.head[slot] != 0
	}
	for i := l.head[slot]; i != 0; i = l.values[i-1].next {
		v := &l.values[i-1].seen
		switch {
		case a.kind == isEmpty:
			if v.Kind != ecs.Null && v.Text != "" {
				return false
			}
		case a.kind == isOther:
			for k := l.head[l.r.otherOf[at]]; k != 0; k = l.values[k-1].next {
				if a.pair(v, &l.values[k-1].seen) {
					return true
				}
			}
		case a.of(v):
			return true
		}
	}
	return a.kind == isEmpty
}
