package schema

import (
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/internal/casefold"
	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// maxSteps bounds what a value costs: alternatives within alternatives double the work with each level. A step is a schema that a value is held to;
// an ordinary value takes as many as it holds values.
const maxSteps = 1 << 18

// Check holds a value to the schema and returns what is wrong with it, at most so many faults. None: it is as the schema says.
func (s *Schema) Check(v *strictjson.Value, most int) []Fault {
	r := run{most: most}
	if r.enter(s.root, v, nil) {
		return nil
	}
	return r.faults
}

// run is one check.
type run struct {
	steps  int
	most   int
	quiet  int // above 0: alternatives are tried, whose faults are nobody's
	spent  bool
	faults []Fault
}

// fault notes what is wrong. It is always false, what its callers return.
func (r *run) fault(kind Kind, at *place, reason string) bool {
	if r.quiet == 0 && len(r.faults) < r.most {
		r.faults = append(r.faults, Fault{kind, at.pointer(), at.record(), reason})
	}
	return false
}

// over tells whether nothing that may still be found would be told.
func (r *run) over(ok bool) bool {
	return r.spent || !ok && (r.quiet > 0 || len(r.faults) >= r.most)
}

// step counts. Fail closed: what takes too long is refused.
func (r *run) step(at *place) bool {
	if r.steps++; r.steps <= maxSteps {
		return true
	}
	if !r.spent {
		r.spent = true
		if len(r.faults) < r.most { // also where alternatives are tried: it ends all of them
			r.faults = append(r.faults, Fault{Complex, at.pointer(), at.record(), "takes too long to check"})
		}
	}
	return false
}

// enter holds a value of its own to a schema: the root, a member, an item.
func (r *run) enter(n *node, v *strictjson.Value, at *place) bool {
	if v.Kind != strictjson.Object || len(n.names) == 0 {
		return r.apply(n, v, at, nil)
	}
	var s seen
	ok := r.apply(n, v, at, &s)
	if r.over(ok) || !ok && n.branches { // which alternative was meant, and so what it names, is not known
		return ok
	}
	return r.close(n, v, at, &s) && ok
}

// close refuses members that no schema of the object speaks of, and those that could be taken for another.
func (r *run) close(n *node, v *strictjson.Value, at *place, s *seen) bool {
	ok := true
	for i := range v.Members {
		name := v.Members[i].Name
		if n.names[name] && s.has(i) {
			continue
		}
		if r.over(ok) {
			return ok
		}
		here := place{up: at, name: name, known: n.names[name]}
		if _, taken := n.folded[casefold.Name(name)]; taken && !n.names[name] {
			ok = r.fault(Unknown, &here, "differs from a known member only in upper and lower case")
		} else if !s.has(i) {
			ok = r.fault(Unknown, &here, "is not a known member")
		}
	}
	return ok
}

// apply holds a value to a schema. s, where it is not nil, learns which members or items a schema speaks of.
func (r *run) apply(n *node, v *strictjson.Value, at *place, s *seen) bool {
	if !r.step(at) {
		return false
	}
	if n.obj != nil && n.obj.unevaluated != nil || n.arr != nil && n.arr.unevaluated != nil {
		var own seen // what schemas beside this one speak of is none of its business
		ok := r.keywords(n, v, at, &own)
		if s != nil {
			s.add(&own)
		}
		return ok
	}
	return r.keywords(n, v, at, s)
}

func (r *run) keywords(n *node, v *strictjson.Value, at *place, s *seen) bool {
	if n.never {
		return r.fault(Value, at, "is not allowed")
	}
	if n.types != 0 && n.types&kindOf(v.Kind) == 0 && (v.Kind != strictjson.Number || n.types&integer == 0 || !isWhole(v.Text)) {
		return r.fault(Type, at, n.wrong)
	}
	ok := true
	if n.fixed != nil && !n.fixed.has(v) {
		ok = r.fault(Value, at, "is not the value that it must be")
	}
	if n.enum != nil && !n.enum.has(v) {
		ok = r.fault(Value, at, "is not one of the allowed values")
	}
	ok = r.combined(n, v, at, s) && ok
	if r.over(ok) {
		return ok
	}
	switch {
	case v.Kind == strictjson.String && n.str != nil:
		return r.string(n.str, v.Text, at) && ok
	case v.Kind == strictjson.Number && n.num != nil:
		if why := n.num.check(v.Text); why != "" {
			return r.fault(Value, at, why)
		}
	case v.Kind == strictjson.Object && n.obj != nil:
		return r.object(n.obj, v, at, s) && ok
	case v.Kind == strictjson.Array && n.arr != nil:
		return r.array(n.arr, v, at, s) && ok
	}
	return ok
}

// combined holds the value to the schemas that are meant for the same one.
func (r *run) combined(n *node, v *strictjson.Value, at *place, s *seen) bool {
	ok := true
	if n.ref != nil {
		ok = r.apply(n.ref, v, at, s)
	}
	for _, m := range n.all {
		if r.over(ok) {
			return ok
		}
		ok = r.apply(m, v, at, s) && ok
	}
	if len(n.any) > 0 && r.try(n.any, v, at, s, s == nil) == 0 && !r.spent {
		ok = r.fault(Value, at, "fits none of the alternatives")
	}
	if len(n.one) > 0 && !r.spent {
		switch fitting := r.try(n.one, v, at, s, false); {
		case fitting == 0:
			ok = r.fault(Value, at, "fits none of the alternatives")
		case fitting > 1:
			ok = r.fault(Value, at, "fits more than one of the alternatives")
		}
	}
	if n.not != nil && r.trial(n.not, v, at, nil) {
		ok = r.fault(Value, at, "is what it must not be")
	}
	if n.when != nil {
		then := n.otherwise
		if r.trial(n.when, v, at, s) {
			then = n.yes
		}
		if then != nil {
			ok = r.apply(then, v, at, s) && ok
		}
	}
	return ok && !r.spent
}

// try counts the alternatives that fit.
func (r *run) try(of []*node, v *strictjson.Value, at *place, s *seen, first bool) (fitting int) {
	for _, m := range of {
		if r.trial(m, v, at, s) {
			if fitting++; first {
				break
			}
		}
	}
	return fitting
}

// trial tells whether the value fits. Only then s learns of it.
func (r *run) trial(n *node, v *strictjson.Value, at *place, s *seen) bool {
	r.quiet++
	defer func() { r.quiet-- }()
	if s == nil {
		return r.apply(n, v, at, nil)
	}
	var own seen
	if !r.apply(n, v, at, &own) {
		return false
	}
	s.add(&own)
	return true
}

func (r *run) string(rules *stringRules, text string, at *place) bool {
	ok := true
	if rules.min > 0 || rules.max >= 0 {
		switch n := utf8.RuneCountInString(text); {
		case n < rules.min:
			ok = r.fault(Value, at, rules.short)
		case rules.max >= 0 && n > rules.max:
			return r.fault(Value, at, rules.long) // what is too long is not looked at further
		}
	}
	if rules.pattern != nil && !rules.pattern.MatchString(text) {
		ok = r.fault(Value, at, "does not have the form that it must have")
	}
	if rules.format != nil && rules.format.Validate(text) != nil {
		ok = r.fault(Value, at, rules.form)
	}
	return ok
}
