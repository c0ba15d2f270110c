package token

import (
	"bytes"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// maxTime bounds a NumericDate, so that no arithmetic on it overflows: the year 9999.
const maxTime = 253402300799

// members reads one flat JSON object into the targets (*string, *int64, *bool, *[]string) by exact name: encoding/json itself takes "SUB" for
// "sub" and the last of two. It is false for an unknown name, a name given twice, another type, a number that is no whole
// one from 0 on, a missing required name, and anything behind the object.
func members(raw []byte, targets map[string]any, required []string) bool {
	d := jsontext.NewDecoder(bytes.NewBuffer(raw)) // it refuses broken UTF-8, and names given twice however they are spelt
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return false
	}
	for d.PeekKind() == '"' {
		t, err := d.ReadToken()
		if err != nil {
			return false
		}
		name := t.String()
		target, ok := targets[name]
		if !ok || target == nil || !value(d, target) {
			return false
		}
		targets[name] = nil // given
	}
	if t, err := d.ReadToken(); err != nil || t.Kind() != '}' {
		return false
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return false
	}
	for _, name := range required {
		if targets[name] != nil {
			return false
		}
	}
	return true
}

func value(d *jsontext.Decoder, target any) bool {
	t, err := d.ReadToken()
	if err != nil {
		return false
	}
	switch target := target.(type) {
	case *string:
		if t.Kind() != '"' {
			return false
		}
		*target = t.String()
		return true
	case *int64:
		if t.Kind() != '0' {
			return false
		}
		v, err := strconv.ParseInt(t.String(), 10, 64)
		*target = v
		return err == nil && v >= 0 && v <= maxTime
	case *bool:
		*target = t.Kind() == 't'
		return t.Kind() == 't' || t.Kind() == 'f'
	case *[]string:
		return t.Kind() == '[' && texts(d, target)
	}
	return false
}

func texts(d *jsontext.Decoder, target *[]string) bool {
	for d.PeekKind() == '"' {
		t, err := d.ReadToken()
		if err != nil || len(*target) == 32 {
			return false
		}
		*target = append(*target, t.String())
	}
	t, err := d.ReadToken()
	return err == nil && t.Kind() == ']'
}
