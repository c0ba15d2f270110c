package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go"
	"golang.org/x/text/unicode/norm"
)

const (
	longestPassword  = 128 // characters
	maxPasswordBytes = 512
	estimated        = 40 // characters that the estimate looks at: its time grows with the square of the length
)

// Policy is what passwords must be. Changes hold for new ones.
type Policy struct {
	MinLength int           // characters, 8 to 64
	MaxLength int           // characters, 64 to 128; longer ones are refused, never cut
	Strength  int           // of zxcvbn's 0 to 4; 0 asks for none
	Words     []string      // that passwords must not be made of, such as the service's name
	History   int           // how many of a person's last passwords may not come again; 0 none but today's
	MaxAge    time.Duration // a login with an older one asks for another; 0 never (NIST SP 800-63B advises against it)
	Breached  Breached      // asked beside the embedded list; nil none
}

// Breached knows leaked passwords.
type Breached interface {
	// Leaked tells whether the password, in its normal form, has leaked. An error means that it can't be told.
	Leaked(ctx context.Context, password string) (bool, error)
}

// DefaultPolicy asks for ten characters that are safe from offline attack on a slow hash, nearly.
var DefaultPolicy = Policy{MinLength: 10, MaxLength: longestPassword, Strength: 3}

// Check refuses what can't work.
func (p Policy) Check() error {
	switch {
	case p.MinLength < 8 || p.MinLength > 64: // NIST SP 800-63B, section 3.1.1.2; the breached list begins there, too
		return errors.New("password min_length must be between 8 and 64")
	case p.MaxLength < 64 || p.MaxLength > longestPassword:
		return fmt.Errorf("password max_length must be between 64 and %d", longestPassword)
	case p.Strength < 0 || p.Strength > 4:
		return errors.New("password strength must be between 0 and 4")
	case p.History < 0 || p.History > 24:
		return errors.New("password history must be at most 24")
	case p.MaxAge != 0 && p.MaxAge < 24*time.Hour:
		return errors.New("password max_age must be at least 24h")
	case len(p.Words) > 64:
		return errors.New("password words must be at most 64")
	}
	return nil
}

// normalPassword is what is hashed: NFKC (NIST SP 800-63B, 3.1.1.2), so that a password typed on another keyboard is the same.
// ok is false for what no password can be; nothing is ever cut off.
func normalPassword(typed string) (password string, ok bool) {
	if len(typed) > maxPasswordBytes || !utf8.ValidString(typed) {
		return "", false
	}
	p := norm.NFKC.String(typed)
	return p, utf8.RuneCountInString(p) <= longestPassword && len(p) <= maxPasswordBytes
}

// Refuse refuses a new password that is too short, too long, known from leaks or easy to guess, also from words that belong to the person: the
// name, for one. Errors: WeakPassword; anything else means that it could not be checked, and the password must not be taken.
func (p Policy) Refuse(ctx context.Context, typed string, words ...string) error {
	normal, ok := normalPassword(typed)
	switch n := utf8.RuneCountInString(normal); {
	case !utf8.ValidString(typed):
		return WeakPassword{WeakBytes, "The password holds bytes that are no characters."}
	case !ok || n > p.MaxLength:
		return WeakPassword{WeakLong, fmt.Sprintf("The password is too long: at most %d characters.", p.MaxLength)}
	case n < p.MinLength:
		return WeakPassword{WeakShort, fmt.Sprintf("The password is too short: at least %d characters.", p.MinLength)}
	case breached(normal):
		return WeakPassword{WeakLeaked, "The password is in lists of leaked passwords."}
	case strength(normal, slices.Concat(words, p.Words)) < p.Strength:
		return WeakPassword{WeakGuessable, "The password is too easy to guess: make it longer or less common."}
	}
	if p.Breached == nil {
		return nil
	}
	leaked, err := p.Breached.Leaked(ctx, normal)
	if err != nil {
		return fmt.Errorf("looking a password up: %w", err) // fail closed: an operator who named a list wants it asked
	}
	if leaked {
		return WeakPassword{WeakLeaked, "The password is in lists of leaked passwords."}
	}
	return nil
}

// strength estimates how hard a password is to guess, 0 to 4, by somebody who knows the words.
func strength(p string, words []string) int {
	runes := []rune(p)
	if len(runes) > estimated {
		runes = runes[:estimated] // the start alone is a lower bound: a longer password is no weaker
	}
	var known []string
	for _, w := range words {
		w = strings.ToLower(w)
		for _, part := range append(strings.FieldsFunc(w, func(r rune) bool { return strings.ContainsRune("._- +@", r) }), w) {
			if utf8.RuneCountInString(part) > 2 {
				known = append(known, part)
			}
		}
	}
	return zxcvbn.PasswordStrength(string(runes), known).Score
}

// Expired tells whether the account's password is older than the policy allows.
func (s *Store) Expired(a Account, now time.Time) bool {
	return s.policy.MaxAge > 0 && a.HasPassword() && now.Sub(a.PasswordChangedAt) > s.policy.MaxAge
}
