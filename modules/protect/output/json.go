package output

import (
	"bytes"

	"github.com/convosphere/gateway/modules/protect/detect"
)

const (
	mostDepth   = 1024
	mostPointer = 512
	mostName    = 64
	mostDigits  = 5        // in a name
	longString  = 64 << 10 // from here on a string passes in parts

	shortestNumber = 9 // that anything is looked for in
)

// inspector looks through the names, strings and numbers of JSON (RFC 8259), also of several documents one behind the other. What nothing is found in
// passes as it came, but for the escapes of HTML. It is no judge of JSON: it asks no more of it than that strings can be told from the rest.
type inspector struct {
	window
	html      bool
	state     uint8
	mark      int    // bytes of UTF-8's mark that have come before the document
	raw       []byte // of the string or number that is being read, as written
	escaped   bool   // the string holds escapes
	parts     bool   // it is long, and some of it has gone on
	name      bool   // what comes next is the name of a member
	levels    []level
	pointer   []byte // to the value that is being read
	encode    func(dst, part []byte) []byte
	rewritten bool // other than by a mask
}

type level struct {
	base   int // bytes of the pointer to it
	object bool
}

func newInspector(l *look, html bool) *inspector {
	i := &inspector{window: window{look: l}, html: html}
	i.encode = func(dst, part []byte) []byte { return appendText(dst, part, html) }
	return i
}

func (s *inspector) altered() bool { return s.masks > 0 || s.rewritten }

