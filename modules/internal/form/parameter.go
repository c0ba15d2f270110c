package form

import (
	"errors"
	"strings"
	"unicode/utf8"
)

var errParameter = errors.New("malformed")

// parameter reads the first of s, which follows a semicolon; the name comes in lower case. rest is what follows the next semicolon.
// A semicolon with nothing after it is refused, as is an escape in a quoted value: browsers write a backslash as it is, others escape with it.
func parameter(s string) (name, value, rest string, err error) {
	s = strings.TrimLeft(s, " \t")
	name, s, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return "", "", "", errParameter
	}
	for i := range len(name) {
		if !isToken(name[i]) {
			return "", "", "", errParameter
		}
	}
	if strings.HasPrefix(s, `"`) {
		value, s, ok = strings.Cut(s[1:], `"`)
		if !ok || strings.Contains(value, `\`) {
			return "", "", "", errParameter
		}
	} else {
		i := 0
		for i < len(s) && isToken(s[i]) {
			i++
		}
		if value, s = s[:i], s[i:]; value == "" {
			return "", "", "", errParameter
		}
	}
	if s = strings.TrimLeft(s, " \t"); s == "" {
		return strings.ToLower(name), value, "", nil
	}
	rest = s[1:]
	if s[0] != ';' || strings.Trim(rest, " \t") == "" {
		return "", "", "", errParameter
	}
	return strings.ToLower(name), value, rest, nil
}

// isToken tells what RFC 9110 has in tokens; the star, which announces an encoded or continued value, is one of them.
func isToken(c byte) bool {
	return isAlnum(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// plain tells whether a name is UTF-8 without control characters, and without the escapes of line ends, which some parsers undo.
func plain(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for i, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return false
		}
		if r == '%' && len(s) >= i+3 {
			switch strings.ToLower(s[i+1 : i+3]) {
			case "00", "0a", "0d":
				return false
			}
		}
	}
	return true
}
