package detect

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pattern is a text with wildcards: bytes, one (any character) and many (any characters, or none).
type pattern []int16

const (
	one  int16 = 256
	many int16 = 257
)

// parsePattern reads a value as Sigma writes it: * and ? are wildcards, \ takes that from them and from itself.
func parsePattern(s string) pattern {
	p := make(pattern, 0, len(s))
	escaped := false
	for i := range len(s) {
		c := s[i]
		switch {
		case escaped:
			if c != '*' && c != '?' && c != '\\' {
				p = append(p, '\\')
			}
			p = append(p, int16(c))
			escaped = false
		case c == '\\':
			escaped = true
		case c == '*':
			if len(p) == 0 || p[len(p)-1] != many {
				p = append(p, many)
			}
		case c == '?':
			p = append(p, one)
		default:
			p = append(p, int16(c))
		}
	}
	if escaped {
		p = append(p, '\\')
	}
	return p
}

// plainPattern is s without wildcards.
func plainPattern(s string) pattern {
	p := make(pattern, len(s))
	for i := range len(s) {
		p[i] = int16(s[i])
	}
	return p
}

// plain gives the text of a pattern that has no wildcards.
func (p pattern) plain() (string, bool) {
	b := make([]byte, len(p))
	for i, c := range p {
		if c >= one {
			return "", false
		}
		b[i] = byte(c)
	}
	return string(b), true
}

// from lets anything stand before p, and until anything behind it.
func (p pattern) from() pattern {
	if len(p) > 0 && p[0] == many {
		return p
	}
	return append(pattern{many}, p...)
}

func (p pattern) until() pattern {
	if len(p) > 0 && p[len(p)-1] == many {
		return p
	}
	return append(p[:len(p):len(p)], many)
}

// longest gives the longest run of p without wildcards.
func (p pattern) longest() string {
	best, from := [2]int{}, 0
	for i := 0; i <= len(p); i++ {
		if i == len(p) || p[i] >= one {
			if i-from > best[1]-best[0] {
				best = [2]int{from, i}
			}
			from = i + 1
		}
	}
	s, _ := p[best[0]:best[1]].plain()
	return s
}

// lower is p in lower case. Only its runs of bytes change.
func (p pattern) lower() pattern {
	out := make(pattern, 0, len(p))
	for i := 0; i < len(p); {
		if p[i] >= one {
			out = append(out, p[i])
			i++
			continue
		}
		run := i
		for run < len(p) && p[run] < one {
			run++
		}
		s, _ := p[i:run].plain()
		for _, c := range appendLower(nil, s) {
			out = append(out, int16(c))
		}
		i = run
	}
	return out
}

// key tells patterns apart.
func (p pattern) key() string {
	var b strings.Builder
	for _, c := range p {
		b.WriteByte(byte(c >> 8))
		b.WriteByte(byte(c))
	}
	return b.String()
}

// appendLower writes s in lower case, rune by rune; what is not UTF-8 stays.
func appendLower(to []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			to = append(to, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			to = append(to, c)
		} else {
			to = utf8.AppendRune(to, unicode.ToLower(r))
		}
		i += n
	}
	return to
}

// shape is what of a pattern can be asked more cheaply than with match.
type shape uint8

const (
	exact shape = iota
	prefix
	suffix
	within
	glob
)

// glass is a pattern made ready.
type glass struct {
	shape shape
	lit   []byte // of all shapes but glob
	pat   pattern
}

func (p pattern) ready() glass {
	g := glass{shape: glob, pat: p}
	if s, ok := p.plain(); ok {
		g.shape, g.lit = exact, []byte(s)
		return g
	}
	before, after := p[0] == many, p[len(p)-1] == many
	body := p
	if before {
		body = body[1:]
	}
	if after && len(body) > 0 {
		body = body[:len(body)-1]
	}
	s, ok := body.plain()
	switch {
	case !ok || len(s) == 0:
	case before && after:
		g.shape, g.lit = within, []byte(s)
	case before:
		g.shape, g.lit = suffix, []byte(s)
	case after:
		g.shape, g.lit = prefix, []byte(s)
	}
	return g
}

func (g *glass) fits(v []byte) bool {
	switch g.shape {
	case exact:
		return bytes.Equal(v, g.lit)
	case prefix:
		return bytes.HasPrefix(v, g.lit)
	case suffix:
		return bytes.HasSuffix(v, g.lit)
	case within:
		return bytes.Contains(v, g.lit)
	}
	return g.pat.match(v)
}

// match goes back to the last many only: len(p)·len(v) steps at most.
func (p pattern) match(v []byte) bool {
	i, at := 0, 0
	star, mark := -1, 0
	for at < len(v) {
		switch {
		case i < len(p) && p[i] == many:
			star, mark = i, at
			i++
			continue
		case i < len(p) && p[i] == one:
			_, n := utf8.DecodeRune(v[at:])
			at += n
			i++
			continue
		case i < len(p) && p[i] == int16(v[at]):
			at++
			i++
			continue
		case star < 0:
			return false
		}
		_, n := utf8.DecodeRune(v[mark:])
		mark += n
		i, at = star+1, mark
	}
	for i < len(p) && p[i] == many {
		i++
	}
	return i == len(p)
}
