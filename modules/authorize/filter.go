package authorize

import (
	"context"
	"errors"
	"fmt"

	"github.com/convosphere/gateway/modules/authorize/strictjson"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// Filter keeps, of a list in a 200 answer, the elements that the person may have.
type Filter struct {
	// The member that holds the list, with dots between names; "." where the answer is the list.
	Member string `json:"member"`

	// What is asked for each element. Its variables are members of the element: "room:{id}".
	Rule
}

type filter struct {
	member string
	rule   rule
}

func (f *Filter) compile() (*filter, error) {
	if f.Member == "" || f.Resource == "" {
		return nil, errors.New("filter: a member, a permission and an object are needed")
	}
	r, err := f.Rule.compile(anyMember)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	c := &filter{member: f.Member, rule: r}
	if c.member == "." {
		c.member = ""
	}
	return c, nil
}

// anyMember knows every name that can be a path into JSON.
func anyMember(name string) bool { return name != "" }

var (
	errAnswer      = errors.New("the answer is not what the route says")
	errUnavailable = errors.New("the policy can't decide now")
)

// apply returns the answer without the elements that are refused. What stays is passed on byte by byte as it came, which is safe
// because strictjson takes only what cannot be read in two ways. Fail closed: an element that can't be named fails the whole.
func (f *filter) apply(ctx context.Context, decide func(context.Context, *engine.Input) engine.Decision, base engine.Input, body []byte, doc *strictjson.Value) (out []byte, removed int, err error) {
	list, err := doc.Get(f.member)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errAnswer, err)
	}
	if list == nil || list.Kind != strictjson.Array {
		return nil, 0, fmt.Errorf("%w: %q is no list", errAnswer, f.member)
	}
	out = append(make([]byte, 0, len(body)), body[:list.Start+1]...)
	first := true
	for i := range list.Items {
		item := &list.Items[i]
		in := base
		if err := f.rule.fill(&in, members(item)); err != nil {
			return nil, 0, fmt.Errorf("%w: an element can't be named: %w", errAnswer, err)
		}
		d := decide(ctx, &in)
		if d.Failure.Unavailable() {
			return nil, 0, errUnavailable
		}
		if !d.Allow {
			removed++
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, body[item.Start:item.End]...)
	}
	return append(out, body[list.End-1:]...), removed, nil
}

// members are the variables that a JSON object gives.
func members(v *strictjson.Value) values {
	return func(name string) (string, error) {
		m, err := v.Get(name)
		if err != nil {
			return "", err
		}
		if m == nil {
			return "", errAbsent
		}
		s, ok := m.Scalar()
		if !ok {
			return "", errValue
		}
		return s, nil
	}
}
