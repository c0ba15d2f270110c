package ecs

import (
	"errors"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// What keeps a line from being an event.
var (
	ErrSyntax = errors.New("not one JSON object")
	ErrUTF8   = errors.New("not UTF-8")
	ErrLong   = errors.New("longer than an event may be")
	ErrDeep   = errors.New("nested too deep")
	ErrMany   = errors.New("too many values")
	ErrName   = errors.New("a name is empty or too long")
)

// Bounds of an event. The bus writes none above 16 KiB; the rest is for lines of others.
const (
	mostLine   = 64 << 10
	mostDepth  = 8
	mostFields = 1024
	mostName   = 256
)

// Parse reads one line. Objects within become names with dots; an array's members become several values of one field, and so does a name
// that is given twice: nothing in a line is hidden from rules. After an error the event is empty.
func (e *Event) Parse(line []byte) error {
	e.fields, e.seen, e.name = e.fields[:0], [4]uint64{}, e.name[:0]
	err := e.parse(line)
	if err != nil {
		e.fields = e.fields[:0]
	}
	return err
}

func (e *Event) parse(line []byte) error {
	if len(line) > mostLine {
		return ErrLong
	}
	if !utf8.Valid(line) {
		return ErrUTF8
	}
	// One copy, of which all names and values are parts: they stay good when the line and the event are used again.
	p := parser{e: e, src: string(line)}
	p.space()
	if err := p.object(0); err != nil {
		return err
	}
	p.space()
	if p.at < len(p.src) {
		return ErrSyntax
	}
	return nil
}

type parser struct {
	e   *Event
	src string
	at  int
}

// peek gives the next byte; 0, which JSON has nowhere, at the end.
func (p *parser) peek() byte {
	if p.at < len(p.src) {
		return p.src[p.at]
	}
	return 0
}

func (p *parser) space() {
	for p.at < len(p.src) && (p.src[p.at] == ' ' || p.src[p.at] == '\n' || p.src[p.at] == '\t' || p.src[p.at] == '\r') {
		p.at++
	}
}

// after takes c, with the space around it. The bus writes none.
func (p *parser) after(c byte) bool {
	if p.peek() <= ' ' {
		p.space()
	}
	if p.peek() != c {
		return false
	}
	p.at++
	if p.peek() <= ' ' {
		p.space()
	}
	return true
}

// object reads an object whose names follow the prefix in e.name.
func (p *parser) object(depth int) error {
	if depth >= mostDepth {
		return ErrDeep
	}
	if !p.after('{') {
		return ErrSyntax
	}
	if p.after('}') {
		return nil
	}
	prefix := len(p.e.name)
	for {
		name, err := p.text()
		if err != nil {
			return err
		}
		if !p.after(':') {
			return ErrSyntax
		}
		if name == "" || prefix+len(name) > mostName {
			return ErrName
		}
		if err := p.member(prefix, name, depth); err != nil {
			return err
		}
		p.e.name = p.e.name[:prefix]
		if p.after(',') {
			continue
		}
		if p.after('}') {
			return nil
		}
		return ErrSyntax
	}
}

// member reads the value of a name.
func (p *parser) member(prefix int, name string, depth int) error {
	switch p.peek() {
	case '{':
		p.e.name = append(append(p.e.name, name...), '.')
		return p.object(depth + 1)
	case '[':
		p.e.name = append(p.e.name, name...)
		if prefix > 0 {
			name = string(p.e.name)
		}
		p.e.name = append(p.e.name, '.')
		return p.array(name, depth+1)
	}
	if prefix > 0 {
		p.e.name = append(p.e.name, name...)
		name = string(p.e.name)
	}
	v, err := p.value()
	if err != nil {
		return err
	}
	return p.e.add(name, v)
}

// array reads an array of the field, whose name and a dot are in e.name.
func (p *parser) array(field string, depth int) error {
	if depth >= mostDepth {
		return ErrDeep
	}
	p.at++
	p.space()
	if p.after(']') {
		return nil
	}
	full := len(p.e.name)
	for {
		var err error
		switch p.peek() {
		case '{':
			err = p.object(depth + 1)
		case '[':
			err = p.array(field, depth+1)
		default:
			var v Value
			if v, err = p.value(); err == nil {
				err = p.e.add(field, v)
			}
		}
		if err != nil {
			return err
		}
		p.e.name = p.e.name[:full]
		if p.after(',') {
			continue
		}
		if p.after(']') {
			return nil
		}
		return ErrSyntax
	}
}

// value reads what is neither object nor array.
func (p *parser) value() (Value, error) {
	switch c := p.peek(); {
	case c == '"':
		s, err := p.text()
		return Value{Text, s}, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	case c == 't':
		return p.word("true", Bool)
	case c == 'f':
		return p.word("false", Bool)
	case c == 'n':
		return p.word("null", Null)
	}
	return Value{}, ErrSyntax
}

func (p *parser) word(w string, k Kind) (Value, error) {
	if len(p.src)-p.at < len(w) || p.src[p.at:p.at+len(w)] != w {
		return Value{}, ErrSyntax
	}
	p.at += len(w)
	return Value{k, w}, nil
}

func (p *parser) digits() bool {
	from := p.at
	for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
		p.at++
	}
	return p.at > from
}

