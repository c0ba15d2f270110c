package classify

import (
	"errors"
	"strconv"
	"strings"
)

// Method is how a value is masked.
type Method struct {
	Kind        Kind
	First, Last int // of Truncate: how many characters at the beginning and the end stay
}

// Kind is a kind of masking, the weakest first: where several are asked for in one place, the last of them is done.
type Kind uint8

// Kinds of masking. What one can't be done to (mail to what is no mail address, text to an object) becomes null.
const (
	Truncate Kind = iota // first and last characters stay, *** between: jo***th
	Mail                 // the first character and the domain stay: a***@b.org
	Hash                 // a keyed hash: equal values stay equal, and can be counted and compared
	Token                // a stand-in of the value's own form, keyed likewise: digits become digits, letters letters
	Null                 // null
	Drop                 // the member is left out
)

var kinds = map[string]Kind{"truncate": Truncate, "mail": Mail, "hash": Hash, "token": Token, "null": Null, "drop": Drop}

// maxKept bounds what truncation may leave at each end.
const maxKept = 64

var errMethod = errors.New(`it is one of null, drop, mail, hash, token and truncate(first,last), as truncate(0,4), which keeps at most 64 characters at each end`)

// ParseMethod reads "null", "drop", "mail", "hash", "token" or "truncate(2,4)".
func ParseMethod(text string) (m Method, err error) {
	word, arguments, given := strings.Cut(text, "(")
	kind, known := kinds[word]
	if !known || given != (kind == Truncate) {
		return m, errMethod
	}
	m.Kind = kind
	if !given {
		return m, nil
	}
	first, last, two := strings.Cut(strings.TrimSuffix(arguments, ")"), ",")
	a, errA := strconv.ParseUint(first, 10, 16)
	b, errB := strconv.ParseUint(last, 10, 16)
	if !two || !strings.HasSuffix(arguments, ")") || errA != nil || errB != nil || a > maxKept || b > maxKept {
		return m, errMethod
	}
	m.First, m.Last = int(a), int(b)
	return m, nil
}

// ParseMask reads a mask as a decision asks for it: the path of a member, which becomes null, or a method, a colon and a pointer, as
// "truncate(0,4):/card/number". What looks like the latter and is not is an error: as a name it would mask nothing.
func ParseMask(text string) (path string, m Method, err error) {
	how, at, ok := strings.Cut(text, ":")
	if !ok || text[0] == '/' || at != "" && at[0] != '/' {
		return text, Method{Kind: Null}, nil
	}
	m, err = ParseMethod(how)
	return at, m, err
}
