package screen

import (
	"io/fs"
	"path"
	"slices"
	"strings"

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
	pipelines  pipelines // the bit of pipeline

	ids   []int32   // of the clauses that the automaton finds
	bytes []present // of the clauses that are single bytes
}

// searchable are operators that say yes only of values that hold certain texts, or that cost little.
var searchable = []string{"rx", "pm", "pmFromFile", "pmf", "detectSQLi", "detectXSS"}

// newSearch makes a search of a condition; ok is false where it is of another kind.
func newSearch(l *seclang.Link, root fs.FS) (s *search, ok bool) {
	if l.Always || l.Not || !slices.Contains(searchable, l.Op) {
		return nil, false
	}
	targets, ok := newTargets(l.Targets)
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
	auto     *automaton
	trees    *transforms
	searches [sources][]int // rules by the variable they look at
	rules    []*rule
	clauses  int
	primary  [][]int        // by clause: the rules whose first clause it is
	asked    [sources][]int // rules that are found by bytes, or without a clause, by variable
	wanted   [sources]pipelines
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
		s.pipelines = 1 << s.pipeline
		for _, c := range s.clauses {
			if p, single := c.bytes(); single {
				s.bytes = append(s.bytes, p)
				continue
			}
			id := int32(x.clauses)
			x.clauses++
			s.ids = append(s.ids, id)
			for _, text := range c {
				literals = append(literals, literal{text: text[:min(len(text), longestLiteral)], meaning: id})
			}
			x.primary = append(x.primary, nil)
		}
		for _, t := range s.targets {
			if t.source != never && !slices.Contains(x.searches[t.source], i) {
				x.searches[t.source] = append(x.searches[t.source], i)
				x.wanted[t.source] |= s.pipelines
				if len(s.ids) == 0 {
					x.asked[t.source] = append(x.asked[t.source], i)
				}
			}
		}
		if len(s.ids) > 0 {
			x.primary[s.ids[0]] = append(x.primary[s.ids[0]], i)
		}
	}
	x.auto = newAutomaton(literals)
	return x, nil
}

// bytes tells whether the clause is about single bytes, and which.
func (c clause) bytes() (p present, single bool) {
	for _, text := range c {
		if len(text) != 1 {
			return p, false
		}
		p.add(text[0])
		if b := text[0]; b >= 'a' && b <= 'z' {
			p.add(b - ('a' - 'A'))
		}
	}
	return p, true
}

// scratch is memory for one scan at a time.
type scratch struct {
	becoming
	met   []uint64 // clauses, as bits
	fresh []int32
	list  []int    // the rules whose first clause was met
	seen  []uint32 // by rule: the scan in which it was listed
	scan  uint32
	hits  []int
	hit   []bool // by rule
	named []int
}

// begin forgets the exchange before.
func (w *scratch) begin(rules int) []bool {
	if w.hit == nil {
		w.hit = make([]bool, rules)
	}
	clear(w.hit)
	return w.hit
}

func (x *index) newScratch() *scratch {
	return &scratch{met: make([]uint64, (x.clauses+63)/64), seen: make([]uint32, len(x.rules))}
}

// find returns the rules whose first condition holds of a member. The result is valid until the next call.
func (x *index) find(m *member, w *scratch) []int {
	w.hits = w.hits[:0]
	if len(x.searches[m.source]) == 0 {
		return nil
	}
	variants := w.variants(x.trees, m.value, x.wanted[m.source])
	for i := range variants {
		x.scan(m, &variants[i], w)
	}
	return w.hits
}

func (x *index) scan(m *member, v *variant, w *scratch) {
	clear(w.met)
	w.scan++
	w.list = w.list[:0]
	if v.traits&hasWide != 0 && odd(v.text) {
		for _, i := range x.searches[m.source] {
			x.ask(i, m, v, w, true)
		}
		return
	}
	w.fresh = x.auto.scan(v.text, w.met, w.fresh[:0])
	for _, id := range w.fresh {
		for _, i := range x.primary[id] {
			if w.seen[i] != w.scan {
				w.seen[i] = w.scan
				w.list = append(w.list, i)
			}
		}
	}
	for _, i := range w.list {
		x.ask(i, m, v, w, false)
	}
	for _, i := range x.asked[m.source] {
		x.ask(i, m, v, w, false)
	}
}

// ask adds the rule to the hits if its condition holds of the variant.
func (x *index) ask(i int, m *member, v *variant, w *scratch, regardless bool) {
	s := x.rules[i].search
	if s.pipelines&v.by == 0 || slices.Contains(w.hits, i) || !s.takes(m) {
		return
	}
	if !regardless {
		for _, id := range s.ids {
			if w.met[id>>6]&(1<<(id&63)) == 0 {
				return
			}
		}
		for k := range s.bytes {
			if !s.bytes[k].meets(&v.present) {
				return
			}
		}
	}
	if s.is(v.text) {
		w.hits = append(w.hits, i)
	}
}

func (s *search) takes(m *member) bool {
	for i := range s.targets {
		if s.targets[i].source == m.source && s.targets[i].takes(m.key) {
			return true
		}
	}
	return false
}
