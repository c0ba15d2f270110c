// Package redact knows secrets by their names and by their looks, for what keeps more of requests than events do.
package redact

import (
	"regexp"
	"slices"
	"strings"
)

// Removed stands for a secret.
const Removed = "removed"

// Parts of the names of fields that hold secrets.
var words = []string{"password", "passwd", "passphrase", "passcode", "passwort", "pwd", "secret", "token", "credential", "otp", "apikey", "api_key", "api-key", "private_key", "authorization", "csrf"}

// Name tells whether a field of that name holds a secret.
func Name(name string) bool {
	name = strings.ToLower(name)
	return name == "pass" || name == "pin" || name == "assertion" || Word(name)
}

// Word tells whether a text in lower case holds a word that names of secrets are made of.
func Word(lower string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(lower, w) })
}

// token is a token wherever somebody put it: a JWT (RFC 7519, compact form of an object), or one of the gateway's own that is none (identity/apitoken).
var token = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*|gw[ps]_[a-z2-7]{47}`)

// Tokens takes the tokens out of a text.
func Tokens(v string) string {
	if !strings.Contains(v, "eyJ") && !strings.Contains(v, "gwp_") && !strings.Contains(v, "gws_") {
		return v
	}
	return token.ReplaceAllString(v, Removed)
}
