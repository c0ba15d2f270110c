package record

import (
	"encoding/base64"
	"slices"
)

// apply makes the changed document. One that is not changed comes back itself.
func (j *job) apply() []byte {
	if len(j.edits) == 0 {
		return j.data
	}
	slices.SortStableFunc(j.edits, func(a, b edit) int { return a.start - b.start })
	out := make([]byte, 0, len(j.data)+len(j.new))
	at := 0
	for _, e := range j.edits {
		out = append(out, j.data[at:e.start]...)
		out = append(out, j.new[e.from:e.to]...)
		at = e.end
	}
	return append(out, j.data[at:]...)
}

const hex = "0123456789abcdef"

// appendString writes a JSON string with no more escapes than it needs. s is UTF-8.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		start = i + 1
	}
	return append(append(dst, s[start:]...), '"')
}

// Blind is the blind index of a value in a key set: 16 bytes of an HMAC. Who has the back end's data learns which records of the set have the same value
// of the field, and nothing else.
func Blind(set Set, name, value string) (string, error) {
	sum := set.Index(name, []byte(value))
	if len(sum) < indexBytes { // the keys have just been destroyed
		return "", ErrKeys
	}
	return base64.RawURLEncoding.EncodeToString(sum[:indexBytes]), nil
}

const indexBytes = 16
