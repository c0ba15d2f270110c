package engine

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Document stands over a policy's own data: whole, in place of whatever is at its path.
type Document struct {
	path   []string
	term   *ast.Term
	digest string
}

// NewDocument reads a value, as encoding/json makes it with numbers as they are written, for any number of snapshots. The path is not empty.
func NewDocument(path []string, value any) (Document, error) {
	digest := digestOf{sha256.New()}
	r := &dataReader{to: bufio.NewWriterSize(digest, 1<<15), names: map[string]*ast.Term{}, values: map[string]*ast.Term{}}
	t, err := r.term(value)
	if err == nil {
		err = r.to.Flush()
	}
	if err != nil {
		return Document{}, fmt.Errorf("reading a document: %w", err)
	}
	return Document{path, t, digest.String()}, nil
}

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
		fmt.Fprintf(digest, " %q %s", d.path, d.digest)
		var err error
		if root, err = place(root, d.path, d.term); err != nil {
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
	pairs := make([][2]*ast.Term, 0, object.Len()+1)
	object.Foreach(func(k, v *ast.Term) {
		if below == nil || !k.Equal(name) {
			pairs = append(pairs, [2]*ast.Term{k, v})
		}
	})
	return ast.NewObject(append(pairs, [2]*ast.Term{name, value})...), nil
}
