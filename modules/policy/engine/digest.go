package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Digest names a document: the first 32 hexadecimal digits of the SHA-256 of its JSON text, without spaces and with sorted members. Two
// inputs with one digest were the same question.
func Digest(document ast.Value) string {
	b, err := AppendJSON(make([]byte, 0, 1024), document)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// AppendJSON appends the value's JSON text, members sorted. It is for values that came from JSON: a set or a call is an error.
func AppendJSON(b []byte, v ast.Value) ([]byte, error) { return (*textWriter)(nil).append(b, v) }

// textWriter writes JSON text while it is made, and steps aside for requests: for what may be large. nil only appends.
type textWriter struct {
	w     io.Writer
	pace  pace
	depth int
}

// chunk is how much is written at a time, at least.
const chunk = 1 << 15

func (t *textWriter) flush(b []byte) ([]byte, error) {
	t.pace.step()
	if len(b) < chunk {
		return b, nil
	}
	_, err := t.w.Write(b)
	return b[:0], err
}

func (t *textWriter) append(b []byte, v ast.Value) (out []byte, err error) {
	if t != nil {
		if b, err = t.flush(b); err != nil {
			return nil, err
		}
	}
	switch v := v.(type) {
	case ast.Null:
		return append(b, "null"...), nil
	case ast.Boolean:
		if v {
			return append(b, "true"...), nil
		}
		return append(b, "false"...), nil
	case ast.Number:
		return append(b, v...), nil
	case ast.String:
		return appendQuoted(b, string(v)), nil
	case *ast.Array:
		if err := t.enter(); err != nil {
			return nil, err
		}
		defer t.leave()
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = t.append(b, v.Elem(i).Value); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case ast.Object:
		return t.appendObject(b, v)
	}
	return nil, fmt.Errorf("a %s is no JSON", ast.ValueName(v))
}

// enter begins what is nested, as far as it may be.
func (t *textWriter) enter() error {
	if t == nil {
		return nil
	}
	if t.depth++; t.depth > deepest {
		return ErrLarge
	}
	return nil
}

func (t *textWriter) leave() {
	if t != nil {
		t.depth--
	}
}

func (t *textWriter) appendObject(b []byte, o ast.Object) ([]byte, error) {
	if err := t.enter(); err != nil {
		return nil, err
	}
	defer t.leave()
	b = append(b, '{')
	first := true
	err := o.Iter(func(k, v *ast.Term) error { // in the order of the keys
		name, ok := k.Value.(ast.String)
		if !ok {
			return fmt.Errorf("a member called by a %s is no JSON", ast.ValueName(k.Value))
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendQuoted(b, string(name)), ':')
		more, err := t.append(b, v.Value)
		if err == nil {
			b = more
		}
		return err
	})
	return append(b, '}'), err
}

func appendQuoted(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		case r == utf8.RuneError && s[i] != 0xef: // a byte that is no UTF-8: it must not be taken for another one
			b = append(b, '\\', 'u', 'd', 'c', digits[s[i]>>4], digits[s[i]&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
