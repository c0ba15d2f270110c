package authorize

import (
	"context"
	"errors"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/jsonstream"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// Filter keeps, of a list in a 200 answer, the elements that the person may have.
type Filter struct {
	// Where the list is: a JSON pointer ("/data/rooms"), or names with dots between ("data.rooms"); "." where the answer is the list.
	Member string `json:"member"`

	// What is asked for each element. Its variables are members of the element, named in the same way: "room:{id}".
	Rule
}

type filter struct {
	list   *jsonstream.Filter
	rule   rule
	fields map[string]int // variable → place among the fields
}

func (f *Filter) compile() (*filter, error) {
	if f.Member == "" || f.Resource == "" {
		return nil, errors.New("filter: a member, a permission and an object are needed")
	}
	c := &filter{fields: map[string]int{}}
	var paths []jsonstream.Path
	var bad error
	member := func(name string) bool {
		p, err := jsonstream.ParsePath(name)
		if name == "" || err != nil {
			bad = err
			return false
		}
		if _, ok := c.fields[name]; !ok {
			c.fields[name] = len(paths)
			paths = append(paths, p)
		}
		return true
	}
	list, err := jsonstream.ParsePath(f.Member)
	if err == nil {
		c.rule, err = f.Rule.compile(member)
	}
	if err = errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	c.list = jsonstream.NewFilter(list, paths)
	return c, nil
}

// anyMember knows every name that can be a path into JSON.
func anyMember(name string) bool { return name != "" }

var (
	errAnswer      = errors.New("the answer is not what the route says")
	errUnavailable = errors.New("the policy can't decide now")
)

// question is what is asked about the list, before its elements are known.
func (f *filter) question(base engine.Input) *engine.Input {
	base.Permission, base.Resource, base.Parent, base.Target = f.rule.permission, engine.Object{Type: f.rule.resource.kind}, engine.Object{}, ""
	if f.rule.classification != "" {
		base.Classification = f.rule.classification
	}
	return &base
}

// keep decides elements. Fail closed: one that can't be named fails the whole.
func (f *filter) keep(ctx context.Context, question *engine.Input, decide decider, h *Handler) jsonstream.Keep {
	in := *question // for one element after the other
	var current []jsonstream.Field
	values := f.values(&current)
	return func(fields []jsonstream.Field) (bool, *jsonstream.Masks, error) {
		current = fields
		if err := f.rule.fill(&in, values); err != nil {
			return false, nil, fmt.Errorf("%w: an element can't be named: %w", errAnswer, err)
		}
		d := h.met(decide(ctx, &in), &in)
		switch {
		case d.Failure.Unavailable():
			return false, nil, errUnavailable
		case !d.Allow:
			return false, nil, nil
		}
		masks, err := h.masks.of(d.Obligations.Mask)
		return err == nil, masks, err // fail closed
	}
}

// decider says what may be had of a list.
type decider = func(context.Context, *engine.Input) engine.Decision

// values are the variables that an element gives.
func (f *filter) values(of *[]jsonstream.Field) values {
	return func(name string) (string, error) {
		field := (*of)[f.fields[name]]
		if !field.Given {
			return "", errAbsent
		}
		s, ok := field.Scalar()
		if !ok {
			return "", errValue
		}
		return s, nil
	}
}
