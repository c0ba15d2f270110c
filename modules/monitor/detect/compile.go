package detect

import (
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// field is what rules ask about one field.
type field struct {
	name    string
	hash    uint32
	exact   map[string][]int32 // atoms, by the whole value in lower case
	aho     *aho               // texts that must be in a value for other atoms
	lits    [][]byte
	numbers map[string]int // of lits
	behind  [][]int32      // atoms, by text
}

// mostLiteral is how much of a text the automaton looks for; the whole is held against the value then. It bounds the automaton.
const mostLiteral = 24

// anyField is the place of keywords, which are looked for in all values.
const anyField = 0

// compile makes ready what asks events the rules' questions: each once, and those about texts of all rules in one pass over a value. A rule is looked at
// where an answer that it can't do without (its gate) is yes.
func compile(rules []*Rule) *Rules {
	r := &Rules{all: rules, fields: []*field{{}}, slots: map[string]int32{"": anyField}}
	ids := map[string]int{}
	for _, rule := range rules {
		if rule.Correlation != nil {
			r.correlations = append(r.correlations, rule)
			continue
		}
		rule.expr.atoms(func(e *expr) {
			at, ok := ids[e.atom.key]
			if !ok {
				at = r.add(e.atom)
				ids[e.atom.key] = at
			}
			e.at, e.atom = at, r.atoms[at]
		})
	}
	for _, f := range r.fields {
		if len(f.lits) > 0 {
			f.aho = newAho(f.lits)
		}
	}
	r.gates = make([][]int32, len(r.atoms))
	for i, rule := range rules {
		if rule.Correlation != nil {
			continue
		}
		gate, _, ok := r.gate(rule.expr)
		if !ok {
			r.open = append(r.open, int32(i))
		}
		for _, at := range gate {
			r.gates[at] = append(r.gates[at], int32(i))
		}
	}
	r.made = [3]int32{r.slots[original], r.slots[full], r.slots[extension]}
	r.table()
	return r
}

// add takes in an atom that is new.
func (r *Rules) add(a *atom) int {
	at := len(r.atoms)
	r.atoms = append(r.atoms, a)
	r.fieldOf = append(r.fieldOf, r.slot(a.field))
	r.otherOf = append(r.otherOf, r.slot(a.other))
	f := r.fields[r.fieldOf[at]]
	indexed := a.kind == isText
	if indexed {
		lit := a.text.pat.longest()
		if indexed = lit != ""; indexed {
			f.put(int32(at), a, appendLower(nil, lit))
		}
	}
	r.indexed = append(r.indexed, indexed)
	return at
}

func (f *field) put(at int32, a *atom, lit []byte) {
	if a.text.shape == exact {
		if f.exact == nil {
			f.exact = map[string][]int32{}
		}
		f.exact[string(lit)] = append(f.exact[string(lit)], at)
		return
	}
	lit = lit[:min(len(lit), mostLiteral)]
	i, ok := f.numbers[string(lit)]
	if !ok {
		if f.numbers == nil {
			f.numbers = map[string]int{}
		}
		i = len(f.lits)
		f.numbers[string(lit)] = i
		f.lits = append(f.lits, lit)
		f.behind = append(f.behind, nil)
	}
	f.behind[i] = append(f.behind[i], at)
}

func (r *Rules) slot(name string) int32 {
	s, ok := r.slots[name]
	if !ok {
		s = int32(len(r.fields))
		r.slots[name] = s
		r.fields = append(r.fields, &field{name: name, hash: ecs.Hash(name)})
	}
	return s
}

// gate gives atoms one of which must hold where e does, as rare ones as there are; ok is false where there are none such.
func (r *Rules) gate(e *expr) (atoms []int, cost int, ok bool) {
	switch e.is {
	case atomic:
		if !r.indexed[e.at] || e.atom.field == "" {
			return nil, 0, false
		}
		return []int{e.at}, r.often(e.at), true
	case all:
		for _, k := range e.kids {
			if a, c, kidOK := r.gate(k); kidOK && (!ok || c < cost) {
				atoms, cost, ok = a, c, true
			}
		}
		return atoms, cost, ok
	case some:
		for _, k := range e.kids {
			a, c, kidOK := r.gate(k)
			if !kidOK {
				return nil, 0, false
			}
			atoms, cost = append(atoms, a...), cost+c
		}
		slices.Sort(atoms)
		return slices.Compact(atoms), cost, true
	}
	return nil, 0, false
}

// often guesses in how many of a thousand events an atom holds.
func (r *Rules) often(at int) int {
	a := r.atoms[at]
	if a.text.shape == exact {
		switch {
		case a.field == "event.action" && !slices.Contains(requests, string(a.text.lit)):
			return 10
		case strings.HasPrefix(a.field, "event.") || a.field == "http.request.method" || a.field == "http.response.status_code":
			return 300
		}
		return 5
	}
	switch n := len(a.text.pat.longest()); {
	case n == 1:
		return 500
	case n < 4:
		return 200 / n
	}
	return 5
}

// table makes the look-up of slots by a name's hash: open addressing, at most half full.
func (r *Rules) table() {
	size := 4
	for size < 2*len(r.fields) {
		size *= 2
	}
	r.byHash = make([]int32, size)
	for i := 1; i < len(r.fields); i++ {
		at := int(r.fields[i].hash) & (size - 1)
		for r.byHash[at] != 0 {
			at = (at + 1) & (size - 1)
		}
		r.byHash[at] = int32(i)
	}
}

// find gives a field's slot; 0 where no rule asks for it.
func (r *Rules) find(name string, hash uint32) int32 {
	mask := len(r.byHash) - 1
	for at := int(hash) & mask; ; at = (at + 1) & mask {
		s := r.byHash[at]
		if s == 0 || r.fields[s].hash == hash && r.fields[s].name == name {
			return s
		}
	}
}
