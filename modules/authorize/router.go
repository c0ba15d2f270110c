package authorize

import (
	"fmt"
	"net/http"
	"strings"
)

// router finds the route of a request. Of several that match, the one that is literal where the others are not,
// looking from the left, wins; then {name} before {name...}; then a named method before all.
type router struct {
	exact node
	// The same in lower case: a path that matches a route only so is no unlisted path, since many servers don't tell case.
	folded node
	// Headers that routes tell the back end lists of ids in, folded.
	reserved []string
}

type node struct {
	literal map[string]*node
	one     *node  // any one segment
	here    leaves // the path ends here
	rest    leaves // any number of segments follows
}

// leaves are routes by method, "" for all.
type leaves map[string]*route

func (rt *router) add(method string, p *pattern, r *route) error {
	if err := rt.exact.add(method, p, r, func(s string) string { return s }); err != nil {
		return err
	}
	return rt.folded.add(method, p, r, strings.ToLower)
}

func (n *node) add(method string, p *pattern, r *route, fold func(string) string) error {
	for _, s := range p.parts {
		n = n.child(s, fold)
	}
	at := &n.here
	if p.rest != "" {
		at = &n.rest
	}
	if *at == nil {
		*at = leaves{}
	}
	if other, taken := (*at)[method]; taken {
		return fmt.Errorf("the routes %q and %q can't be told apart", other.name, r.name)
	}
	(*at)[method] = r
	return nil
}

func (n *node) child(s part, fold func(string) string) *node {
	if s.literal == "" {
		if n.one == nil {
			n.one = &node{}
		}
		return n.one
	}
	if n.literal == nil {
		n.literal = map[string]*node{}
	}
	next := n.literal[fold(s.literal)]
	if next == nil {
		next = &node{}
		n.literal[fold(s.literal)] = next
	}
	return next
}

// find returns the route, nil for an unlisted path, and an error for a path that differs from a listed one only in case.
func (rt *router) find(method string, segs []string) (*route, error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	r := rt.exact.find(method, segs)
	if rt.folded.find(method, lower(segs)) != r {
		return nil, errPathCase
	}
	return r, nil
}

func (n *node) find(method string, segs []string) *route {
	if len(segs) == 0 {
		if r := n.here.of(method); r != nil {
			return r
		}
		return n.rest.of(method)
	}
	if next := n.literal[segs[0]]; next != nil {
		if r := next.find(method, segs[1:]); r != nil {
			return r
		}
	}
	if n.one != nil {
		if r := n.one.find(method, segs[1:]); r != nil {
			return r
		}
	}
	return n.rest.of(method)
}

func (l leaves) of(method string) *route {
	if r := l[method]; r != nil {
		return r
	}
	return l[""]
}

// lower returns segs itself where they are lower case already.
func lower(segs []string) []string {
	for i, s := range segs {
		if strings.ToLower(s) == s {
			continue
		}
		out := append([]string(nil), segs...)
		for j := i; j < len(out); j++ {
			out[j] = strings.ToLower(out[j])
		}
		return out
	}
	return segs
}
