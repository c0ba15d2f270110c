package schema

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

func (n *node) setTypes(t *jsonschema.Types) {
	if t == nil || t.IsEmpty() {
		return
	}
	var words []string
	for _, name := range t.ToStrings() {
		switch name {
		case "null":
			n.types |= kindOf(strictjson.Null)
		case "boolean":
			n.types |= kindOf(strictjson.Bool)
		case "number":
			n.types |= kindOf(strictjson.Number)
		case "integer":
			n.types |= integer
		case "string":
			n.types |= kindOf(strictjson.String)
		case "array":
			n.types |= kindOf(strictjson.Array)
		case "object":
			n.types |= kindOf(strictjson.Object)
		}
		words = append(words, articles[name])
	}
	n.wrong = "must be " + strings.Join(words, " or ")
}

var articles = map[string]string{
	"null": "null", "boolean": "true or false", "number": "a number", "integer": "a whole number", "string": "a string", "array": "an array", "object": "an object",
}

func stringsOf(s *jsonschema.Schema) *stringRules {
	if s.MinLength == nil && s.MaxLength == nil && s.Pattern == nil && (s.Format == nil || numeric(s.Format.Name)) {
		return nil
	}
	r := &stringRules{max: -1, pattern: s.Pattern}
	if s.Format != nil && !numeric(s.Format.Name) {
		r.format, r.form = s.Format, "is not of the format "+s.Format.Name
	}
	if s.MinLength != nil {
		r.min, r.short = *s.MinLength, "has fewer than "+count(*s.MinLength, "character")
	}
	if s.MaxLength != nil {
		r.max, r.long = *s.MaxLength, "has more than "+count(*s.MaxLength, "character")
	}
	return r
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func numbersOf(s *jsonschema.Schema) *numberRules {
	r := &numberRules{multiple: s.MultipleOf}
	if s.Format != nil {
		r.bits = map[string]int{"int32": 32, "int64": 64}[s.Format.Name]
	}
	r.min, r.max = tighter(s.Minimum, s.ExclusiveMinimum, 1), tighter(s.Maximum, s.ExclusiveMaximum, -1)
	if r.min == nil && r.max == nil && r.multiple == nil && r.bits == 0 {
		return nil
	}
	r.bounds = fmt.Sprintf("is not a whole number of %d bits", r.bits)
	if r.min != nil {
		r.small = "is less than " + decimal(r.min.exact)
		if r.min.exclusive {
			r.small = "is not more than " + decimal(r.min.exact)
		}
	}
	if r.max != nil {
		r.large = "is more than " + decimal(r.max.exact)
		if r.max.exclusive {
			r.large = "is not less than " + decimal(r.max.exact)
		}
	}
	if r.multiple != nil {
		r.notMultiple = "is not a multiple of " + decimal(r.multiple)
	}
	return r
}

// tighter is the one of two bounds that is harder to meet; sign is 1 for lower ones.
func tighter(inclusive, exclusive *big.Rat, sign int) *bound {
	exact, open := inclusive, false
	if exclusive != nil && (inclusive == nil || sign*exclusive.Cmp(inclusive) >= 0) {
		exact, open = exclusive, true
	}
	if exact == nil {
		return nil
	}
	b := &bound{exact: exact, exclusive: open}
	if exact.IsInt() && exact.Num().IsInt64() {
		b.small, b.whole = true, exact.Num().Int64()
	}
	return b
}

func decimal(r *big.Rat) string {
	if r.IsInt() && r.Num().BitLen() <= 64 {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return fmt.Sprintf("%g", f)
}

// object makes what is said of objects.
func (c *compilation) object(n *node, s *jsonschema.Schema) (err error) {
	o := &objectRules{max: -1, required: s.Required}
	if s.MinProperties != nil {
		o.min, o.few = *s.MinProperties, "has fewer than "+count(*s.MinProperties, "member")
	}
	if s.MaxProperties != nil {
		o.max, o.many = *s.MaxProperties, "has more than "+count(*s.MaxProperties, "member")
	}
	if err := c.properties(o, s); err != nil {
		return err
	}
	for name, sub := range s.PatternProperties {
		made, err := c.node(sub)
		if err != nil {
			return err
		}
		o.patterns = append(o.patterns, pattern{name, made})
	}
	slices.SortFunc(o.patterns, func(a, b pattern) int { return strings.Compare(a.name.String(), b.name.String()) })
	if o.additional, err = c.additional(s.AdditionalProperties); err != nil {
		return err
	}
	if o.names, err = c.node(s.PropertyNames); err != nil {
		return err
	}
	if o.unevaluated, err = c.node(s.UnevaluatedProperties); err != nil {
		return err
	}
	if err := c.depending(o, s); err != nil {
		return err
	}
	if o.says() {
		n.obj = o
	}
	return nil
}

func (o *objectRules) says() bool {
	return o.min > 0 || o.max >= 0 || len(o.required) > 0 || len(o.properties) > 0 || len(o.patterns) > 0 || o.additional != nil ||
		o.names != nil || o.unevaluated != nil || len(o.needs) > 0 || len(o.dependent) > 0
}

func (c *compilation) properties(o *objectRules, s *jsonschema.Schema) error {
	o.properties = make(map[string]property, len(s.Properties))
	for name, sub := range s.Properties {
		made, err := c.node(sub)
		if err != nil {
			return err
		}
		p := property{schema: made}
		switch {
		case c.direction == Sent && marked(sub, func(s *jsonschema.Schema) bool { return s.ReadOnly }):
			p.refused = "is not the client's to set"
		case c.direction == Answered && marked(sub, func(s *jsonschema.Schema) bool { return s.WriteOnly }):
			p.refused = "is not for readers"
		}
		o.properties[name] = p
	}
	o.required = slices.DeleteFunc(slices.Clone(s.Required), func(name string) bool { return o.properties[name].refused != "" })
	return nil
}

// marked follows references: a property that is a readOnly type is readOnly itself.
func marked(s *jsonschema.Schema, by func(*jsonschema.Schema) bool) bool {
	for range 32 { // a longer chain is a ring, which fails elsewhere
		if s == nil || by(s) {
			return s != nil
		}
		s = s.Ref
	}
	return false
}

func (c *compilation) additional(v any) (*node, error) {
	switch v := v.(type) {
	case bool:
		return &node{never: !v, state: done}, nil
	case *jsonschema.Schema:
		return c.node(v)
	}
	return nil, nil
}

func (c *compilation) depending(o *objectRules, s *jsonschema.Schema) error {
	for name, with := range s.DependentRequired {
		o.needs = append(o.needs, need{name, with})
	}
	slices.SortFunc(o.needs, func(a, b need) int { return strings.Compare(a.name, b.name) })
	for name, d := range s.Dependencies { // of older drafts, still read
		switch d := d.(type) {
		case []string:
			o.needs = append(o.needs, need{name, d})
		case *jsonschema.Schema:
			made, err := c.node(d)
			if err != nil {
				return err
			}
			o.dependent = append(o.dependent, dependent{name, made})
		}
	}
	for name, sub := range s.DependentSchemas {
		made, err := c.node(sub)
		if err != nil {
			return err
		}
		o.dependent = append(o.dependent, dependent{name, made})
	}
	slices.SortFunc(o.dependent, func(a, b dependent) int { return strings.Compare(a.name, b.name) })
	return nil
}

// array makes what is said of arrays.
func (c *compilation) array(n *node, s *jsonschema.Schema) (err error) {
	a := &arrayRules{max: -1, unique: s.UniqueItems, minContains: 1, maxContains: -1}
	if s.MinItems != nil {
		a.min, a.few = *s.MinItems, "has fewer than "+count(*s.MinItems, "item")
	}
	if s.MaxItems != nil {
		a.max, a.many = *s.MaxItems, "has more than "+count(*s.MaxItems, "item")
	}
	if a.prefix, err = c.nodes(s.PrefixItems); err != nil {
		return err
	}
	if a.items, err = c.node(s.Items2020); err != nil {
		return err
	}
	if a.contains, err = c.node(s.Contains); err != nil {
		return err
	}
	if s.MinContains != nil {
		a.minContains = *s.MinContains
	}
	if s.MaxContains != nil {
		a.maxContains = *s.MaxContains
	}
	if a.unevaluated, err = c.node(s.UnevaluatedItems); err != nil {
		return err
	}
	if a.min > 0 || a.max >= 0 || a.unique || len(a.prefix) > 0 || a.items != nil || a.contains != nil || a.unevaluated != nil {
		n.arr = a
	}
	return nil
}
