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
	// ErrCode is a wrong second-factor code, or one that was used before.
	ErrCode = errors.New("the code is wrong or was used before")
	// ErrName is a user name that can't be: 2 to 32 of a-z, 0-9, dot, underscore and dash, a letter or digit at both ends.
	ErrName = errors.New("a user name has 2 to 32 letters a-z, digits, dots, underscores or dashes, and begins and ends with a letter or digit")
	// ErrRole is a role name that can't be.
	ErrRole = errors.New("a role has 1 to 32 letters a-z, digits, underscores or dashes, and begins with a letter")
)

// WeakPassword refuses a new password. Reason is for the person who chose it.
type WeakPassword struct{ Reason string }

func (w WeakPassword) Error() string { return w.Reason }

// Throttled refuses a try because too many before it were wrong.
type Throttled struct{ RetryAfter time.Duration }

func (t Throttled) Error() string {
	return fmt.Sprintf("too many wrong tries: wait %s", t.RetryAfter.Round(time.Second))
}
