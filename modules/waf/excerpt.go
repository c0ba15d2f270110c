package waf

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName    = 128 // bytes of a variable's name
	maxKey     = 64  // bytes of a name that a client chose, beyond which it is text
	maxExcerpt = 64
)

// shown are the variables of which an event shows the shape. Others hold whole requests, in which secrets stand beside the rest
// (REQUEST_URI, REQUEST_BODY, QUERY_STRING), cookies, values that rules made of any of them (TX, MATCHED_VAR), or a back end's answer.
var shown = map[string]bool{
	"ARGS": true, "ARGS_GET": true, "ARGS_POST": true, "ARGS_NAMES": true, "ARGS_GET_NAMES": true, "ARGS_POST_NAMES": true,
	"FILES": true, "FILES_NAMES": true, "REQUEST_BASENAME": true, "REQUEST_FILENAME": true, "REQUEST_HEADERS": true,
	"REQUEST_HEADERS_NAMES": true, "REQUEST_METHOD": true, "REQUEST_PROTOCOL": true, "XML": true,
}

// secret finds names of what is secret: rather one too many than one too few.
var secret = regexp.MustCompile(`(?i)pass|pwd|secret|token|code|otp|pin|key|auth|sess|sid|cred|sign|sig$|jwt|assert|c?x?srf|nonce|cookie|card|cvv|cvc|iban|ssn|old|new|answer|referer|^state$`)

// showable tells whether an event may show the shape of a variable's value.
func showable(variable, key string) bool {
	return shown[variable] && !secret.MatchString(key)
}

var (
	nameText = regexp.MustCompile(`^[A-Za-z0-9_.$@\[\]/*-]+$`)
	longPart = regexp.MustCompile(`[A-Za-z0-9_-]{33}|^eyJ`)
)

// variable is a matched variable's name. A key comes from the client; one that does not look like a name may be anything, also a secret that
// was sent as a name: of such a one the shape is left.
func variable(name, key string) string {
	switch {
	case key == "":
		return name
	case len(key) > maxKey || !nameText.MatchString(key) || longPart.MatchString(strings.TrimPrefix(key, "json.")):
		key = shape(cut(key, maxKey))
	}
	return clean(name+":"+key, maxName)
}

var matchedData = regexp.MustCompile(`(?s)^Matched Data: (.+?) found within `)

// excerpt is the shape of a value around what the rule found in it, as far as the rule says what that was; else of its beginning.
func excerpt(value, data string) string {
	at := 0
	if m := matchedData.FindStringSubmatch(data); m != nil {
		if i := strings.Index(value, m[1]); i >= 0 {
			at = max(0, i-(maxExcerpt-min(len(m[1]), maxExcerpt))/2)
		}
	}
	for at > 0 && at < len(value) && !utf8.RuneStart(value[at]) {
		at--
	}
	return cut(shape(cut(value[at:], maxExcerpt)), maxExcerpt)
}

// shape keeps what shows how an attack is built, and nothing of what a person wrote: letters become a, digits 9, control characters a dot, and
// other characters beyond ASCII a question mark.
func shape(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c < ' ' || c == 0x7f:
			return '.'
		case c < utf8.RuneSelf && !unicode.IsLetter(c) && !unicode.IsDigit(c):
			return c
		case unicode.IsDigit(c):
			return '9'
		case unicode.IsLetter(c):
			return 'a'
		}
		return '?'
	}, s)
}

// clean takes control characters out and cuts.
func clean(s string, n int) string {
	return cut(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, s), n)
}

// cut shortens s to at most n bytes, at the end of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
