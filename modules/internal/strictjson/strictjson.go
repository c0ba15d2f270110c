// Package strictjson reads JSON (RFC 8259) that a decision hangs on, and refuses what two readers may understand differently:
// members given twice, text that is not UTF-8, half surrogates, anything after the value. What it
// accepts, every reader reads the same; so the bytes that were decided on may be passed on as they came.
//
// One difference is left to Member: readers that do not tell a from A in names.
package strictjson

import (
	"strconv"
	"strings"
)

// Kind of a value.
type Kind uint8

// Kinds.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Value is one value with its place in the text.
type Value struct {
	Kind       Kind
	Text       string   // of a String, decoded; of a Number or Bool, as written
	Items      []Value  // of an Array
	Members    []Member // of an Object, in order, no name twice
	Start, End int      // the text is data[Start:End]
}

// Member of an object.
type Member struct {
	Name  string
	Value Value
}

// Limits of what is read.
const (
	MaxDepth  = 64
	maxValues = 1 << 20
)

// Parse reads one value that fills data. The result holds copies: data may be used again.
func Parse(data []byte) (*Value, error) { return ParseAtMost(data, maxValues) }

// ParseAtMost is Parse for a text of at most so many values, the ones inside of others counted: else the error is ErrMany.
func ParseAtMost(data []byte, values int) (*Value, error) { return ParseWithin(data, values, MaxDepth) }

// ParseWithin is ParseAtMost for values that are nested no deeper than so far, MaxDepth at most: else the error is ErrDepth. Errors are *Error.
func ParseWithin(data []byte, values, depth int) (*Value, error) {
	p := parser{data: data, left: values, depth: min(depth, MaxDepth)}
	p.space()
	v, err := p.value(0)
	if err != nil {
		return nil, p.failed(err)
	}
	p.space()
	if p.at != len(data) {
		return nil, p.failed(ErrAfter)
	}
	return &v, nil
}

type parser struct {
	data  []byte
	at    int
	left  int      // values that may still come
	depth int      // how deep values may be nested
	trail []string // where the error is, the innermost token first; nil until there is one
}

func (p *parser) space() {
	for p.at < len(p.data) {
		switch p.data[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

func (p *parser) peek() (byte, error) {
	if p.at >= len(p.data) {
		return 0, ErrEnd
	}
	return p.data[p.at], nil
}

func (p *parser) value(depth int) (v Value, err error) {
	if depth > p.depth {
		return v, ErrDepth
	}
	if p.left--; p.left < 0 {
		return v, ErrMany
	}
	c, err := p.peek()
	if err != nil {
		return v, err
	}
	v.Start = p.at
	switch {
	case c == '{':
		v.Kind = Object
		v.Members, err = p.object(depth)
	case c == '[':
		v.Kind = Array
		v.Items, err = p.array(depth)
	case c == '"':
		v.Kind = String
		v.Text, err = p.str()
	case c == '-' || c >= '0' && c <= '9':
		v.Kind = Number
		v.Text, err = p.number()
	default:
		v.Kind, v.Text, err = p.word()
	}
	v.End = p.at
	return v, err
}

func (p *parser) word() (Kind, string, error) {
	for _, w := range []struct {
		text string
		kind Kind
	}{{"null", Null}, {"true", Bool}, {"false", Bool}} {
		if strings.HasPrefix(string(p.data[p.at:min(p.at+5, len(p.data))]), w.text) {
			p.at += len(w.text)
			return w.kind, w.text, nil
		}
	}
	return 0, "", ErrSyntax
}

// open consumes the bracket and tells whether the list is empty.
func (p *parser) open(end byte) (empty bool, err error) {
	p.at++
	p.space()
	c, err := p.peek()
	if err == nil && c == end {
		p.at++
		return true, nil
	}
	return false, err
}

// more consumes what stands after an element: a comma, or the end.
func (p *parser) more(end byte) (bool, error) {
	p.space()
	c, err := p.peek()
	if err != nil {
		return false, err
	}
	if c != ',' && c != end {
		return false, ErrSyntax
	}
	p.at++
	if c == ',' {
		p.space()
	}
	return c == ',', nil
}

func (p *parser) array(depth int) (items []Value, err error) {
	if empty, err := p.open(']'); empty || err != nil {
		return nil, err
	}
	for more := true; more; {
		v, err := p.value(depth + 1)
		if err != nil {
			p.trail = append(p.trail, strconv.Itoa(len(items)))
			return nil, err
		}
		items = append(items, v)
		if more, err = p.more(']'); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (p *parser) object(depth int) (members []Member, err error) {
	if empty, err := p.open('}'); empty || err != nil {
		return nil, err
	}
	var seen map[string]struct{} // only for large objects: of small ones comparing is faster
	for more := true; more; {
		m, err := p.member(depth)
		if err != nil {
			return nil, err
		}
		if len(members) == 16 {
			seen = make(map[string]struct{}, 64)
			for i := range members {
				seen[members[i].Name] = struct{}{}
			}
		}
		if given(members, seen, m.Name) {
			p.trail = append(p.trail, m.Name)
			return nil, ErrTwice
		}
		members = append(members, m)
		if more, err = p.more('}'); err != nil {
			return nil, err
		}
	}
	return members, nil
}

func given(members []Member, seen map[string]struct{}, name string) bool {
	if seen != nil {
		_, ok := seen[name]
		seen[name] = struct{}{}
		return ok
	}
	for i := range members {
		if members[i].Name == name {
			return true
		}
	}
	return false
}

func (p *parser) member(depth int) (m Member, err error) {
	c, err := p.peek()
	if err != nil {
		return m, err
	}
	if c != '"' {
		return m, ErrSyntax
	}
	if m.Name, err = p.str(); err != nil {
		return m, err
	}
	p.space()
	if c, err = p.peek(); err != nil {
		return m, err
	}
	if c != ':' {
		return m, ErrSyntax
	}
	p.at++
	p.space()
	if m.Value, err = p.value(depth + 1); err != nil {
		p.trail = append(p.trail, m.Name)
	}
	return m, err
}

func (p *parser) number() (string, error) {
	start := p.at
	p.skip('-', '-')
	if n := p.digits(); n == 0 || n > 1 && p.data[p.at-n] == '0' {
		return "", ErrSyntax
	}
	if p.skip('.', '.') && p.digits() == 0 {
		return "", ErrSyntax
	}
	if p.skip('e', 'E') {
		p.skip('+', '-')
		if p.digits() == 0 {
			return "", ErrSyntax
		}
	}
	return string(p.data[start:p.at]), nil
}

func (p *parser) skip(a, b byte) bool {
	if p.at < len(p.data) && (p.data[p.at] == a || p.data[p.at] == b) {
		p.at++
		return true
	}
	return false
}

func (p *parser) digits() int {
	start := p.at
	for p.at < len(p.data) && p.data[p.at] >= '0' && p.data[p.at] <= '9' {
		p.at++
	}
	return p.at - start
}
