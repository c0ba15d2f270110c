package record

import (
	"fmt"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/jsonstream"
)

// Plan is what is done to documents of one place in one direction. It never changes.
type Plan struct {
	root  *node
	kinds []*kind
	list  jsonstream.Path // the list whose elements hold all records; nil where there is no such
	each  *node           // what is done to one element of it
}

// node is where the paths have come to.
type node struct {
	names  []named
	each   *node  // elements of an array
	record *kind  // that begins here
	field  string // that is here, as the encryption calls it; "" none
	size   bool   // the length of an encrypted file is here
}

type named struct {
	name string
	*node
}

// ErrNoPlace says that a member must be encrypted, but that no record holds it.
type ErrNoPlace struct{ Pointer string }

// Error implements error.
func (e *ErrNoPlace) Error() string {
	return fmt.Sprintf("%q must be encrypted by its classification, and gw_protect has no record for it on this route", e.Pointer)
}

// Compile makes a plan of the records, and of what the classification says is encrypted: pointers that begin at the document. A plan of nothing
// is nil.
func Compile(specs []Spec, d Direction, classified []string, known func(string) bool) (*Plan, error) {
	p := &Plan{root: &node{}}
	for i := range specs {
		k, err := specs[i].compile(known)
		if err != nil {
			return nil, err
		}
		if !specs[i].in(d) {
			continue
		}
		n := p.root.at(k.path)
		if n.record != nil {
			return nil, fmt.Errorf("two records lie at %q", specs[i].Pointer)
		}
		n.record = k
		p.kinds = append(p.kinds, k)
		for _, f := range k.fields {
			if err := n.put(f.path, f.name); err != nil {
				return nil, err
			}
		}
	}
	for _, text := range classified {
		if err := p.classify(text); err != nil {
			return nil, err
		}
	}
	if len(p.kinds) == 0 {
		return nil, nil
	}
	p.split()
	return p, nil
}

// classify puts a field where the classification says.
func (p *Plan) classify(text string) error {
	path, err := pointer(text)
	if err != nil {
		return err
	}
	var in *kind
	for _, k := range p.kinds { // the innermost that holds it
		if len(k.path) < len(path) && slices.Equal(k.path, path[:len(k.path)]) && (in == nil || len(k.path) > len(in.path)) {
			in = k
		}
	}
	if in == nil {
		return &ErrNoPlace{text}
	}
	rest := path[len(in.path):]
	for _, f := range in.fields {
		if slices.Equal(f.path, rest) {
			return nil // it has a name already
		}
	}
	return p.root.at(in.path).put(rest, fieldName(rest))
}

// at is the node of a path, made where it is not there.
func (n *node) at(p jsonstream.Path) *node {
	for _, name := range p {
		n = n.child(name)
	}
	return n
}

func (n *node) child(name string) *node {
	if name == star {
		if n.each == nil {
			n.each = &node{}
		}
		return n.each
	}
	for _, c := range n.names {
		if c.name == name {
			return c.node
		}
	}
	c := named{name, &node{}}
	n.names = append(n.names, c)
	return c.node
}

func (n *node) put(p jsonstream.Path, field string) error {
	at := n.at(p)
	if at.field != "" && at.field != field {
		return fmt.Errorf("%s is encrypted as %s and as %s", fieldName(p), at.field, field)
	}
	at.field = field
	return nil
}

// split finds the list that holds all records.
func (p *Plan) split() {
	var list jsonstream.Path
	for i, k := range p.kinds {
		at := slices.Index(k.path, star)
		if at < 0 || i > 0 && !slices.Equal(list, k.path[:at]) {
			return
		}
		list = k.path[:at]
	}
	n := p.root.at(list)
	if n.each == nil || len(n.names) > 0 {
		return
	}
	p.list, p.each = list, n.each
	if p.list == nil {
		p.list = jsonstream.Path{}
	}
}

// List is the list whose elements hold all that the plan changes, so that a document can be changed element by element. ok tells whether there is one.
func (p *Plan) List() (list jsonstream.Path, ok bool) { return p.list, p.list != nil }

// Fields tells whether there is something to encrypt, or to make.
func (p *Plan) Fields() bool {
	return p != nil && p.root.any()
}

func (n *node) any() bool {
	if n == nil {
		return false
	}
	if n.field != "" || n.size || n.record != nil && (n.record.mint != "" || len(n.record.index) > 0) {
		return true
	}
	for _, c := range n.names {
		if c.any() {
			return true
		}
	}
	return n.each.any()
}

// Encrypts tells whether the member is encrypted, by itself or as a part of one that is. A list on the way means each of its elements.
func (p *Plan) Encrypts(member jsonstream.Path) bool {
	if p == nil {
		return false
	}
	n := p.root
	for _, name := range member {
		for n.each != nil && name != star && n.field == "" {
			n = n.each
		}
		if n.field != "" {
			return true
		}
		if name == star {
			n = n.each
		} else {
			n, _ = n.find(name)
		}
		if n == nil {
			return false
		}
	}
	return n.field != ""
}

// find is the child of a name. twisted tells that a name differs only in case: some servers would take that one.
func (n *node) find(name string) (found *node, twisted bool) {
	for i := range n.names {
		c := &n.names[i]
		if c.name == name {
			return c.node, false
		}
		if len(c.name) <= len(name)*4 && strings.EqualFold(c.name, name) {
			twisted = true
		}
	}
	return nil, twisted
}

// Names are the members of the document itself that the plan encrypts or makes, or that lead to some that it does.
func (p *Plan) Names() (names []string) {
	if p == nil {
		return nil
	}
	for _, c := range p.root.names {
		if c.any() {
			names = append(names, c.name)
		}
	}
	if k := p.root.record; k != nil {
		if k.mint != "" {
			names = append(names, k.mint)
		}
		for _, x := range k.index {
			names = append(names, x.Member, x.Into)
		}
	}
	return names
}
