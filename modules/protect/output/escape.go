package output

import "bytes"

// States of the escaper.
const (
	outside   uint8 = iota
	inString        // of JSON
	afterBack       // behind a backslash
	afterE2         // the first byte of U+2028 has come, and is held
	afterE280       // and its second
	lost            // it is no JSON: what comes passes
)

// escaper writes what HTML, or JavaScript, would read in strings of JSON as escapes: <, >, & and the two line separators U+2028 and U+2029. Values stay what they are.
type escaper struct {
	state   uint8
	changed bool
}

// special are bytes at which something happens in a string.
var special = func() (t [256]bool) {
	for _, c := range []byte("\"\\<>&\xe2") {
		t[c] = true
	}
	return t
}()

// unsafe tells whether a whole document has anything to escape; it errs to that side.
func unsafe(document []byte) bool {
	return bytes.IndexByte(document, '<') >= 0 || bytes.IndexByte(document, '>') >= 0 || bytes.IndexByte(document, '&') >= 0 || bytes.Contains(document, []byte("\xe2\x80"))
}

func (e *escaper) write(dst, p []byte) []byte {
	start := 0 // what is before it has gone to dst
	for i := 0; i < len(p); {
		switch e.state {
		case outside:
			n := bytes.IndexByte(p[i:], '"')
			if n < 0 {
				return append(dst, p[start:]...)
			}
			i += n + 1
			e.state = inString
		case inString:
			for i < len(p) && !special[p[i]] {
				i++
			}
			if i == len(p) {
				break
			}
			dst, start = e.at(dst, p, start, i)
			i++
		case afterBack:
			e.state = inString
			if c := p[i]; c == '<' || c == '>' || c == '&' { // no JSON; it must not become markup for that
				dst = append(append(dst, p[start:i]...), hex(c)[1:]...)
				start, e.changed = i+1, true
			}
			i++
		case afterE2:
			if p[i] != 0x80 {
				dst, e.state = append(dst, 0xe2), inString
				continue
			}
			e.state = afterE280
			i++
			start = i
		case afterE280:
			e.state = inString
			if p[i] != 0xa8 && p[i] != 0xa9 {
				dst = append(dst, 0xe2, 0x80)
				continue
			}
			dst, e.changed = append(dst, `\u202`...), true
			dst = append(dst, '8'+p[i]-0xa8)
			i++
			start = i
		}
	}
	return append(dst, p[start:]...)
}

// at handles a special byte in a string.
func (e *escaper) at(dst, p []byte, start, i int) ([]byte, int) {
	switch c := p[i]; c {
	case '"':
		e.state = outside
	case '\\':
		e.state = afterBack
	case 0xe2:
		e.state = afterE2
		return append(dst, p[start:i]...), i + 1
	default:
		e.changed = true
		return append(append(dst, p[start:i]...), hex(c)...), i + 1
	}
	return dst, start
}

func hex(c byte) string {
	switch c {
	case '<':
		return `\u003c`
	case '>':
		return `\u003e`
	}
	return `\u0026`
}

// close gives what is held.
func (e *escaper) close(dst []byte) []byte {
	switch e.state {
	case afterE2:
		dst = append(dst, 0xe2)
	case afterE280:
		dst = append(dst, 0xe2, 0x80)
	}
	e.state = outside
	return dst
}

// markup is the escaper as a sieve.
type markup struct{ escaper }

func (m *markup) write(dst, p []byte) ([]byte, error) { return m.escaper.write(dst, p), nil }
func (m *markup) flush(dst []byte) ([]byte, error)    { return dst, nil }
func (m *markup) close(dst []byte) ([]byte, error)    { return m.escaper.close(dst), nil }
func (m *markup) altered() bool                       { return m.changed }
