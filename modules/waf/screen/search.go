package screen

import (
	"io/fs"
	"math/bits"
	"path"
	"slices"
	"strings"
	"unsafe"

	"github.com/convosphere/gateway/modules/waf/seclang"
)

// search looks for the texts without which a condition can't hold, and asks the operator itself about values that have them.
type search struct {
	targets    []target
	transforms []string
	multi      bool
	is         func(value string) bool // the operator
	clauses    []clause                // none: the operator is asked about every value
	pipeline   int

	ids   []int32   // of the clauses that the automaton finds
	needs []present // of each clause: bytes without which a value does not hold it
}

// searchable are operators that say yes only of values that hold certain texts, or that cost little.
var searchable = []string{"rx", "pm", "pmFromFile", "pmf", "detectSQLi", "detectXSS"}

// newSearch makes a search of a condition; ok is false where it is of another kind.
func newSearch(l *seclang.Link, root fs.FS) (s *search, ok bool) {
	if l.Always || l.Not || !slices.Contains(searchable, l.Op) {
		return nil, false
	}
	targets, ok := newTargets(l.Targets, l.Phase)
	if !ok || slices.ContainsFunc(targets, func(t target) bool { return t.count || t.source == txVariables || t.source == always }) {
		return nil, false
	}
	is, ok := newOperator(l, root)
	if !ok {
		return nil, false
	}
	s = &search{targets: targets, transforms: l.Transforms, multi: l.Multi, is: is}
	switch l.Op {
	case "rx":
		var err error
		if s.clauses, err = factors(expression(l.Arg), binary(l.Arg)); err != nil {
			s.clauses = nil // an expression of bytes, perhaps: the operator knows it
		}
	case "detectXSS":
		s.clauses = words([]string{"<", "="}) // libinjection finds tags and comments, which begin with <, and attributes, of which it looks at the value
	case "pm":
		s.clauses = words(strings.Split(strings.ToLower(l.Arg), " "))
	case "pmFromFile", "pmf":
		lines, ok := dataLines(l, root)
		if !ok {
			return nil, false
		}
		s.clauses = words(lines)
	}
	return s, true
}

// words makes a clause of a list; an empty word is in every value.
func words(list []string) []clause {
	if slices.Contains(list, "") {
		return nil
	}
	return []clause{list}
}

// dataLines reads the list of a @pmFromFile as Coraza does.
func dataLines(l *seclang.Link, root fs.FS) (out []string, ok bool) {
	name := l.Arg
	if !path.IsAbs(name) {
		name = path.Join(l.Dir, name)
	}
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, false
	}
	for _, line := range strings.Split(string(b), "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, strings.ToLower(line))
		}
	}
	return out, true
}

const longestLiteral = 20 // bytes that the automaton looks for

// index is what all searches of a screen share.
type index struct {
	auto    *automaton
	trees   *transforms
	rules   []*rule
	clauses int
	by      [sources][mostPipelines][]int // rules by the variable they look at and the transformations they ask for
	wanted  [sources]pipelines
}

func newIndex(rules []*rule) (*index, error) {
	x := &index{trees: newTransforms(), rules: rules}
	var literals []literal
	for i, r := range rules {
		s := r.search
		if s == nil {
			continue
		}
		var err error
		if s.pipeline, err = x.trees.add(s.transforms, s.multi); err != nil {
			return nil, err
		}
		for _, c := range s.clauses {
			s.needs = append(s.needs, c.bytes())
			if c.single() {
				continue
			}
			id := int32(x.clauses)
			x.clauses++
			s.ids = append(s.ids, id)
			for _, text := range c {
				literals = append(literals, literal{text: text[:min(len(text), longestLiteral)], meaning: id})
			}
		}
		for _, t := range s.targets {
			if list := &x.by[t.source][s.pipeline]; t.source != never && !slices.Contains(*list, i) {
				*list = append(*list, i)
				x.wanted[t.source] |= 1 << s.pipeline
			}
		}
	}
	x.auto = newAutomaton(literals)
	return x, nil
}

