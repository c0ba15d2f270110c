// Package session is who is signed in: logins in one or two steps, sessions that live in the database, refresh tokens that rotate,
// and the news that a session has ended, which reaches every process within a second.
//
// A session has an id (no secret: it stands in tokens and events), a refresh token (a secret, stored hashed) and access
// tokens (JWTs, package token). Whoever holds the id alone holds nothing.
package session

import (
	"errors"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Attempt is one try to sign in. For second steps only the client's part is read.
type Attempt struct {
	Username  string // as typed
	Password  string
	Host      string // of the request, with its port: security keys are bound to it
	Client    reqctx.Client
	UserAgent string // stored with the session, cut at 256 bytes
	RequestID string // for the event
	TraceID   string // for the event, "" none

	Challenge string // the answer to a ChallengeRequired; "" none

	Browser        bool   // it can keep a cookie for its device
	Device         string // the device cookie; several are joined by "~"
	Remember       bool   // the session is to last as long as Config.Remember allows
	RememberDevice bool   // where the login has a second factor: not to be asked for it on this device for Config.TrustDevice

	known string // the id of the account's own device that Device is of; "" none, or it was not looked for
}

// Tokens is what a client carries from now on.
type Tokens struct {
	Access         string    // JWT
	AccessExpires  time.Time // of Access
	Refresh        string    // opaque, for one use
	RefreshExpires time.Time // when the session ends unless it is refreshed before
}

// Result of a step: either Tokens and Identity are set, or MFAToken and Factors, or NewPassword.
type Result struct {
	Tokens   *Tokens
	Identity *reqctx.Identity
	MFAToken string   // proves the first step, for five minutes and one success
	Factors  []string // what may be given as the second: totp, webauthn, recovery
	Enrol    bool     // the second step is to enrol one of Factors: the account has none, and its role must have one

	NewPassword string // the password has expired: a ticket to set another one, and then log in again

	Device        string    // the device cookie to keep; "" leaves it as it is
	DeviceExpires time.Time // of the cookie
}

// Enrolment is a second factor on its way: shown once, kept for ten minutes, in force when ConfirmTOTP has seen a code of it.
type Enrolment struct {
	Token  string // for ConfirmTOTP
	Secret string // base32, to type
	URI    string // otpauth://, to scan
}

var (
	// ErrCredentials is a wrong name, a wrong password or a disabled account: which one, nobody is told.
	ErrCredentials = errors.New("the user name or the password is wrong")
	// ErrCode is a wrong second-factor code, or one that was used before.
	ErrCode = account.ErrCode
	// ErrSession is a session, refresh token or mfa token that is unknown, has expired or has ended.
	ErrSession = errors.New("the session has ended")
	// ErrTooMany refuses a login of an account that has as many sessions as it may.
	ErrTooMany = errors.New("the account has as many sessions as it may")
	// ErrNotFound is another session, or a device, that the account does not have.
	ErrNotFound = errors.New("there is no such session or device")
)

// Throttled refuses a try because too many before it were wrong.
type Throttled = account.Throttled
