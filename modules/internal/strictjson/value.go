package strictjson

import (
	"errors"
	"strconv"
	"strings"
)

// Get returns the value at a path of names with dots between, nil where there is none. It fails where another member's name
// differs only in case: some readers (encoding/json is one) would take that one.
func (v *Value) Get(path string) (*Value, error) {
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, ".")
		next, err := v.member(name)
		if next == nil || err != nil {
			return nil, err
		}
		v = next
	}
	return v, nil
}

// At is Get for a JSON pointer (RFC 6901), whose tokens are those of Pointer. Of an array a token is an index.
func (v *Value) At(tokens []string) (*Value, error) {
	for _, t := range tokens {
		if v.Kind == Array {
			i, ok := index(t)
			if !ok || i >= len(v.Items) {
				return nil, nil
			}
			v = &v.Items[i]
			continue
		}
		next, err := v.member(t)
		if next == nil || err != nil {
			return nil, err
		}
		v = next
	}
	return v, nil
}

// Pointer reads a JSON pointer (RFC 6901) into its tokens.
func Pointer(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	if s[0] != '/' {
		return nil, errors.New("a JSON pointer begins with /")
	}
	tokens := strings.Split(s[1:], "/")
	for i, t := range tokens {
		for at := 0; at < len(t); at++ {
			if t[at] == '~' && (at+1 == len(t) || t[at+1] != '0' && t[at+1] != '1') {
				return nil, errors.New("in a JSON pointer ~ is written ~0, and / ~1")
			}
		}
		tokens[i] = unescape.Replace(t)
	}
	return tokens, nil
}

// One pass: ~01 is ~1.
var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// index reads what RFC 6901 takes for an array's index: digits without leading zeros.
func index(t string) (int, bool) {
	n, err := strconv.ParseUint(t, 10, 31)
	return int(n), err == nil && (t == "0" || t[0] != '0')
}

func (v *Value) member(name string) (*Value, error) {
	if v.Kind != Object {
		return nil, nil
	}
	var found *Value
	for i := range v.Members {
		m := &v.Members[i]
		switch {
		case m.Name == name:
			found = &m.Value
		case strings.EqualFold(m.Name, name):
			return nil, ErrAmbiguous
		}
	}
	return found, nil
}

// Scalar returns a string, or a whole number or truth value as written: what can name a thing without doubt.
func (v *Value) Scalar() (string, bool) {
	switch v.Kind {
	case String, Bool:
		return v.Text, true
	case Number:
		return v.Text, wholeNumber(v.Text)
	}
	return "", false
}

// wholeNumber tells whether s is a number that has one spelling and fits every reader's number type (±2^53).
func wholeNumber(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || len(digits) > 15 || s == "-0" {
		return false
	}
	return strings.Trim(digits, "0123456789") == ""
}

// longestNumber is more than a double is ever written with, largestExponent more than one has.
const (
	longestNumber   = 64
	largestExponent = 400
)

// PlainNumber tells whether a double holds a number: neither infinite nor, unless it is zero, too small. Exponents are bounded by themselves, too:
// exact arithmetic takes long for large ones.
func PlainNumber(text string) bool {
	if len(text) <= 15 && wholeNumber(text) { // nearly all of them
		return true
	}
	if len(text) > longestNumber {
		return false
	}
	mantissa := text
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa = text[:i]
		if e, err := strconv.Atoi(text[i+1:]); err != nil || max(e, -e) > largestExponent {
			return false
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	return err == nil && (f != 0 || strings.Trim(mantissa, "-0.") == "")
}
