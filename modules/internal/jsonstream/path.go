package jsonstream

import (
	"fmt"
	"strings"
)

// Path leads to a value, from the outside in. The empty one is the document itself.
type Path []string

// ParsePath reads a JSON pointer (RFC 6901: "/author/e-mail"), or names with dots between ("author.name"). "." is the document itself.
func ParsePath(text string) (Path, error) {
	if text == "." || text == "" {
		return nil, nil
	}
	if !strings.HasPrefix(text, "/") {
		p := Path(strings.Split(text, "."))
		for _, name := range p {
			if name == "" {
				return nil, fmt.Errorf("%q: a name is missing between the dots", text)
			}
		}
		return p, nil
	}
	p := Path(strings.Split(text[1:], "/"))
	for i, token := range p {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(token), "~") {
			return nil, fmt.Errorf("%q: in a JSON pointer, write ~0 for ~ and ~1 for /", text)
		}
		p[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	}
	return p, nil
}

// node is where paths have come to: they are merged into a tree.
type node struct {
	name     string
	children []*node
	end      int   // which path ends here; -1 none
	mask     *Mask // that lies over it; nil none
	drops    bool  // masks leave children out
}

func newNode(name string) *node { return &node{name: name, end: -1} }

// add puts a path below the node. same tells names that stand for one another.
func (n *node) add(p Path, end int, same func(a, b string) bool) {
	n.at(p, same).end = end
}

// at is the node at a path below, which is made where there is none.
func (n *node) at(p Path, same func(a, b string) bool) *node {
	if len(p) == 0 {
		return n
	}
	for _, c := range n.children {
		if same(c.name, p[0]) {
			return c.at(p[1:], same)
		}
	}
	c := newNode(p[0])
	n.children = append(n.children, c)
	return c.at(p[1:], same)
}

func equal(a, b string) bool { return a == b }

// exactly finds the child of a name. It fails where a name differs only in case: some readers would take that one.
func (n *node) exactly(name []byte) (*node, error) {
	if n == nil {
		return nil, nil
	}
	var found *node
	for _, c := range n.children {
		switch {
		case c.name == string(name):
			found = c
		case len(name) < maxFold*len(c.name) && strings.EqualFold(c.name, string(name)):
			return nil, errAmbiguous
		}
	}
	return found, nil
}

// folded finds the child of a name in whatever case.
func (n *node) folded(name []byte) *node {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name == string(name) || len(name) < maxFold*len(c.name) && strings.EqualFold(c.name, string(name)) {
			return c
		}
	}
	return nil
}

// maxFold is above the factor by which a name can grow in another case.
const maxFold = 5
