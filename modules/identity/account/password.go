package account

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go"
	"golang.org/x/text/unicode/norm"
)

const (
	minPassword      = 10  // characters
	maxPassword      = 128 // characters
	maxPasswordBytes = 512
	minStrength      = 3  // of zxcvbn's 0 to 4: safe from offline attack on a slow hash, nearly
	estimated        = 40 // characters that the estimate looks at: its time grows with the square of the length
)

// normalPassword is what is hashed: NFKC (NIST SP 800-63B, 3.1.1.2), so that a password typed on another keyboard is the same.
// ok is false for what no password can be; nothing is ever cut off.
func normalPassword(typed string) (password string, ok bool) {
	if len(typed) > maxPasswordBytes || !utf8.ValidString(typed) {
		return "", false
	}
	p := norm.NFKC.String(typed)
	return p, utf8.RuneCountInString(p) <= maxPassword && len(p) <= maxPasswordBytes
}

// CheckPassword refuses a new password that is too short, too long, known from leaks or easy to guess, also from the
// account's own name. Errors: WeakPassword.
func CheckPassword(typed, username string) error {
	p, ok := normalPassword(typed)
	switch {
	case !utf8.ValidString(typed):
		return WeakPassword{"The password holds bytes that are no characters."}
	case !ok:
		return WeakPassword{"The password is too long: at most 128 characters."}
	case utf8.RuneCountInString(p) < minPassword:
		return WeakPassword{"The password is too short: at least 10 characters."}
	case breached(p):
		return WeakPassword{"The password is in lists of leaked passwords."}
	case strength(p, username) < minStrength:
		return WeakPassword{"The password is too easy to guess: make it longer or less common."}
	}
	return nil
}

func strength(p, username string) int {
	runes := []rune(p)
	if len(runes) > estimated {
		runes = runes[:estimated] // the start alone is a lower bound: a longer password is no weaker
	}
	return zxcvbn.PasswordStrength(string(runes), append(strings.FieldsFunc(username, func(r rune) bool {
		return r == '.' || r == '_' || r == '-'
	}), username)).Score
}

//go:embed breached.txt
var breachedList string

var breachedSet = sync.OnceValue(func() map[string]struct{} {
	set := map[string]struct{}{}
	for line := range strings.Lines(breachedList) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			set[line] = struct{}{}
		}
	}
	return set
})

// breached looks a password up, in any case, and also without the digits and signs that people put behind.
func breached(p string) bool {
	p = strings.ToLower(p)
	if _, ok := breachedSet()[p]; ok {
		return true
	}
	_, ok := breachedSet()[strings.TrimRight(p, "0123456789!?.*#$@_- ")]
	return ok
}
