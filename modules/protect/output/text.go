package output

import (
	"unicode/utf16"
	"unicode/utf8"
)

// unescape appends a JSON string's text. What is no escape stays as it is.
func unescape(dst, raw []byte) []byte {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			dst = append(dst, raw[i])
			continue
		}
		i++
		switch c := raw[i]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, n := code(raw[i-1:])
			if n == 0 {
				dst = append(dst, '\\', 'u')
				continue
			}
			dst = utf8.AppendRune(dst, r)
			i += n - 2
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// code reads an escape of one code unit, or of two that are a pair. n is how long it is; 0 it is none.
func code(raw []byte) (r rune, n int) {
	r, ok := unit(raw)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) {
		if second, ok := unit(raw[6:]); ok {
			if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
				return pair, 12
			}
		}
		return utf8.RuneError, 6
	}
	return r, 6
}

func unit(raw []byte) (r rune, ok bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	for _, c := range raw[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

const digits = "0123456789abcdef"

// appendText appends a text as a JSON string has it, without the quotes.
func appendText(dst, text []byte, html bool) []byte {
	for i, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ', html && (c == '<' || c == '>' || c == '&'):
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		case html && c == 0xe2 && i+2 < len(text) && text[i+1] == 0x80 && text[i+2]&^1 == 0xa8:
			dst = append(dst, `\u202`...)
			dst = append(dst, '8'+text[i+2]&1)
		case html && i > 0 && (c == 0x80 || c&^1 == 0xa8) && separator(text, i):
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// separator tells whether the byte at i is the second or third of U+2028 or U+2029, which is written by its first.
func separator(text []byte, i int) bool {
	start := i - 1
	if text[i] != 0x80 {
		start--
	}
	return start >= 0 && start+2 < len(text) && text[start] == 0xe2 && text[start+1] == 0x80 && text[start+2]&^1 == 0xa8
}
