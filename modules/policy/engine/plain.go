package engine

import (
	"encoding/json"
	"maps"
	"slices"
)

// Encode writes a document that Decode has read: members sorted, without spaces. It steps aside as that does.
func Encode(v any) ([]byte, error) {
	e := &encoder{}
	err := e.value(v)
	return e.b, err
}

type encoder struct {
	b    []byte
	pace pace
}

func (e *encoder) value(v any) (err error) {
	e.pace.step()
	switch v := v.(type) {
	case nil:
		e.b = append(e.b, "null"...)
	case string:
		e.b = appendQuoted(e.b, v)
	case json.Number:
		e.b = append(e.b, v...)
	case []any:
		e.b = append(e.b, '[')
		for i, item := range v {
			if i > 0 {
				e.b = append(e.b, ',')
			}
			if err := e.value(item); err != nil {
				return err
			}
		}
		e.b = append(e.b, ']')
	case map[string]any:
		return e.object(v)
	default:
		var raw []byte
		if raw, err = json.Marshal(v); err == nil {
			e.b = append(e.b, raw...)
		}
	}
	return err
}

func (e *encoder) object(members map[string]any) error {
	e.b = append(e.b, '{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.b = append(appendQuoted(e.b, name), ':')
		if err := e.value(members[name]); err != nil {
			return err
		}
	}
	e.b = append(e.b, '}')
	return nil
}
