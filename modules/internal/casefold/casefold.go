// Package casefold makes names comparable that some readers tell apart and others do not.
package casefold

import (
	"unicode"
	"unicode/utf8"
)

// Name makes names equal that strings.EqualFold says are: each letter becomes the first of those that differ only in case.
func Name(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] < utf8.RuneSelf && (s[i] < 'a' || s[i] > 'z')
	}
	if plain {
		return s
	}
	out := make([]rune, 0, len(s))
	for _, r := range s {
		first := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			first = min(first, next)
		}
		out = append(out, first)
	}
	return string(out)
}
