package auditlog

import (
	"errors"
)

// member is one of a JSON object's, as it stands in the text: the key without its quotes, the value raw.
type member struct{ key, value []byte }

var errObject = errors.New("it is no JSON object of the form that events have")

const deepest = 64 // of a value

// members splits a JSON object of one line into its members, appending to into. Values are not looked into more than is needed to find their end; keys are as
// they are written, so one with an escape in it is not what it stands for.
func members(text []byte, into []member) ([]member, error) {
	i := space(text, 0)
	if i >= len(text) || text[i] != '{' {
		return nil, errObject
	}
	i = space(text, i+1)
	if i < len(text) && text[i] == '}' {
		return into, ends(text, i+1)
	}
	for {
		end, ok := str(text, i)
		if !ok {
			return nil, errObject
		}
		m := member{key: text[i+1 : end-1]}
		if i = space(text, end); i >= len(text) || text[i] != ':' {
			return nil, errObject
		}
		i = space(text, i+1)
		if end, ok = value(text, i); !ok {
			return nil, errObject
		}
		m.value = text[i:end]
		into = append(into, m)
		i = space(text, end)
		if i >= len(text) {
			return nil, errObject
		}
		switch text[i] {
		case ',':
			i = space(text, i+1)
		case '}':
			return into, ends(text, i+1)
		default:
			return nil, errObject
		}
	}
}

func ends(text []byte, i int) error {
	if space(text, i) != len(text) {
		return errObject
	}
	return nil
}

func space(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n') {
		i++
	}
	return i
}

// str finds the end of the string that begins at i.
func str(text []byte, i int) (end int, ok bool) {
	if i >= len(text) || text[i] != '"' {
		return 0, false
	}
	for i++; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return i + 1, true
		case c == '\\':
			i++
		case c < 0x20:
			return 0, false
		}
	}
	return 0, false
}

// value finds the end of the value that begins at i.
func value(text []byte, i int) (end int, ok bool) {
	if i >= len(text) {
		return 0, false
	}
	switch text[i] {
	case '"':
		return str(text, i)
	case '{', '[':
		return nested(text, i)
	}
	end = i
	for end < len(text) && plain(text[end]) {
		end++
	}
	return end, end > i
}

// plain are the characters of numbers, true, false and null.
func plain(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}

func nested(text []byte, i int) (end int, ok bool) {
	var open [deepest]byte
	depth := 0
	for i < len(text) {
		switch c := text[i]; c {
		case '"':
			if i, ok = str(text, i); !ok {
				return 0, false
			}
			continue
		case '{', '[':
			if depth == deepest {
				return 0, false
			}
			open[depth] = c + 2 // in ASCII, what closes it
			depth++
		case '}', ']':
			if depth--; open[depth] != c {
				return 0, false
			}
			if depth == 0 {
				return i + 1, true
			}
		default:
			if c < 0x20 && c != '\t' && c != '\r' && c != '\n' {
				return 0, false
			}
		}
		i++
	}
	return 0, false
}
