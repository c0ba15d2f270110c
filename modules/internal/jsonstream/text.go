package jsonstream

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// string reads on in a string.
func (s *Stream) string(i int) (int, error) {
	for start := i; ; i++ {
		if i == len(s.chunk) {
			return i, s.add(s.chunk[start:i])
		}
		c := s.chunk[i]
		switch {
		case s.more > 0:
			if c < s.low || c > s.top {
				return i, errUTF8
			}
			s.more--
			s.low, s.top = 0x80, 0xbf
		case c >= utf8.RuneSelf:
			if !s.lead(c) {
				return i, errUTF8
			}
		case c == '"':
			if err := s.add(s.chunk[start:i]); err != nil {
				return i, err
			}
			return i + 1, s.quote(i + 1)
		case c == '\\':
			s.state = inEscape
			return i + 1, s.add(s.chunk[start:i])
		case c < ' ':
			return i, errControl
		}
	}
}

// add keeps a part of a string, where somebody wants to know it.
func (s *Stream) add(part []byte) error {
	if !s.isName && s.field < 0 && !s.grab {
		return nil
	}
	if len(s.text)+len(part) > maxText {
		return s.tooLong()
	}
	s.text = append(s.text, part...)
	return nil
}

// tooLong is an error but of what is masked only: that becomes null.
func (s *Stream) tooLong() error {
	if s.isName || s.field >= 0 {
		return errMany
	}
	s.grab, s.long = false, true
	return nil
}

func (s *Stream) addRune(r rune) error {
	var b [utf8.UTFMax]byte
	return s.add(b[:utf8.EncodeRune(b[:], r)])
}

// quote ends a string.
func (s *Stream) quote(i int) error {
	if s.isName {
		s.state = wantColon
		return s.name(i)
	}
	err := s.scalar(i, strictjson.String)
	s.after()
	return err
}

// lead reads the first byte of a rune of several, as table 3-7 of the Unicode standard has it.
func (s *Stream) lead(c byte) bool {
	s.low, s.top = 0x80, 0xbf
	switch {
	case c >= 0xc2 && c <= 0xdf:
		s.more = 1
	case c >= 0xe0 && c <= 0xef:
		s.more = 2
		if c == 0xe0 {
			s.low = 0xa0
		} else if c == 0xed {
			s.top = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		s.more = 3
		if c == 0xf0 {
			s.low = 0x90
		} else if c == 0xf4 {
			s.top = 0x8f
		}
	default:
		return false
	}
	return true
}

// escape reads what stands behind a backslash.
func (s *Stream) escape(c byte) error {
	s.state = inString
	switch c {
	case '"', '\\', '/':
		return s.addRune(rune(c))
	case 'b':
		return s.addRune('\b')
	case 'f':
		return s.addRune('\f')
	case 'n':
		return s.addRune('\n')
	case 'r':
		return s.addRune('\r')
	case 't':
		return s.addRune('\t')
	case 'u':
		s.state, s.digits, s.code, s.first = inHex, 4, 0, 0
		return nil
	}
	return errSyntax
}

// hex reads one of the four digits.
func (s *Stream) hex(c byte) error {
	switch {
	case c >= '0' && c <= '9':
		s.code = s.code<<4 | rune(c-'0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		s.code = s.code<<4 | rune(c|0x20-'a'+10)
	default:
		return errSyntax
	}
	if s.digits--; s.digits > 0 {
		return nil
	}
	switch {
	case s.first != 0:
		r := utf16.DecodeRune(s.first, s.code)
		if r == unicode.ReplacementChar {
			return errHalf
		}
		s.state = inString
		return s.addRune(r)
	case utf16.IsSurrogate(s.code):
		s.first, s.state = s.code, inLow
		return nil
	}
	s.state = inString
	return s.addRune(s.code)
}

// second reads the begin of the second half of a surrogate pair.
func (s *Stream) second(c byte) error {
	switch {
	case s.state == inLow && c == '\\':
		s.state = inLowU
	case s.state == inLowU && c == 'u':
		s.state, s.digits, s.code = inHex, 4, 0
	default:
		return errHalf
	}
	return nil
}
