package engine

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Document stands over a policy's own data: whole, in place of whatever is at its path, which is not empty.
type Document struct {
	Path   []string
	Value  Datum
	Digest string // of the value's text
}

// Data is all that the policy sees, but for its rules.
func (s *Snapshot) Data() Datum { return Datum{ast.NewTerm(s.data.(baseData).root)} }

// WithDocuments is the same policy with documents over the data of s, none of them below another, and a revision of their own. Nothing is
// compiled, and what is not on the way to a document is shared with s: it costs what is on the way, however large the rest.
func (s *Snapshot) WithDocuments(ctx context.Context, documents []Document) (*Snapshot, error) {
	if len(documents) == 0 {
		return s, nil
	}
	digest := digestOf{sha256.New()}
	fmt.Fprintf(digest, "%s %d", s.Revision, len(documents))
	root := s.data.(baseData).root
	for _, d := range documents {
		fmt.Fprintf(digest, " %q %s", d.Path, d.Digest)
		var err error
		if root, err = place(root, d.Path, d.Value.term); err != nil {
			return nil, fmt.Errorf("laying data over the policy's: %w", err)
		}
	}
	return s.over(ctx, root, digest.String())
}

// place is the object with a value at a path of objects, those that are missing made. The rest is shared.
func place(object ast.Object, path []string, value *ast.Term) (ast.Object, error) {
	name := ast.StringTerm(path[0])
	below := object.Get(name)
	if len(path) > 1 {
		inner := ast.NewObject()
		if below != nil {
			var ok bool
			if inner, ok = below.Value.(ast.Object); !ok {
				return nil, fmt.Errorf("%q is no object", path[0])
			}
		}
		inner, err := place(inner, path[1:], value)
		if err != nil {
			return nil, err
		}
		value = ast.NewTerm(inner)
	}
	return replaced(object, name, value), nil
}

// replaced is the object with another value of one member, or, where that is nil, without it.
func replaced(object ast.Object, name, value *ast.Term) ast.Object {
	pairs := make([]pair, 0, object.Len()+1)
	object.Foreach(func(k, v *ast.Term) {
		if !k.Equal(name) {
			pairs = append(pairs, pair{k, v})
		}
	})
	if value != nil {
		pairs = append(pairs, pair{name, value})
	}
	return ast.NewObject(pairs...)
}
