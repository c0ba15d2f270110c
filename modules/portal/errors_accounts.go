package portal

import (
	"errors"
	"net/http"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/internal/problem"
)

// accountProblems are what clients learn of registrations, profiles and other people's accounts.
var accountProblems = []struct {
	err error
	problem.Problem
}{
	{account.ErrTicket, problem.Problem{Status: http.StatusGone, Type: "link-expired", Title: "The link is not valid any more"}},
	{account.ErrName, problem.Problem{Status: http.StatusUnprocessableEntity, Type: "bad-username", Title: "A user name has 2 to 32 letters, digits, dots, underscores or dashes"}},
	{lifecycle.ErrReservedName, problem.Problem{Status: http.StatusUnprocessableEntity, Type: "username-reserved", Title: "This name is kept for operators"}},
	{account.ErrEmail, problem.Problem{Status: http.StatusUnprocessableEntity, Type: "bad-email", Title: "This is no mail address"}},
	{lifecycle.ErrDomain, problem.Problem{Status: http.StatusUnprocessableEntity, Type: "domain-refused", Title: "Addresses of this domain can't register here"}},
	{account.ErrDisplayName, problem.Problem{Status: http.StatusUnprocessableEntity, Type: "bad-name", Title: "The name is too long, or has characters that can't be printed"}},
	{account.ErrLocale, problem.Problem{Status: http.StatusUnprocessableEntity, Type: "bad-locale", Title: "A language is a tag such as de or en-GB"}},
	{account.ErrRole, problem.Problem{Status: http.StatusUnprocessableEntity, Type: "bad-role", Title: "A role has 1 to 32 letters, digits, underscores or dashes"}},
	{account.ErrState, problem.Problem{Status: http.StatusUnprocessableEntity, Type: "bad-state", Title: "A state is active, disabled or approval"}},
	{account.ErrEmailTaken, problem.Problem{Status: http.StatusConflict, Type: "email-taken", Title: "Another account has this mail address"}},
	{lifecycle.ErrOneself, problem.Problem{Status: http.StatusConflict, Type: "own-account", Title: "Operators can't do this to their own account"}},
	{lifecycle.ErrLastAdmin, problem.Problem{Status: http.StatusConflict, Type: "last-admin", Title: "It is the last administrator's account"}},
	{lifecycle.ErrClosed, problem.Problem{Status: http.StatusForbidden, Type: "registration-closed", Title: "Nobody can register here without an invitation"}},
	{lifecycle.ErrNoMail, problem.Problem{Status: http.StatusForbidden, Type: "no-mail", Title: "This gateway sends no mail"}},
	{mail.ErrFull, problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: time.Minute}},
}

func accountProblem(err error) (problem.Problem, bool) {
	var missing noAccount
	var taken nameTaken
	switch {
	case errors.As(err, &missing):
		return notThere, true
	case errors.As(err, &taken):
		return problem.Problem{Status: http.StatusConflict, Type: "name-taken", Title: "The name is taken: choose another one"}, true
	}
	for _, p := range accountProblems {
		if errors.Is(err, p.err) {
			return p.Problem, true
		}
	}
	return problem.Problem{}, false
}

// nameTaken is the name of somebody who is, or was.
type nameTaken struct{ error }

func (e nameTaken) Unwrap() error { return e.error }

// named marks the error of a name that an account was to have.
func named(err error) error {
	if errors.Is(err, account.ErrExists) {
		return nameTaken{err}
	}
	return err
}

// noAccount is what is looked up by its id and is not there.
type noAccount struct{ error }

func (e noAccount) Unwrap() error { return e.error }

var notThere = problem.Problem{Status: http.StatusNotFound, Type: "no-such-account", Title: "It is not there, or not any more"}

// gone marks the error of an account, or an invitation, that was looked up by its id and is not there.
func gone(err error) error {
	if errors.Is(err, account.ErrNotFound) || errors.Is(err, account.ErrTicket) {
		return noAccount{err}
	}
	return err
}
