package backend

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// line checks one line of text for people (a name) and returns it without the space around it.
func line(what, s string, most int) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", invalid("%s is missing", what)
	}
	if err := clean(what, s, most, ""); err != nil {
		return "", err
	}
	return s, nil
}

// clean refuses what is too long (in characters), not UTF-8, or holds characters that control rather than show:
// bidirectional overrides are among them, since they make a name read as another.
func clean(what, s string, most int, but string) error {
	if !utf8.ValidString(s) {
		return invalid("%s is not valid UTF-8", what)
	}
	if utf8.RuneCountInString(s) > most {
		return invalid("%s is longer than %d characters", what, most)
	}
	for _, r := range s {
		if (unicode.IsControl(r) || bidi(r)) && !strings.ContainsRune(but, r) {
			return invalid("%s holds a character that is not allowed", what)
		}
	}
	return nil
}

func bidi(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u2028' || r == '\u2029'
}
