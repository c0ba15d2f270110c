package strictjson

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What can be wrong with a text.
var (
	ErrEnd     = errors.New("the text ends too early")
	ErrSyntax  = errors.New("not JSON")
	ErrAfter   = errors.New("something follows the value")
	ErrDepth   = errors.New("nested too deep")
	ErrTwice   = errors.New("a member is given twice")
	ErrUTF8    = errors.New("not UTF-8")
	ErrHalf    = errors.New("half a surrogate pair")
	ErrControl = errors.New("a control character in a string")
	ErrMany    = errors.New("too many values") // more than may be
)

// ErrAmbiguous says that readers would differ about which member is meant.
var ErrAmbiguous = errors.New("two members differ only in upper and lower case")

// Error says what is wrong with a text, and where.
type Error struct {
	Byte   int      // how far the text was read
	Tokens []string // the path to the value, as the tokens of a JSON pointer; names in it are the sender's
	Err    error    // one of those above
}

// Error names no member: it may end in a log.
func (e *Error) Error() string { return fmt.Sprintf("byte %d: %v", e.Byte, e.Err) }

// Unwrap gives the kind of error.
func (e *Error) Unwrap() error { return e.Err }

func (p *parser) failed(err error) error {
	slices.Reverse(p.trail)
	return &Error{p.at, p.trail, err}
}

// AppendToken writes a token of a JSON pointer (RFC 6901), with its slash.
func AppendToken(to []byte, token string) []byte {
	to = append(to, '/')
	if !strings.ContainsAny(token, "~/") {
		return append(to, token...)
	}
	for i := range len(token) {
		switch token[i] {
		case '~':
			to = append(to, "~0"...)
		case '/':
			to = append(to, "~1"...)
		default:
			to = append(to, token[i])
		}
	}
	return to
}