func (s *inspector) write(dst, p []byte) (_ []byte, err error) {
	for i := 0; i < len(p); {
		switch s.state {
		case inString:
			dst, i, err = s.string(dst, p, i)
		case afterBack:
			s.raw = append(s.raw, p[i])
			s.state = inString
			i++
		case lost:
			return append(dst, p[i:]...), nil
		default:
			if dst, err = s.outside(dst, p[i]); err == nil {
				i++
			}
		}
		if err == errBroken && !s.look.hard { //nolint:errorlint // it is ours, as it is
			dst, s.raw, s.state, err = append(dst, s.raw...), nil, lost, nil
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// string reads on in a string, and returns where it has come to.
func (s *inspector) string(dst, p []byte, i int) ([]byte, int, error) {
	n := bytes.IndexByte(p[i:], '"')
	rest := p[i:]
	if n >= 0 {
		rest = rest[:n]
	}
	back := bytes.IndexByte(rest, '\\')
	switch {
	case back >= 0:
		s.raw = append(s.raw, rest[:back+1]...)
		s.escaped, s.state = true, afterBack
		i += back + 1
	case n >= 0:
		s.raw = append(s.raw, rest...)
		s.state = outside
		dst, err := s.endString(dst)
		return dst, i + n + 1, err
	default:
		s.raw = append(s.raw, rest...)
		i = len(p)
	}
	if len(s.raw) <= longString {
		return dst, i, nil
	}
	dst, err := s.part(dst)
	return dst, i, err
}

// outside reads a byte that is in no string.
func (s *inspector) outside(dst []byte, c byte) ([]byte, error) {
	if s.mark < len(utf8Mark) {
		if c == utf8Mark[s.mark] {
			s.mark++
			return append(dst, c), nil
		}
		if s.mark > 0 {
			return dst, errBroken // half a mark
		}
		s.mark = len(utf8Mark)
	}
	if c >= '0' && c <= '9' || len(s.raw) > 0 && (c == '.' || c|0x20 == 'e' || c == '+' || c == '-') || c == '-' {
		if len(s.raw) < detect.Longest {
			s.raw = append(s.raw, c)
			return dst, nil
		}
		return dst, errBroken
	}
	dst, err := s.endNumber(dst)
	if err != nil {
		return dst, err
	}
	switch c {
	case '"':
		s.state, s.escaped, s.parts = inString, false, false
		return dst, nil // the quote goes with what it begins
	case '{', '[':
		if len(s.levels) >= mostDepth {
			return dst, errBroken
		}
		s.levels = append(s.levels, level{len(s.pointer), c == '{'})
		if s.name = c == '{'; !s.name {
			s.point("*")
		}
	case '}', ']':
		if n := len(s.levels) - 1; n >= 0 && s.levels[n].object == (c == '}') {
			s.pointer, s.levels = s.pointer[:s.levels[n].base], s.levels[:n]
			s.name = false
		} else {
			return dst, errBroken
		}
	case ',':
		if n := len(s.levels) - 1; n >= 0 && s.levels[n].object {
			s.pointer, s.name = s.pointer[:s.levels[n].base], true
		}
	case ':', ' ', '\t', '\r', '\n', 0x1e: // the last begins a text of RFC 7464
	case 'a', 'e', 'f', 'l', 'n', 'r', 's', 't', 'u': // of true, false, null
	default:
		return dst, errBroken
	}
	return append(dst, c), nil
}

// point goes one step further.
func (s *inspector) point(name string) {
	if len(s.pointer)+len(name) < mostPointer {
		s.pointer = append(append(s.pointer, '/'), name...)
	}
}

// endNumber looks at a number: digits alone can be a card's.
func (s *inspector) endNumber(dst []byte) ([]byte, error) {
	if len(s.raw) == 0 {
		return dst, nil
	}
	number := s.raw
	s.raw = s.raw[:0]
	if len(number) < shortestNumber {
		return append(dst, number...), nil
	}
	if s.none(number) {
		return append(dst, number...), nil
	}
	s.reset()
	s.text = append(s.text, number...)
	at, masks := len(dst), s.masks
	dst, err := s.upTo(append(dst, '"'), len(s.text), s.pointer, asIs)
	if err != nil || s.masks > masks { // what is left of it is no number
		return append(dst, '"'), err
	}
	return append(dst[:at], number...), nil
}

// endString looks at a string, or at the rest of it.
func (s *inspector) endString(dst []byte) ([]byte, error) {
	raw := s.raw
	s.raw = s.raw[:0]
	if s.parts {
		s.text = unescape(s.text, raw)
		dst, err := s.upTo(dst, len(s.text), s.pointer, s.encode)
		s.name = false
		return append(dst, '"'), err
	}
	text := raw
	if s.escaped {
		s.reset()
		s.text = unescape(s.text, raw)
		text = s.text
	}
	dst = append(dst, '"')
	found := !s.none(text)
	if s.name {
		s.name = false
		defer s.point(clean(text, found)) // what is found in a name is in the object that has it
	}
	if !found {
		return append(s.verbatim(dst, raw), '"'), nil
	}
	if !s.escaped {
		s.reset()
		s.text = append(s.text, raw...)
	}
	at, masks := len(dst), s.masks
	dst, err := s.upTo(dst, len(s.text), s.pointer, s.encode)
	if err == nil && s.masks == masks {
		dst = s.verbatim(dst[:at], raw)
	}
	return append(dst, '"'), err
}

// none tells that nothing is found in a text, as in most.
func (s *inspector) none(text []byte) bool {
	s.look.place = s.look.kinds.Find(text, 0, s.look.place[:0])
	return len(s.look.place) == 0
}

// verbatim appends a string as it was written.
func (s *inspector) verbatim(dst, raw []byte) []byte {
	if !s.html || !unsafe(raw) {
		return append(dst, raw...)
	}
	e := escaper{state: inString}
	dst = e.close(e.write(dst, raw))
	s.rewritten = s.rewritten || e.changed
	return dst
}

// unnamed stands for a name that is not told.
const unnamed = "?"

// clean is a name, where it can be told in an event: one that a programmer chose, not a person's or a number's.
func clean(name []byte, found bool) string {
	if found || len(name) == 0 || len(name) > mostName {
		return unnamed
	}
	digits := 0
	for _, c := range name {
		switch {
		case c >= '0' && c <= '9':
			if digits++; digits > mostDigits {
				return unnamed
			}
		case c|0x20 >= 'a' && c|0x20 <= 'z', c == '_', c == '-', c == '$':
		default:
			return unnamed
		}
	}
	return string(name)
}

// part lets some of a long string go on. Its escapes are written anew.
func (s *inspector) part(dst []byte) ([]byte, error) {
	if !s.parts {
		s.parts, s.rewritten = true, true
		s.reset()
		dst = append(dst, '"')
	}
	cut := whole(s.raw)
	dst, err := s.window.write(dst, unescape(nil, s.raw[:cut]), s.pointer, s.encode)
	s.raw = append(s.raw[:0], s.raw[cut:]...)
	return dst, err
}

// whole is how much of a string's text can be taken without cutting an escape in two: a pair of surrogates is written with twelve bytes.
func whole(raw []byte) int {
	cut := len(raw)
	n := bytes.IndexByte(raw[cut-12:], '\\')
	if n < 0 {
		return cut
	}
	run := cut - 12 + n
	for cut = run; cut > 0 && raw[cut-1] == '\\'; {
		cut--
	}
	if cut > 0 {
		return cut
	}
	for run < len(raw) && raw[run] == '\\' { // nothing but backslashes: two of them are one
		run++
	}
	return run &^ 1
}

// flush has nothing to give: what is held is one value.
func (s *inspector) flush(dst []byte) ([]byte, error) { return dst, nil }

func (s *inspector) close(dst []byte) ([]byte, error) {
	switch {
	case s.state == lost:
		return dst, nil
	case s.state != outside && s.look.hard:
		return dst, errBroken
	case s.state != outside && s.parts: // it is cut off in a string
		return append(appendText(dst, s.text[s.seen:], s.html), s.raw...), nil
	case s.state != outside:
		return append(append(dst, '"'), s.raw...), nil
	}
	dst, err := s.endNumber(dst)
	if err == nil && len(s.levels) > 0 && s.look.hard {
		err = errBroken
	}
	return dst, err
}
