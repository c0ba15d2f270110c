package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/convosphere/gateway/modules/internal/casefold"
)

// Direction is who sends a value: properties that are readOnly are not a client's to send, those that are writeOnly not the back end's.
type Direction uint8

// Directions.
const (
	Sent     Direction = iota // by clients
	Answered                  // by the back end
)

// Set compiles the schemas of one document.
type Set struct {
	url      string
	compiler *jsonschema.Compiler
	nodes    [2]map[*jsonschema.Schema]*node
}

// errOutside says that a schema is somewhere else.
var errOutside = errors.New("it refers to another document: all of it must stand in one file")

// nowhere loads no document: not a file, nothing from the network.
type nowhere struct{}

func (nowhere) Load(string) (any, error) { return nil, errOutside }

// NewSet takes a document: JSON as jsonschema.UnmarshalJSON gives it. Its schemas are of draft 2020-12, wherever in it they stand.
func NewSet(doc any) (*Set, error) {
	s := &Set{url: "urn:document", compiler: jsonschema.NewCompiler(), nodes: [2]map[*jsonschema.Schema]*node{{}, {}}}
	s.compiler.DefaultDraft(jsonschema.Draft2020)
	s.compiler.UseLoader(nowhere{})
	s.compiler.AssertFormat()
	for _, f := range formats {
		s.compiler.RegisterFormat(f)
	}
	if err := s.compiler.AddResource(s.url, doc); err != nil {
		return nil, err
	}
	return s, nil
}

// Compile makes the schema at a JSON pointer of the document, as its direction has it.
func (s *Set) Compile(pointer string, d Direction) (*Schema, error) {
	read, err := s.compiler.Compile(s.url + "#" + fragment(pointer))
	if err != nil {
		return nil, fmt.Errorf("the schema at %s: %w", pointer, plainer(err))
	}
	c := &compilation{set: s, direction: d}
	root, err := c.node(read)
	if err == nil {
		err = root.settle()
	}
	if err == nil {
		err = c.settle()
	}
	if err != nil {
		return nil, fmt.Errorf("the schema at %s: %w", pointer, err)
	}
	return &Schema{root}, nil
}

// plainer leaves out the document's made-up name, under which nobody knows it.
func plainer(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), "urn:document#", "#"))
}

// fragment encodes a pointer for a URI.
func fragment(pointer string) string {
	var b strings.Builder
	for i := range len(pointer) {
		switch c := pointer[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '/', c == '-', c == '_', c == '.', c == '~':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

type compilation struct {
	set       *Set
	direction Direction
	made      []*node
}

func (c *compilation) settle() error {
	for _, n := range c.made {
		if err := n.settle(); err != nil {
			return err
		}
	}
	return nil
}

// node makes a schema, or gives what was made of it before; nil of nil.
func (c *compilation) node(s *jsonschema.Schema) (*node, error) {
	if s == nil {
		return nil, nil
	}
	known := c.set.nodes[c.direction]
	if n := known[s]; n != nil {
		return n, nil
	}
	_, where, _ := strings.Cut(s.Location, "#")
	n := &node{location: where}
	known[s] = n
	c.made = append(c.made, n)
	if s.Bool != nil {
		n.never = !*s.Bool
		return n, nil
	}
	if err := supported(s); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	n.setTypes(s.Types)
	var err error
	if n.enum, n.fixed, err = constants(s); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	n.str, n.num = stringsOf(s), numbersOf(s)
	return n, errors.Join(c.combined(n, s), c.object(n, s), c.array(n, s))
}

// supported refuses what would silently not be held.
func supported(s *jsonschema.Schema) error {
	switch {
	case s.DraftVersion != 2020:
		return errors.New("it is of another draft than 2020-12")
	case s.RecursiveRef != nil, s.DynamicRef != nil && s.DynamicRef.Anchor != "":
		return errors.New("$dynamicRef is not supported")
	case s.ContentSchema != nil:
		return errors.New("contentSchema is not supported")
	}
	return nil
}

// combined makes the schemas of the same value.
func (c *compilation) combined(n *node, s *jsonschema.Schema) error {
	for _, to := range []struct {
		node   **node
		schema *jsonschema.Schema
	}{{&n.ref, s.Ref}, {&n.not, s.Not}, {&n.when, s.If}, {&n.yes, s.Then}, {&n.otherwise, s.Else}} {
		made, err := c.node(to.schema)
		if err != nil {
			return err
		}
		*to.node = made
	}
	if n.ref == nil && s.DynamicRef != nil {
		made, err := c.node(s.DynamicRef.Ref)
		if err != nil {
			return err
		}
		n.ref = made
	}
	if n.when == nil { // then and else without if say nothing
		n.yes, n.otherwise = nil, nil
	}
	for _, to := range []struct {
		nodes   *[]*node
		schemas []*jsonschema.Schema
	}{{&n.all, s.AllOf}, {&n.any, s.AnyOf}, {&n.one, s.OneOf}} {
		made, err := c.nodes(to.schemas)
		if err != nil {
			return err
		}
		*to.nodes = made
	}
	return nil
}

func (c *compilation) nodes(schemas []*jsonschema.Schema) (made []*node, err error) {
	for _, s := range schemas {
		n, err := c.node(s)
		if err != nil {
			return nil, err
		}
		made = append(made, n)
	}
	return made, nil
}

// settle works out what a schema and those of the same value name. One that leads to itself without a step into the value would never end.
func (n *node) settle() error {
	switch n.state {
	case done:
		return nil
	case entered:
		return fmt.Errorf("%s: the schema refers to itself", n.location)
	}
	n.state = entered
	n.names, n.reads = map[string]bool{}, n.types
	if n.obj != nil {
		for name := range n.obj.properties {
			n.names[name] = true
		}
		n.branches = len(n.obj.dependent) > 0
	}
	n.branches = n.branches || len(n.any) > 0 || len(n.one) > 0 || n.when != nil
	err := n.inPlace(func(m *node) error {
		if err := m.settle(); err != nil {
			return err
		}
		maps.Copy(n.names, m.names)
		n.branches, n.reads = n.branches || m.branches, n.reads|m.reads
		return nil
	})
	if err == nil && n.not != nil {
		err = n.not.settle()
	}
	if err != nil {
		return err
	}
	n.folded = make(map[string]string, len(n.names))
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		n.folded[casefold.Name(name)] = name
	}
	n.state = done
	return nil
}
