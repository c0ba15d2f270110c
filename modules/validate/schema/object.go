package schema

import "github.com/convosphere/gateway/modules/internal/strictjson"

func (r *run) object(o *objectRules, v *strictjson.Value, at *place, s *seen) bool {
	ok := r.count(len(v.Members), o.min, o.max, o.few, o.many, at)
	for _, name := range o.required {
		if member(v, name) == nil {
			ok = r.fault(Missing, &place{up: at, name: name, known: true}, "is missing")
		}
	}
	for _, n := range o.needs {
		if member(v, n.name) == nil {
			continue
		}
		for _, name := range n.with {
			if member(v, name) == nil {
				ok = r.fault(Missing, &place{up: at, name: name, known: true}, "is missing")
			}
		}
	}
	for i := range v.Members {
		if r.over(ok) {
			return ok
		}
		ok = r.member(o, v, i, at, s) && ok
	}
	for _, d := range o.dependent {
		if !r.over(ok) && member(v, d.name) != nil {
			ok = r.apply(d.schema, v, at, s) && ok
		}
	}
	if o.unevaluated == nil {
		return ok
	}
	for i := range v.Members {
		if r.over(ok) {
			return ok
		}
		if !s.has(i) {
			ok = r.left(o.unevaluated, v, i, at) && ok
		}
	}
	s.every()
	return ok
}

// member holds one member to what is said of it.
func (r *run) member(o *objectRules, v *strictjson.Value, i int, at *place, s *seen) bool {
	m := &v.Members[i]
	p, known := o.properties[m.Name]
	here := place{up: at, name: m.Name, known: known}
	ok := true
	if o.names != nil {
		name := strictjson.Value{Kind: strictjson.String, Text: m.Name}
		if !r.quietly(o.names, &name) {
			ok = r.fault(Value, &here, "has a name that is not allowed")
		}
	}
	spoken := known
	if known {
		s.mark(i)
		if p.refused != "" {
			return r.fault(Unknown, &here, p.refused)
		}
		ok = r.enter(p.schema, &m.Value, &here) && ok
	}
	for _, by := range o.patterns {
		if by.name.MatchString(m.Name) {
			spoken = true
			s.mark(i)
			ok = r.enter(by.schema, &m.Value, &here) && ok
		}
	}
	if !spoken && o.additional != nil {
		s.mark(i)
		ok = r.left(o.additional, v, i, at) && ok
	}
	return ok
}

// left holds a member that no name is given of to the schema of all such.
func (r *run) left(n *node, v *strictjson.Value, i int, at *place) bool {
	here := place{up: at, name: v.Members[i].Name}
	if n.never {
		return r.fault(Unknown, &here, "is not a known member")
	}
	return r.enter(n, &v.Members[i].Value, &here)
}

func (r *run) quietly(n *node, v *strictjson.Value) bool {
	r.quiet++
	defer func() { r.quiet-- }()
	return r.enter(n, v, nil)
}

func (r *run) count(n, least, most int, few, many string, at *place) bool {
	switch {
	case n < least:
		return r.fault(Value, at, few)
	case most >= 0 && n > most:
		return r.fault(Value, at, many)
	}
	return true
}

func member(v *strictjson.Value, name string) *strictjson.Value {
	for i := range v.Members {
		if v.Members[i].Name == name {
			return &v.Members[i].Value
		}
	}
	return nil
}

func (r *run) array(a *arrayRules, v *strictjson.Value, at *place, s *seen) bool {
	ok := r.count(len(v.Items), a.min, a.max, a.few, a.many, at)
	if a.unique && !unique(v.Items) {
		ok = r.fault(Value, at, "has an item twice")
	}
	for i := range v.Items {
		if r.over(ok) {
			return ok
		}
		n := a.items
		if i < len(a.prefix) {
			n = a.prefix[i]
		}
		if n == nil {
			break
		}
		s.mark(i)
		ok = r.item(n, v, i, at) && ok
	}
	if a.contains != nil && !r.over(ok) {
		ok = r.contains(a, v, at, s) && ok
	}
	if a.unevaluated == nil {
		return ok
	}
	for i := range v.Items {
		if r.over(ok) {
			return ok
		}
		if !s.has(i) {
			ok = r.item(a.unevaluated, v, i, at) && ok
		}
	}
	s.every()
	return ok
}

func (r *run) item(n *node, v *strictjson.Value, i int, at *place) bool {
	return r.enter(n, &v.Items[i], &place{up: at, index: i, array: true})
}

func (r *run) contains(a *arrayRules, v *strictjson.Value, at *place, s *seen) bool {
	found := 0
	for i := range v.Items {
		if r.quietly(a.contains, &v.Items[i]) {
			found++
			s.mark(i)
		}
	}
	switch {
	case r.spent:
		return false
	case found < a.minContains:
		return r.fault(Value, at, "lacks an item that it must have")
	case a.maxContains >= 0 && found > a.maxContains:
		return r.fault(Value, at, "has an item too often")
	}
	return true
}
