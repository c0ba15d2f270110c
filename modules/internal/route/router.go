package route

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Router finds what belongs to a request. Of several patterns that match, the one that is literal where the others are not,
// looking from the left, wins; then {name} before {name...}; then a named method before all. The zero value has none.
type Router[T any] struct {
	exact node[T]
	// The same in lower case: a path that matches a route only so is no unlisted path, since many servers don't tell case.
	folded node[T]
}

type node[T any] struct {
	literal map[string]*node[T]
	one     *node[T]  // any one segment
	here    leaves[T] // the path ends here
	rest    leaves[T] // any number of segments follows
}

// leaves are what is held, by method, "" for all.
type leaves[T any] map[string]*leaf[T]

type leaf[T any] struct {
	name string
	held T
}

// Add puts held where requests of the method ("" all) for the pattern find it. Its name is for the error that two can't be told apart.
func (rt *Router[T]) Add(method string, p *Pattern, name string, held T) error {
	l := &leaf[T]{name, held}
	if err := rt.exact.add(method, p, l, func(s string) string { return s }); err != nil {
		return err
	}
	return rt.folded.add(method, p, l, strings.ToLower)
}

func (n *node[T]) add(method string, p *Pattern, l *leaf[T], fold func(string) string) error {
	for _, s := range p.parts {
		n = n.child(s, fold)
	}
	at := &n.here
	if p.rest != "" {
		at = &n.rest
	}
	if *at == nil {
		*at = leaves[T]{}
	}
	if other, taken := (*at)[method]; taken {
		return fmt.Errorf("the routes %q and %q can't be told apart", other.name, l.name)
	}
	(*at)[method] = l
	return nil
}

func (n *node[T]) child(s part, fold func(string) string) *node[T] {
	if s.literal == "" {
		if n.one == nil {
			n.one = &node[T]{}
		}
		return n.one
	}
	if n.literal == nil {
		n.literal = map[string]*node[T]{}
	}
	next := n.literal[fold(s.literal)]
	if next == nil {
		next = &node[T]{}
		n.literal[fold(s.literal)] = next
	}
	return next
}

// Find returns what belongs to a request, the zero T for an unlisted path, and ErrCase for a path that differs from a listed one only in case. HEAD
// is GET.
func (rt *Router[T]) Find(method string, segs []string) (held T, err error) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	l := rt.exact.find(method, segs)
	if rt.folded.find(method, lower(segs)) != l {
		return held, ErrCase
	}
	if l == nil {
		return held, nil
	}
	return l.held, nil
}

// Nearest is Find for who must not miss: for a path that differs from a listed one only in case it returns what belongs to the listed one.
func (rt *Router[T]) Nearest(method string, segs []string) (held T) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if l := rt.folded.find(method, lower(segs)); l != nil {
		held = l.held
	}
	return held
}

func (n *node[T]) find(method string, segs []string) *leaf[T] {
	if len(segs) == 0 {
		if l := n.here.of(method); l != nil {
			return l
		}
		return n.rest.of(method)
	}
	if next := n.literal[segs[0]]; next != nil {
		if l := next.find(method, segs[1:]); l != nil {
			return l
		}
	}
	if n.one != nil {
		if l := n.one.find(method, segs[1:]); l != nil {
			return l
		}
	}
	return n.rest.of(method)
}

func (l leaves[T]) of(method string) *leaf[T] {
	if found := l[method]; found != nil {
		return found
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

// ParseMethods reads "GET", "GET,POST", or * for all, which is none. Whether they are methods, CheckMethods tells.
func ParseMethods(s string) []string {
	if s == "*" {
		return nil
	}
	return strings.Split(s, ",")
}

// CheckMethods refuses what is no method to have a route for.
func CheckMethods(methods []string) error {
	for _, m := range methods {
		if m == "" || strings.Trim(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return fmt.Errorf("method %q: write methods in upper case, with commas between, or * for all", m)
		}
		if m == http.MethodHead {
			return errors.New("method HEAD: it is decided as GET")
		}
	}
	return nil
}
