package engine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Decode reads one JSON document as encoding/json does, with its numbers as they are written (FuzzDecode holds it to that), but refuses
// one in which an object has a member twice: whoever reads it next may see the other one. It is for documents that may be large while
// requests are decided: it steps aside for them, and keeps of names and short texts that come again one copy.
func Decode(raw []byte) (any, error) {
	d := &decoder{raw: raw, texts: map[string]string{}}
	v, err := d.value(0)
	if err := d.end(err); err != nil {
		return nil, err
	}
	return v, nil
}

// end tells where err came up, or that something follows.
func (d *decoder) end(err error) error {
	if err != nil {
		return &decodeError{1 + bytes.Count(d.raw[:d.at], []byte{'\n'}), d.at, err}
	}
	if d.space(); d.at < len(d.raw) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// decodeError is where a document goes wrong.
type decodeError struct {
	line, at int
	err      error
}

func (e *decodeError) Error() string { return fmt.Sprintf("at byte %d: %v", e.at, e.err) }

func (e *decodeError) Unwrap() error { return e.err }

type decoder struct {
	raw   []byte
	at    int
	pace  pace
	texts map[string]string
}

// deepest is how far values may be nested, as in encoding/json.
const deepest = 10_000

// twiceError says that a member is in its object twice. Its path, the innermost name first, is put together on the way out.
type twiceError struct{ path []string }

func (e *twiceError) Error() string {
	names := e.path
	cut := ""
	if n := len(names) - mostNames; n > 0 {
		names, cut = names[:mostNames], "…"
	}
	for _, name := range slices.Backward(names) {
		cut += fmt.Sprintf("/%.64s", strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
	}
	return fmt.Sprintf("the member %q is there twice", cut)
}

// mostNames bounds how much of a path is named.
const mostNames = 10

func within(name string, err error) error {
	if twice, ok := err.(*twiceError); ok { // never wrapped before this is through
		twice.path = append(twice.path, name)
	}
	return err
}

var (
	errJSON = errors.New("this is no JSON")
	errDeep = errors.New("it is nested too deeply")
)

func (d *decoder) space() {
	for d.at < len(d.raw) {
		switch d.raw[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// next skips space and returns the byte that follows, which is not taken; 0 at the end.
func (d *decoder) next() byte {
	if d.space(); d.at < len(d.raw) {
		return d.raw[d.at]
	}
	return 0
}

// take takes a byte that must follow.
func (d *decoder) take(b byte) error {
	if d.next() != b {
		return d.wrong()
	}
	d.at++
	return nil
}

func (d *decoder) wrong() error {
	if d.at >= len(d.raw) {
		return io.ErrUnexpectedEOF
	}
	return errJSON
}

func (d *decoder) value(depth int) (any, error) {
	d.pace.step()
	switch b := d.next(); {
	case b == '"':
		return d.text()
	case b == '{' || b == '[':
		if depth == deepest {
			return nil, errDeep
		}
		d.at++
		if b == '{' {
			return d.object(depth + 1)
		}
		return d.array(depth + 1)
	case b == '-' || b >= '0' && b <= '9':
		n, err := d.number()
		if err != nil {
			return nil, err
		}
		return json.Number(d.shared(n)), nil
	case b == 't':
		return true, d.literal("true")
	case b == 'f':
		return false, d.literal("false")
	case b == 'n':
		return nil, d.literal("null")
	}
	return nil, d.wrong()
}

func (d *decoder) literal(word string) error {
	if len(d.raw)-d.at < len(word) || string(d.raw[d.at:d.at+len(word)]) != word {
		return errJSON
	}
	d.at += len(word)
	return nil
}

func (d *decoder) array(depth int) (any, error) {
	list := []any{}
	if d.next() == ']' {
		d.at++
		return list, nil
	}
	for {
		v, err := d.value(depth)
		if err != nil {
			return nil, within(strconv.Itoa(len(list)), err)
		}
		list = append(list, v)
		if d.next() != ',' {
			return list, d.take(']')
		}
		d.at++
	}
}

func (d *decoder) object(depth int) (any, error) {
	members := map[string]any{}
	if d.next() == '}' {
		d.at++
		return members, nil
	}
	for {
		if d.next() != '"' {
			return nil, d.wrong()
		}
		name, err := d.text()
		if err == nil {
			err = d.take(':')
		}
		if err != nil {
			return nil, err
		}
		if _, twice := members[name]; twice {
			return nil, &twiceError{[]string{name}}
		}
		if members[name], err = d.value(depth); err != nil {
			return nil, within(name, err)
		}
		if d.next() != ',' {
			return members, d.take('}')
		}
		d.at++
	}
}

func (d *decoder) text() (string, error) {
	raw, err := d.quoted()
	if err != nil {
		return "", err
	}
	return d.shared(raw), nil
}

// quoted takes a string and returns what is in it. What is escaped, or no UTF-8, is left to encoding/json.
func (d *decoder) quoted() ([]byte, error) {
	begin := d.at
	plain := true
	for d.at++; d.at < len(d.raw); d.at++ {
		switch b := d.raw[d.at]; {
		case b == '"':
			d.at++
			raw := d.raw[begin+1 : d.at-1]
			if plain && utf8.Valid(raw) {
				return raw, nil
			}
			var s string
			err := json.Unmarshal(d.raw[begin:d.at], &s)
			return []byte(s), err
		case b == '\\':
			plain = false
			d.at++
		case b < ' ':
			return nil, errJSON
		}
	}
	return nil, io.ErrUnexpectedEOF
}

func (d *decoder) shared(raw []byte) string {
	if len(raw) > longShared {
		return string(raw)
	}
	if s, ok := d.texts[string(raw)]; ok {
		return s
	}
	if len(d.texts) == maxShared {
		clear(d.texts) // what comes again and again is soon back
	}
	s := string(raw)
	d.texts[s] = s
	return s
}

// number takes a number by the grammar of RFC 8259: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func (d *decoder) number() ([]byte, error) {
	begin := d.at
	if d.raw[d.at] == '-' {
		d.at++
	}
	whole := d.digits()
	if whole == 0 || whole > 1 && d.raw[d.at-whole] == '0' {
		return nil, errJSON
	}
	if d.at < len(d.raw) && d.raw[d.at] == '.' {
		if d.at++; d.digits() == 0 {
			return nil, errJSON
		}
	}
	if d.at < len(d.raw) && (d.raw[d.at] == 'e' || d.raw[d.at] == 'E') {
		d.at++
		if d.at < len(d.raw) && (d.raw[d.at] == '+' || d.raw[d.at] == '-') {
			d.at++
		}
		if d.digits() == 0 {
			return nil, errJSON
		}
	}
	return d.raw[begin:d.at], nil
}

// digits takes digits and counts them.
func (d *decoder) digits() (n int) {
	for d.at < len(d.raw) && d.raw[d.at] >= '0' && d.raw[d.at] <= '9' {
		d.at++
		n++
	}
	return n
}
