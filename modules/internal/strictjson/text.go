package strictjson

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// str reads a string; the opening quote is next.
func (p *parser) str() (string, error) {
	p.at++
	start := p.at
	for ; p.at < len(p.data); p.at++ {
		switch c := p.data[p.at]; {
		case c == '"':
			if !utf8.Valid(p.data[start:p.at]) {
				return "", ErrUTF8
			}
			p.at++
			return string(p.data[start : p.at-1]), nil
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			return "", ErrControl
		}
	}
	return "", ErrEnd
}

// escaped reads the rest of a string that holds escapes.
func (p *parser) escaped(start int) (string, error) {
	out := append([]byte(nil), p.data[start:p.at]...)
	for p.at < len(p.data) {
		c := p.data[p.at]
		switch {
		case c == '"':
			p.at++
			if !utf8.Valid(out) {
				return "", ErrUTF8
			}
			return string(out), nil
		case c < 0x20:
			return "", ErrControl
		case c != '\\':
			out = append(out, c)
			p.at++
		default:
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		}
	}
	return "", ErrEnd
}

var escapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (p *parser) escape() (rune, error) {
	p.at++ // the backslash
	c, err := p.peek()
	if err != nil {
		return 0, err
	}
	if c != 'u' {
		r, ok := escapes[c]
		if !ok {
			return 0, ErrSyntax
		}
		p.at++
		return r, nil
	}
	r, err := p.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if p.at >= len(p.data) || p.data[p.at] != '\\' {
		return 0, ErrHalf
	}
	p.at++
	if c, err = p.peek(); err != nil || c != 'u' {
		return 0, ErrHalf
	}
	low, err := p.hex()
	if err != nil {
		return 0, err
	}
	if r = utf16.DecodeRune(r, low); r == unicode.ReplacementChar {
		return 0, ErrHalf
	}
	return r, nil
}

// hex reads u and four digits.
func (p *parser) hex() (r rune, err error) {
	if len(p.data)-p.at < 5 {
		return 0, ErrEnd
	}
	for _, c := range p.data[p.at+1 : p.at+5] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, ErrSyntax
		}
	}
	p.at += 5
	return r, nil
}
