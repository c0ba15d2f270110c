package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
)

// Decode reads one JSON document as encoding/json does, with its numbers as they are written. It is for documents that may be large
// while requests are decided: it takes the outer levels apart and steps aside between the parts.
func Decode(raw []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	v, err := decodeLevels(dec, outerLevels)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON value")
	}
	return v, nil
}

// outerLevels are taken apart: as data.users["ursula"].
const outerLevels = 3

func decodeLevels(dec *json.Decoder, levels int) (v any, err error) {
	if levels == 0 {
		runtime.Gosched()
		return v, dec.Decode(&v)
	}
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			if v, err = decodeLevels(dec, levels-1); err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		v = list
	case json.Delim('{'):
		object := map[string]any{}
		for dec.More() {
			if err := decodeMember(dec, levels, object); err != nil {
				return nil, err
			}
		}
		v = object
	default:
		return t, nil
	}
	_, err = dec.Token() // its end
	return v, err
}

func decodeMember(dec *json.Decoder, levels int, object map[string]any) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	name, ok := t.(string)
	if !ok {
		return fmt.Errorf("%v is no name", t)
	}
	object[name], err = decodeLevels(dec, levels-1)
	return err
}

// Encode writes a document that Decode has read: members sorted, without spaces. It steps aside as that does.
func Encode(v any) ([]byte, error) {
	e := &encoder{}
	err := e.value(v)
	return e.b, err
}

type encoder struct {
	b    []byte
	seen int
}

func (e *encoder) value(v any) (err error) {
	if e.seen++; e.seen%aside == 0 {
		runtime.Gosched()
	}
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
