package token

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"unicode/utf8"
)

// maxTime bounds a NumericDate, so that no arithmetic on it overflows: the year 9999.
const maxTime = 253402300799

// members reads one flat JSON object into the targets (*string, *int64, *bool, *[]string) by exact name: encoding/json itself takes "SUB" for
// "sub" and the last of two. It is false for an unknown name, a name given twice, another type, a number that is no whole
// one from 0 on, a missing required name, and anything behind the object.
func members(raw []byte, targets map[string]any, required []string) bool {
	if !utf8.Valid(raw) {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return false
		}
		target, ok := targets[name]
		if !ok || target == nil || !value(d, target) {
			return false
		}
		targets[name] = nil // given
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return false
	}
	if _, err := d.Token(); err != io.EOF {
		return false
	}
	for _, name := range required {
		if targets[name] != nil {
			return false
		}
	}
	return true
}

func value(d *json.Decoder, target any) bool {
	t, err := d.Token()
	if err != nil {
		return false
	}
	switch target := target.(type) {
	case *string:
		s, ok := t.(string)
		*target = s
		return ok
	case *int64:
		n, ok := t.(json.Number)
		if !ok {
			return false
		}
		v, err := strconv.ParseInt(n.String(), 10, 64)
		*target = v
		return err == nil && v >= 0 && v <= maxTime
	case *bool:
		b, ok := t.(bool)
		*target = b
		return ok
	case *[]string:
		return t == json.Delim('[') && texts(d, target)
	}
	return false
}

func texts(d *json.Decoder, target *[]string) bool {
	for d.More() {
		t, err := d.Token()
		s, ok := t.(string)
		if err != nil || !ok || len(*target) == 32 {
			return false
		}
		*target = append(*target, s)
	}
	t, err := d.Token()
	return err == nil && t == json.Delim(']')
}
