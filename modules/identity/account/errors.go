package account

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrExists is a user name, or a second factor, that is there already.
	ErrExists = errors.New("it exists already")
	// ErrNotFound is an account, or its second factor, that is not there.
	ErrNotFound = errors.New("not found")
	// ErrState is a state that no account can be in.
	ErrState = errors.New("a state is one of active, disabled or approval")
	// ErrCode is a wrong second-factor code, or one that was used before.
	ErrCode = errors.New("the code is wrong or was used before")
	// ErrName is a user name that can't be: 2 to 32 of a-z, 0-9, dot, underscore and dash, a letter or digit at both ends.
	ErrName = errors.New("a user name has 2 to 32 letters a-z, digits, dots, underscores or dashes, and begins and ends with a letter or digit")
	// ErrEmail is what can't be a mail address here.
	ErrEmail = errors.New("this is no mail address that mail can be sent to")
	// ErrEmailTaken is a mail address that another account has.
	ErrEmailTaken = errors.New("another account has this mail address")
	// ErrDisplayName is a name to show that can't be: up to 64 characters, none of them invisible.
	ErrDisplayName = errors.New("a name to show has at most 64 characters, and none that are invisible")
	// ErrLocale is no language tag.
	ErrLocale = errors.New("a language is a tag such as de or en-GB")
	// ErrBusy refuses to compute a password hash, since too many wait for theirs.
	ErrBusy = errors.New("too many passwords wait to be hashed")
	// ErrRole is a role name that can't be.
	ErrRole = errors.New("a role has 1 to 32 letters a-z, digits, underscores or dashes, and begins with a letter")
)

// NotWaiting is an account that is not found among those that wait for approval.
type NotWaiting struct{}

func (NotWaiting) Error() string { return "it waits for no approval" }
func (NotWaiting) Unwrap() error { return ErrNotFound }

// WeakPassword refuses a new password. Reason is for the person who chose it, in English; Kind is for who says it in another language.
type WeakPassword struct{ Kind, Reason string }

// Kinds of weak passwords.
const (
	WeakBytes     = "bytes"     // no characters
	WeakLong      = "long"      // too long
	WeakShort     = "short"     // too short
	WeakLeaked    = "leaked"    // in lists of leaked ones
	WeakGuessable = "guessable" // easy to guess
	WeakSame      = "same"      // the old one
	WeakEarlier   = "earlier"   // one that the person had before
)

func (w WeakPassword) Error() string { return w.Reason }

// Throttled refuses a try because too many before it were wrong.
type Throttled struct{ RetryAfter time.Duration }

func (t Throttled) Error() string {
	return fmt.Sprintf("too many wrong tries: wait %s", t.RetryAfter.Round(time.Second))
}
