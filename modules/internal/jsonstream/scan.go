package jsonstream

import "github.com/convosphere/gateway/modules/internal/strictjson"

// state is what may come next.
type state uint8

const (
	wantValue   state = iota
	wantElement       // a value, or the end of the array
	wantName          // of a member
	wantMember        // a name, or the end of the object
	wantColon
	wantMore // a comma, or the end of what is open
	wantNothing
	inString
	inEscape
	inHex
	inLow      // the backslash of the second half of a surrogate pair
	inLowU     // and its u
	inWord     // true, false, null
	inMinus    // numbers, as RFC 8259 draws them
	inZero     //
	inInteger  //
	inPoint    //
	inFraction //
	inE        //
	inSign     //
	inExponent //
)

// scanner is where in the text the stream is.
type scanner struct {
	state  state
	isName bool
	text   []byte // of the name, or of the value that is asked for

	more     int  // bytes of a rune that are still to come
	low, top byte // between which the next of them is

	digits int // of an escape that are still to come
	code   rune
	first  rune // half of a surrogate pair that came before; 0 none

	word string // that is being read
	seen int    // bytes of it that have come
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// step reads on from i and returns where it has come to.
func (s *Stream) step(i int) (int, error) {
	c := s.chunk[i]
	switch {
	case s.state == inString:
		return s.string(i)
	case s.state > inString:
		return s.inner(i, c)
	case isSpace(c):
		return i + 1, nil
	}
	switch s.state {
	case wantElement:
		if c == ']' {
			return i + 1, s.leave(i)
		}
		return s.value(i, c)
	case wantValue:
		return s.value(i, c)
	case wantMember, wantName:
		if c == '}' && s.state == wantMember {
			return i + 1, s.leave(i)
		}
		if c != '"' {
			return i, errSyntax
		}
		s.isName, s.text, s.state = true, s.text[:0], inString
	case wantColon:
		if c != ':' {
			return i, errSyntax
		}
		s.state = wantValue
	case wantMore:
		return i + 1, s.comma(i, c)
	default:
		return i, errSyntax
	}
	return i + 1, nil
}

// comma reads what stands behind a member or an element.
func (s *Stream) comma(i int, c byte) error {
	object := s.stack[len(s.stack)-1].object
	switch {
	case c == ',' && object:
		if s.state = wantName; s.drops() {
			s.pass(i) // the comma comes with the next member that stays
			s.mark = i + 1
			s.hold()
		}
	case c == ',':
		s.state = wantValue
	case c == '}' && object, c == ']' && !object:
		return s.leave(i)
	default:
		return errSyntax
	}
	return nil
}

// leave closes what is open.
func (s *Stream) leave(i int) error {
	err := s.close(i)
	s.after()
	return err
}

// after is the state behind a value.
func (s *Stream) after() {
	if s.state = wantMore; len(s.stack) == 0 {
		s.state = wantNothing
	}
}

// value reads the first byte of a value.
func (s *Stream) value(i int, c byte) (int, error) {
	if err := s.begin(i); err != nil {
		return i, err
	}
	switch c {
	case '{':
		s.state = wantMember
		return i + 1, s.open(i, true)
	case '[':
		s.state = wantElement
		return i + 1, s.open(i, false)
	}
	s.text = s.text[:0]
	switch {
	case c == '"':
		s.isName, s.state = false, inString
		return i + 1, nil
	case c == '-':
		s.state = inMinus
	case c == '0':
		s.state = inZero
	case c >= '1' && c <= '9':
		s.state = inInteger
	default:
		s.state, s.seen = inWord, 1
		switch c {
		case 't':
			s.word = "true"
		case 'f':
			s.word = "false"
		case 'n':
			s.word = "null"
		default:
			return i, errSyntax
		}
	}
	return i + 1, s.note(c)
}

// note keeps a byte of a value that is asked for.
func (s *Stream) note(c byte) error {
	if s.field < 0 && !s.grab {
		return nil
	}
	if len(s.text) >= maxText {
		return s.tooLong()
	}
	s.text = append(s.text, c)
	return nil
}

// inner reads one byte of what is begun.
func (s *Stream) inner(i int, c byte) (int, error) {
	switch s.state {
	case inEscape:
		return i + 1, s.escape(c)
	case inHex:
		return i + 1, s.hex(c)
	case inLow, inLowU:
		return i + 1, s.second(c)
	case inWord:
		return s.letter(i, c)
	}
	return s.number(i, c)
}

func (s *Stream) letter(i int, c byte) (int, error) {
	if c != s.word[s.seen] {
		return i, errSyntax
	}
	s.seen++
	if err := s.note(c); err != nil || s.seen < len(s.word) {
		return i + 1, err
	}
	kind := strictjson.Bool
	if s.word == "null" {
		kind = strictjson.Null
	}
	err := s.scalar(i+1, kind)
	s.after()
	return i + 1, err
}

// number reads one byte of a number, or finds that it is over.
func (s *Stream) number(i int, c byte) (int, error) {
	next, complete := s.state.follow(c)
	if next != wantNothing {
		s.state = next
		return i + 1, s.note(c)
	}
	if !complete {
		return i, errSyntax
	}
	err := s.scalar(i, strictjson.Number)
	s.after()
	return i, err
}

// follow is the state behind one more byte of a number, wantNothing where c is none of it. complete tells whether it may end before c.
func (s state) follow(c byte) (next state, complete bool) {
	digit := c >= '0' && c <= '9'
	switch s {
	case inMinus:
		switch {
		case c == '0':
			return inZero, false
		case digit:
			return inInteger, false
		}
		return wantNothing, false
	case inZero, inInteger:
		switch {
		case c == '.':
			return inPoint, true
		case c|0x20 == 'e':
			return inE, true
		case digit && s == inInteger:
			return inInteger, true
		}
		return wantNothing, true
	case inPoint, inFraction:
		switch {
		case digit:
			return inFraction, s == inFraction
		case c|0x20 == 'e' && s == inFraction:
			return inE, true
		}
		return wantNothing, s == inFraction
	case inE:
		if c == '+' || c == '-' {
			return inSign, false
		}
	}
	if digit {
		return inExponent, s == inExponent
	}
	return wantNothing, s == inExponent
}

// finish ends the document.
func (s *Stream) finish() error {
	if _, complete := s.state.follow(0); s.state >= inMinus && complete && len(s.stack) == 0 {
		s.chunk, s.mark = nil, 0
		if err := s.scalar(0, strictjson.Number); err != nil {
			return err
		}
		s.state = wantNothing
	}
	if s.state != wantNothing {
		return errEnd
	}
	return nil
}