// single tells whether all texts of the clause are single bytes.
func (c clause) single() bool {
	return !slices.ContainsFunc(c, func(text string) bool { return len(text) != 1 })
}

// bytes are such that a value without any of them holds no text of the clause: of each text the byte that is rarest.
func (c clause) bytes() (p present) {
	for _, text := range c {
		best := text[0]
		for i := range len(text) {
			if surprise(text[i]) > surprise(best) {
				best = text[i]
			}
		}
		p.add(best)
		if best >= 'a' && best <= 'z' {
			p.add(best - ('a' - 'A'))
		}
	}
	return p
}

// scratch is memory for one scan at a time.
type scratch struct {
	becoming
	todo  []int
	scans []scanned // of one member's variants
	hits  []int
	hit   []bool // by rule
	named []int
}

// scanned is what the automaton met in a text, as bits of clauses.
type scanned struct {
	text *byte
	size int
	met  []uint64
}

func newScratch() *scratch { return new(scratch) }

// begin forgets the exchange before.
func (w *scratch) begin(rules int) []bool {
	if w.hit == nil {
		w.hit = make([]bool, rules)
	}
	clear(w.hit)
	return w.hit
}

// find returns the rules whose first condition holds of a member. The result is valid until the next call.
func (x *index) find(m *member, w *scratch) []int {
	w.hits, w.scans = w.hits[:0], w.scans[:0]
	if x.wanted[m.source] == 0 {
		return nil
	}
	variants := w.variants(x.trees, m.value, x.wanted[m.source])
	for i := range variants {
		x.ask(m, &variants[i], w)
	}
	return w.hits
}

// ask adds the rules to the hits whose condition holds of the variant.
func (x *index) ask(m *member, v *variant, w *scratch) {
	all := v.traits&hasWide != 0 && odd(v.text)
	w.todo = w.todo[:0]
	for rest := v.by; rest != 0; rest &= rest - 1 {
		for _, i := range x.by[m.source][bits.TrailingZeros64(uint64(rest))] {
			if s := x.rules[i].search; (all || s.may(&v.present)) && s.takes(m) && !slices.Contains(w.hits, i) {
				w.todo = append(w.todo, i)
			}
		}
	}
	all = all || len(w.todo) <= fewRules // asking them takes no longer than the automaton
	var met []uint64
	for _, i := range w.todo {
		s := x.rules[i].search
		if !all && len(s.ids) > 0 {
			if met == nil {
				met = x.scan(v.fold, w)
			}
			if !s.meets(met) {
				continue
			}
		}
		if s.is(v.text) {
			w.hits = append(w.hits, i)
		}
	}
}

const fewRules = 2

// scan runs the automaton over a text, once.
func (x *index) scan(text string, w *scratch) []uint64 {
	at := unsafe.StringData(text)
	for i := range w.scans {
		if s := &w.scans[i]; s.text == at && s.size == len(text) {
			return s.met
		}
	}
	if len(w.scans) < cap(w.scans) {
		w.scans = w.scans[:len(w.scans)+1]
	} else {
		w.scans = append(w.scans, scanned{})
	}
	s := &w.scans[len(w.scans)-1]
	if s.text, s.size = at, len(text); s.met == nil {
		s.met = make([]uint64, (x.clauses+63)/64)
	}
	clear(s.met)
	x.auto.scan(text, s.met)
	return s.met
}

// may tells whether a value that holds these bytes may hold the texts.
func (s *search) may(p *present) bool {
	for i := range s.needs {
		if !s.needs[i].meets(p) {
			return false
		}
	}
	return true
}

func (s *search) meets(met []uint64) bool {
	for _, id := range s.ids {
		if met[id>>6]&(1<<(id&63)) == 0 {
			return false
		}
	}
	return true
}

func (s *search) takes(m *member) bool {
	for i := range s.targets {
		if s.targets[i].source == m.source && s.targets[i].takes(m.key) {
			return true
		}
	}
	return false
}
