package schema

import (
	"strings"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// Read makes a value of text that comes without a type, in a query or a form, as the schema has it: a number or a truth value where it takes
// one and the text is one, else a string.
func (s *Schema) Read(text string) strictjson.Value {
	if s != nil {
		types := s.root.reads
		switch {
		case types&(kindOf(strictjson.Number)|integer) != 0 && number(text):
			return strictjson.Value{Kind: strictjson.Number, Text: text}
		case types&kindOf(strictjson.Bool) != 0 && (text == "true" || text == "false"):
			return strictjson.Value{Kind: strictjson.Bool, Text: text}
		}
	}
	return strictjson.Value{Kind: strictjson.String, Text: text}
}

func number(text string) bool {
	v, err := strictjson.ParseAtMost([]byte(text), 1)
	return err == nil && v.Kind == strictjson.Number && text == strings.TrimSpace(text)
}

// Takes tells whether the schema is one of arrays or of objects.
func (s *Schema) Takes(k strictjson.Kind) bool { return s != nil && s.root.reads&kindOf(k) != 0 }

// Items is what the items of an array are held to; nil: nothing is said of them.
func (s *Schema) Items() *Schema {
	return s.find(func(n *node) *node {
		if n.arr == nil {
			return nil
		}
		return n.arr.items
	})
}

// Property is what a member is held to; nil: the schema does not name it.
func (s *Schema) Property(name string) *Schema {
	return s.find(func(n *node) *node {
		if n.obj == nil {
			return nil
		}
		return n.obj.properties[name].schema
	})
}

// furthest is how many references are followed to find what a part is held to.
const furthest = 8

func (s *Schema) find(of func(*node) *node) *Schema {
	if s == nil {
		return nil
	}
	if found := s.root.find(of, 0); found != nil {
		return &Schema{found}
	}
	return nil
}

func (n *node) find(of func(*node) *node, depth int) (found *node) {
	if found = of(n); found != nil || depth == furthest {
		return found
	}
	_ = n.inPlace(func(m *node) error { // which returns only what this returns
		if found == nil {
			found = m.find(of, depth+1)
		}
		return nil
	})
	return found
}
