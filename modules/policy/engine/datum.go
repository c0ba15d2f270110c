package engine

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Datum is a JSON value as policies see it. It never changes: what is set in one is set in a copy, which shares the rest.
type Datum struct{ term *ast.Term }

// ReadDatum reads JSON text as Decode does.
func ReadDatum(raw []byte) (Datum, error) {
	t, err := decodeTerm(raw)
	return Datum{t}, err
}

// EmptyObject is {}.
func EmptyObject() Datum { return Datum{ast.ObjectTerm()} }

// Plain is what Decode would have made of the value's text.
func (v Datum) Plain() any {
	p := &plainer{}
	return p.plain(v.term.Value)
}

type plainer struct{ pace pace }

func (p *plainer) plain(v ast.Value) any {
	p.pace.step()
	switch v := v.(type) {
	case ast.Boolean:
		return bool(v)
	case ast.Number:
		return json.Number(v)
	case ast.String:
		return string(v)
	case *ast.Array:
		list := make([]any, 0, v.Len())
		v.Foreach(func(t *ast.Term) { list = append(list, p.plain(t.Value)) })
		return list
	case ast.Object:
		members := make(map[string]any, v.Len())
		v.Foreach(func(name, t *ast.Term) { members[string(name.Value.(ast.String))] = p.plain(t.Value) })
		return members
	}
	return nil
}

// WriteJSON writes the value's text, members sorted, without spaces, and so that ReadDatum reads it. It steps aside for requests.
func (v Datum) WriteJSON(w io.Writer) error {
	t := &textWriter{w: w}
	b, err := t.append(make([]byte, 0, 2*chunk), v.term.Value)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// At is what is at a path of objects.
func (v Datum) At(path []string) (Datum, bool) {
	for _, name := range path {
		object, ok := v.term.Value.(ast.Object)
		if !ok {
			return Datum{}, false
		}
		if v.term = object.Get(ast.StringTerm(name)); v.term == nil {
			return Datum{}, false
		}
	}
	return v, true
}

// With is v with another value at a path of objects, those that are missing made. The path is not empty.
func (v Datum) With(path []string, other Datum) (Datum, error) {
	object, ok := v.term.Value.(ast.Object)
	if !ok {
		return Datum{}, fmt.Errorf("there is no object in which %q could be", path[0])
	}
	object, err := place(object, path, other.term)
	return Datum{ast.NewTerm(object)}, err
}

// Without is v without what is at a path of objects. ok tells whether there was anything. The path is not empty.
func (v Datum) Without(path []string) (_ Datum, ok bool) {
	object, ok := v.term.Value.(ast.Object)
	if !ok {
		return v, false
	}
	name := ast.StringTerm(path[0])
	below := object.Get(name)
	if below == nil {
		return v, false
	}
	if len(path) == 1 {
		return Datum{ast.NewTerm(replaced(object, name, nil))}, true
	}
	inner, ok := Datum{below}.Without(path[1:])
	if !ok {
		return v, false
	}
	return Datum{ast.NewTerm(replaced(object, name, inner.term))}, true
}
