package engine

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
)

// ErrLarge says that a document is larger, or nested deeper, than it may be.
var ErrLarge = errors.New("the document is too large")

// Encode writes a document: members sorted, without spaces, and so that Decode reads it. It steps aside as that does. At most so many bytes: what
// was put together of parts that share others may be far larger than the memory that it takes.
func Encode(v any, most int) ([]byte, error) {
	e := &encoder{most: most}
	err := e.value(v, 0)
	return e.b, err
}

type encoder struct {
	b    []byte
	most int
	pace pace
}

func (e *encoder) value(v any, depth int) (err error) {
	e.pace.step()
	switch v := v.(type) {
	case nil:
		e.b = append(e.b, "null"...)
	case string:
		e.b = appendQuoted(e.b, v)
	case json.Number:
		e.b = append(e.b, v...)
	case []any:
		return e.array(v, depth+1)
	case map[string]any:
		return e.object(v, depth+1)
	default:
		var raw []byte
		if raw, err = json.Marshal(v); err == nil {
			e.b = append(e.b, raw...)
		}
	}
	if err == nil && len(e.b) > e.most {
		err = ErrLarge
	}
	return err
}

func (e *encoder) array(list []any, depth int) error {
	if depth > deepest {
		return ErrLarge
	}
	e.b = append(e.b, '[')
	for i, item := range list {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		if err := e.value(item, depth); err != nil {
			return err
		}
	}
	e.b = append(e.b, ']')
	return nil
}

func (e *encoder) object(members map[string]any, depth int) error {
	if depth > deepest {
		return ErrLarge
	}
	e.b = append(e.b, '{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.b = append(appendQuoted(e.b, name), ':')
		if err := e.value(members[name], depth); err != nil {
			return err
		}
	}
	e.b = append(e.b, '}')
	return nil
}
