package field

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// IsToken tells whether a text holds what could be read as a token, of this version or another: what a client must never send itself. A back end
// that stored it might hand it out where a token is opened; that it belongs elsewhere is found then, but it has no business there at all.
//
// It is wide where Open is narrow: in any case, with characters between that show nothing, in letters that normalization makes plain ones.
func IsToken(s string) bool {
	var g Guard
	return g.String(s)
}

// Guard looks for tokens in a text that comes in parts. The zero value reads plain text.
type Guard struct {
	Escapes Escapes

	at    int  // of mark that was matched
	digit bool // of the version, one at least

	escape []byte // that has begun
	high   rune   // half of a surrogate pair that was escaped
	part   []byte // of a rune
	found  bool
}

// Escapes are how a text may spell characters.
type Escapes uint8

// Escapes.
const (
	Plain   Escapes = iota
	JSON            // \u0065
	Percent         // %65, as in forms
)

const mark = "enc:v"

// String reads a text that is there at once, and tells whether a token has been seen.
func (g *Guard) String(s string) bool {
	for i := 0; i < len(s) && !g.found; i++ {
		g.byte(s[i])
	}
	return g.found
}

// Write reads the next part, and tells whether a token has been seen.
func (g *Guard) Write(p []byte) bool {
	if g.at == 0 && len(g.escape) == 0 && len(g.part) == 0 && len(p) > tail && g.clean(p) {
		p = p[len(p)-tail:] // where one may begin
	}
	for i := 0; i < len(p) && !g.found; i++ {
		g.byte(p[i])
	}
	return g.found
}

// tail is more than what comes before the v of a mark.
const tail = 8

// clean tells that no token ends in p, nor comes as far as its v: nearly every text. It sees a colon before a v, and leaves whatever may be another
// spelling to a closer look.
func (g *Guard) clean(p []byte) bool {
	last := len(p) - 1
	for i, c := range p {
		if !odd[c] {
			continue
		}
		switch {
		case i == last, c >= utf8.RuneSelf, c < ' ', c == 0x7f:
			return false
		case c == ':' && p[i+1]|0x20 == 'v':
			return false
		case c == '\\' && g.Escapes == JSON && p[i+1] == 'u', c == '%' && g.Escapes == Percent:
			return false
		}
	}
	return true
}

// odd are the bytes that clean looks at.
var odd = func() (odd [256]bool) {
	for c := range odd {
		odd[c] = c >= utf8.RuneSelf || c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0x7f || c == ':' || c == '\\' || c == '%'
	}
	return odd
}()

func (g *Guard) byte(c byte) {
	switch {
	case len(g.escape) > 0:
		g.inEscape(c)
	case g.Escapes == JSON && c == '\\', g.Escapes == Percent && c == '%':
		g.escape = append(g.escape, c)
	default:
		g.plain(c)
	}
}

// inEscape reads on in an escape. One that is none stands for itself.
func (g *Guard) inEscape(c byte) {
	g.escape = append(g.escape, c)
	n := len(g.escape)
	if g.Escapes == JSON {
		if n == 2 && c != 'u' { // \n and the like are no letters of the mark
			g.escape = g.escape[:0]
			g.rune(' ')
			return
		}
		if n < 6 {
			return
		}
		g.end(2)
		return
	}
	if n == 3 {
		g.end(1)
	}
}

// end reads the hexadecimal digits of an escape, whose digits begin at from.
func (g *Guard) end(from int) {
	code, ok := rune(0), true
	for _, c := range g.escape[from:] {
		switch {
		case c >= '0' && c <= '9':
			code = code<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			code = code<<4 | rune(c|0x20-'a'+10)
		default:
			ok = false
		}
	}
	var held [6]byte
	text := held[:copy(held[:], g.escape)]
	g.escape = g.escape[:0]
	switch {
	case !ok: // it stands for itself
		for _, c := range text {
			g.plain(c)
		}
	case g.Escapes == JSON && utf16.IsSurrogate(code):
		if r := utf16.DecodeRune(g.high, code); r != unicode.ReplacementChar {
			g.rune(r)
		}
		g.high = code
	case g.Escapes == JSON:
		g.rune(code)
	default:
		g.plain(byte(code))
	}
}

// plain reads a byte of UTF-8.
func (g *Guard) plain(c byte) {
	if c < utf8.RuneSelf {
		g.part = g.part[:0]
		g.rune(rune(c))
		return
	}
	g.part = append(g.part, c)
	if !utf8.FullRune(g.part) {
		return
	}
	r, _ := utf8.DecodeRune(g.part)
	g.part = g.part[:0]
	g.rune(r)
}

// rune reads a character.
func (g *Guard) rune(r rune) {
	if r >= utf8.RuneSelf {
		g.wide(r)
		return
	}
	if r >= 'A' && r <= 'Z' {
		r |= 0x20
	}
	switch {
	case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7f: // as in wide
	case g.at == len(mark) && r >= '0' && r <= '9':
		g.digit = true
	case g.at == len(mark) && r == ':' && g.digit:
		g.found = true
	case g.at < len(mark) && r == rune(mark[g.at]):
		g.at++
	case r == 'e':
		g.at, g.digit = 1, false
	default:
		g.at, g.digit = 0, false
	}
}

// wide reads a character that may be another spelling of a plain one.
func (g *Guard) wide(r rune) {
	switch {
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Mn, r), unicode.Is(unicode.Variation_Selector, r): // it shows nothing, and some servers drop it
		return
	case r >= 0x1d00 && r <= 0x1dbf, r >= 0x2000 && r <= 0x24ff, r >= 0x2c60 && r <= 0x2c7f, r >= 0xa700 && r <= 0xa7ff, r >= 0xfe00 && r <= 0xffff, r >= 0x1d400 && r <= 0x1d7ff, r >= 0x1f100 && r <= 0x1fbff, r < 0x300:
		for _, c := range norm.NFKC.String(string(r)) {
			if c < utf8.RuneSelf {
				g.rune(c)
			} else {
				g.at, g.digit = 0, false
			}
		}
		return
	}
	g.at, g.digit = 0, false
}