// number reads the grammar of RFC 8259, section 6.
func (p *parser) number() (Value, error) {
	from := p.at
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !p.digits() {
		return Value{}, ErrSyntax
	}
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return Value{}, ErrSyntax
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			return Value{}, ErrSyntax
		}
	}
	return Value{Number, p.src[from:p.at]}, nil
}

// text reads a string: a part of the line where nothing in it is escaped.
func (p *parser) text() (string, error) {
	if p.peek() != '"' {
		return "", ErrSyntax
	}
	p.at++
	from := p.at
	for p.at < len(p.src) {
		if len(p.src)-p.at >= 8 && plain(word(p.src[p.at:])) {
			p.at += 8
			continue
		}
		switch c := p.src[p.at]; {
		case c == '"':
			p.at++
			return p.src[from : p.at-1], nil
		case c == '\\':
			return p.escaped(from)
		case c < ' ':
			return "", ErrSyntax
		}
		p.at++
	}
	return "", ErrSyntax
}

// plain tells whether eight bytes are none of those that mean something in a string: quotes, backslashes, control characters. It may say no of others.
func plain(w uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	zero := func(x uint64) uint64 { return (x - ones) &^ x & highs } // bytes that are 0
	return zero(w^ones*'"')|zero(w^ones*'\\')|((w-ones*' ')&^w&highs) == 0
}

// escaped reads a string that began at from, on from its first escape.
func (p *parser) escaped(from int) (string, error) {
	b := make([]byte, 0, 2*(p.at-from)+16)
	b = append(b, p.src[from:p.at]...)
	for p.at < len(p.src) {
		c := p.src[p.at]
		p.at++
		switch {
		case c == '"':
			return string(b), nil
		case c < ' ':
			return "", ErrSyntax
		case c != '\\':
			b = append(b, c)
			continue
		}
		c = p.peek()
		p.at++
		if c == 'u' {
			r, ok := p.rune()
			if !ok {
				return "", ErrSyntax
			}
			b = utf8.AppendRune(b, r)
			continue
		}
		at := slices.Index(escapes, c)
		if at < 0 {
			return "", ErrSyntax
		}
		b = append(b, escapeOf[at])
	}
	return "", ErrSyntax
}

// escapes of RFC 8259, section 7, and what they stand for.
var (
	escapes  = []byte(`"\/bfnrt`)
	escapeOf = []byte("\"\\/\b\f\n\r\t")
)

// rune reads the four digits after \u, and the other half of a pair. Half a pair alone becomes U+FFFD.
func (p *parser) rune() (rune, bool) {
	r, ok := p.hex()
	if !ok || !utf16.IsSurrogate(r) {
		return r, ok
	}
	if len(p.src)-p.at >= 6 && p.src[p.at] == '\\' && p.src[p.at+1] == 'u' {
		back := p.at
		p.at += 2
		low, ok := p.hex()
		if !ok {
			return 0, false
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, true
		}
		p.at = back
	}
	return utf8.RuneError, true
}

func (p *parser) hex() (rune, bool) {
	if len(p.src)-p.at < 4 {
		return 0, false
	}
	for _, c := range []byte(p.src[p.at : p.at+4]) {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(p.src[p.at:p.at+4], 16, 16)
	p.at += 4
	return rune(n), err == nil
}

// mark puts a name's hash into the filter, and tells whether it may have been there.
func (e *Event) mark(hash uint32) bool {
	word, bit := hash>>6&3, uint64(1)<<(hash&63)
	was := e.seen[word]&bit != 0
	e.seen[word] |= bit
	return was
}

// add puts a value behind those that its field has.
func (e *Event) add(name string, v Value) error {
	if len(e.fields) >= mostFields {
		return ErrMany
	}
	hash := Hash(name)
	f := Field{name, hash, v}
	last := len(e.fields) - 1
	if e.mark(hash) && !(e.fields[last].Hash == hash && e.fields[last].Name == name) {
		if from, to := e.find(name, hash); from < to {
			e.fields = slices.Insert(e.fields, to, f)
			return nil
		}
	}
	e.fields = append(e.fields, f)
	return nil
}
