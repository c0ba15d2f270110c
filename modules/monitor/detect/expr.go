package detect

import "slices"

// connective of an expression.
type connective uint8

const (
	atomic connective = iota
	all               // of no kids: true
	some              // of no kids: false
	not
)

// expr is what a rule asks of an event.
type expr struct {
	is   connective
	atom *atom
	at   int // of the atom, once the rules are compiled
	kids []*expr
}

func ask(a *atom) *expr { return &expr{is: atomic, atom: a.named()} }

func allOf(kids ...*expr) *expr { return join(all, kids) }

func someOf(kids ...*expr) *expr { return join(some, kids) }

func noneOf(kid *expr) *expr {
	if kid.is == not {
		return kid.kids[0]
	}
	return &expr{is: not, kids: []*expr{kid}}
}

// join takes kids of the same kind apart, so that expressions stay flat.
func join(is connective, kids []*expr) *expr {
	e := &expr{is: is}
	for _, k := range kids {
		if k.is == is {
			e.kids = append(e.kids, k.kids...)
		} else {
			e.kids = append(e.kids, k)
		}
	}
	if len(e.kids) == 1 {
		return e.kids[0]
	}
	return e
}

// size counts atoms.
func (e *expr) size() int {
	if e.is == atomic {
		return 1
	}
	n := 0
	for _, k := range e.kids {
		n += k.size()
	}
	return n
}

// atoms calls f for each atomic part.
func (e *expr) atoms(f func(*expr)) {
	if e.is == atomic {
		f(e)
		return
	}
	for _, k := range e.kids {
		k.atoms(f)
	}
}

// eval asks, where known tells the answers to atoms.
func (e *expr) eval(known func(at int) bool) bool {
	switch e.is {
	case atomic:
		return known(e.at)
	case all:
		for _, k := range e.kids {
			if !k.eval(known) {
				return false
			}
		}
		return true
	case some:
		for _, k := range e.kids {
			if k.eval(known) {
				return true
			}
		}
		return false
	}
	return !e.kids[0].eval(known)
}

// chance is whether an expression can hold.
type chance uint8

const (
	never chance = iota
	maybe
	always
)

// possible tells whether e can hold of events, which have no fields but the known ones.
func possible(e *expr, known func(string) bool) chance {
	switch e.is {
	case atomic:
		switch {
		case e.atom.field == "" || known(e.atom.field) && (e.atom.kind != isOther || known(e.atom.other)):
			return maybe
		case e.atom.kind == isEmpty:
			return always
		}
		return never
	case not:
		return always - possible(e.kids[0], known)
	case all:
		c := always
		for _, k := range e.kids {
			c = min(c, possible(k, known))
		}
		return c
	}
	c := never
	for _, k := range e.kids {
		c = max(c, possible(k, known))
	}
	return c
}

// unknownFields lists what e asks for and no event has.
func unknownFields(e *expr, known func(string) bool) (names []string) {
	e.atoms(func(a *expr) {
		for _, name := range []string{a.atom.field, a.atom.other} {
			if name != "" && !known(name) && !slices.Contains(names, name) && len(names) < 10 {
				names = append(names, name)
			}
		}
	})
	return names
}
