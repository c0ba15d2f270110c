package jsonstream

import (
	"errors"
	"fmt"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// Errors of a stream. ErrAnswer is in all that say that the document is not what it should be.
var (
	ErrAnswer    = errors.New("the document is not as it should be")
	errEnd       = fmt.Errorf("%w: it ends too early", ErrAnswer)
	errSyntax    = fmt.Errorf("%w: not JSON", ErrAnswer)
	errDepth     = fmt.Errorf("%w: nested too deep", ErrAnswer)
	errMany      = fmt.Errorf("%w: too many names, or too long ones", ErrAnswer)
	errTwice     = fmt.Errorf("%w: a member is given twice", ErrAnswer)
	errUTF8      = fmt.Errorf("%w: not UTF-8", ErrAnswer)
	errHalf      = fmt.Errorf("%w: half a surrogate pair", ErrAnswer)
	errControl   = fmt.Errorf("%w: a control character in a string", ErrAnswer)
	errAmbiguous = fmt.Errorf("%w: two members differ only in upper and lower case", ErrAnswer)
	errList      = fmt.Errorf("%w: there is no list where it should be", ErrAnswer)
	errElement   = fmt.Errorf("%w: an element is too large", ErrAnswer)
)

// Field is what a member of an element is.
type Field struct {
	Given bool            // it is there
	Kind  strictjson.Kind // an Array or Object has no Text
	Text  string          // of a String, decoded; of a Number, Bool or Null, as written
}

// Scalar is the text of a value that can name a thing without doubt.
func (f Field) Scalar() (string, bool) {
	v := strictjson.Value{Kind: f.Kind, Text: f.Text}
	return v.Scalar()
}

// Keep decides an element by its fields, which are in the order they were asked for and are used again for the next. masks, where it is not
// nil, is applied to an element that is kept.
type Keep func(fields []Field) (keep bool, masks *Masks, err error)

// Filter is what is kept of one list.
type Filter struct {
	list    Path
	fields  *node
	count   int
	rewrite func(element []byte) ([]byte, error) // nil: elements are kept or not
}

// NewFilter keeps, of the list at a path, the elements that are decided for. Members of an element are named by paths that begin there.
func NewFilter(list Path, fields []Path) *Filter {
	f := &Filter{list: list, fields: newNode(""), count: len(fields)}
	for i, p := range fields {
		f.fields.add(p, i, equal)
	}
	return f
}

// NewRewriter keeps all elements of the list at a path, changed. What f returns is used before it is called again. A document without the list passes as
// it is.
func NewRewriter(list Path, f func(element []byte) ([]byte, error)) *Filter {
	return &Filter{list: list, fields: newNode(""), rewrite: f}
}
