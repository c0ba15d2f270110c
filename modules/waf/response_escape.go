package waf

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// unescape undoes the escapes of JSON strings, wherever they stand: what a person reads may be written `<\/b>` or `\u003cb\u003e`. What is no
// escape stays as it is. The result is b itself where there is none.
func unescape(b []byte) []byte {
	i := bytes.IndexByte(b, '\\')
	if i < 0 {
		return b
	}
	out := make([]byte, 0, len(b))
	for {
		out = append(out, b[:i]...)
		b = b[i:]
		if len(b) < 2 {
			return append(out, b...)
		}
		n := 2
		switch c := b[1]; c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			if len(b) >= 6 {
				if v, err := strconv.ParseUint(string(b[2:6]), 16, 32); err == nil {
					out, n = utf8.AppendRune(out, rune(v)), 6 // half of a pair becomes U+FFFD, which no rule asks for
					break
				}
			}
			out = append(out, '\\', 'u')
		default:
			out = append(out, '\\', c)
		}
		b = b[n:]
		if i = bytes.IndexByte(b, '\\'); i < 0 {
			return append(out, b...)
		}
	}
}
