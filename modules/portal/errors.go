package portal

import (
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/problem"
)

// fail answers with an error of the identity app or of the body.
func (h *Handler) fail(c *call, err error) {
	var stale session.NotFresh
	if errors.As(err, &stale) {
		askStepUp(c, stale)
		return
	}
	p := problemOf(err)
	switch p.Status {
	case http.StatusUnauthorized:
		c.w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusServiceUnavailable:
		if c.r.Context().Err() == nil && !errors.Is(err, account.ErrBusy) { // a flood of logins is not to be one of log lines, too
			h.logger.Error("the portal could not answer", zap.Error(err), zap.String("route", c.rc.Route), zap.String("request_id", c.rc.ID))
		}
	}
	problem.Write(c.w, c.r, p)
}

// problemOf says what the client learns of an error. A wrong login is always the same answer, whatever was wrong with it.
func problemOf(err error) problem.Problem {
	var body *badBody
	var weak account.WeakPassword
	var throttled session.Throttled
	var challenge session.ChallengeRequired
	if p, ok := tokenProblem(err); ok {
		return p
	}
	if p, ok := reportProblem(err); ok {
		return p
	}
	if p, ok := serviceProblem(err); ok {
		return p
	}
	if p, ok := accountProblem(err); ok {
		return p
	}
	if p, ok := linkProblem(err); ok {
		return p
	}
	if p, ok := emergencyProblem(err); ok {
		return p
	}
	switch {
	case errors.As(err, &body):
		return problem.Problem{Status: body.status, Title: body.title}
	case errors.As(err, &weak):
		return problem.Problem{Status: http.StatusUnprocessableEntity, Type: "weak-password", Title: "The password is too weak", Extra: map[string]any{"reason": weak.Reason, "weakness": weak.Kind}}
	case errors.As(err, &throttled):
		return problem.Problem{Status: http.StatusTooManyRequests, RetryAfter: max(throttled.RetryAfter, time.Second)}
	case errors.Is(err, session.ErrCredentials):
		return problem.Problem{Status: http.StatusUnauthorized, Type: "wrong-credentials", Title: "The user name or the password is wrong"}
	case errors.Is(err, session.ErrCode):
		return problem.Problem{Status: http.StatusUnauthorized, Type: "wrong-code", Title: "The code is wrong or was used before"}
	case errors.Is(err, session.ErrSession):
		return problem.Problem{Status: http.StatusUnauthorized, Type: "session-ended", Title: "The session has ended"}
	case errors.Is(err, factor.ErrKey):
		return problem.Problem{Status: http.StatusUnauthorized, Type: "key-refused", Title: "The security key or passkey was not accepted"}
	case errors.Is(err, session.ErrChallenge):
		return problem.Problem{Status: http.StatusConflict, Type: "challenge-expired", Title: "The challenge has expired or was used: begin again"}
	case errors.Is(err, factor.ErrNoKey):
		return problem.Problem{Status: http.StatusConflict, Type: "no-key-for-this-site", Title: "The account has no security key or passkey for this site"}
	case errors.Is(err, factor.ErrSite):
		return problem.Problem{Status: http.StatusConflict, Type: "no-keys-here", Title: "This site's name can have no security keys or passkeys"}
	case errors.Is(err, factor.ErrName):
		return problem.Problem{Status: http.StatusUnprocessableEntity, Type: "bad-name", Title: "The name is too long, or has characters that can't be printed"}
	case errors.Is(err, factor.ErrMany):
		return problem.Problem{Status: http.StatusConflict, Type: "too-many-factors", Title: "The account has as many second factors as it may"}
	case errors.Is(err, session.ErrFactor):
		return problem.Problem{Status: http.StatusNotFound, Type: "no-such-factor", Title: "There is no such second factor"}
	case errors.Is(err, session.ErrRequired):
		return problem.Problem{Status: http.StatusConflict, Type: "second-factor-required", Title: "Your role must have a second factor: add another one first"}
	case errors.As(err, &challenge):
		return problem.Problem{Status: http.StatusForbidden, Type: "challenge-required", Title: "Solve the challenge first", Extra: map[string]any{"challenge": challenge.Challenge}}
	case errors.Is(err, account.ErrBusy):
		return problem.Problem{Status: http.StatusServiceUnavailable, Type: "busy", Title: "Too many people are signing in right now", RetryAfter: 5 * time.Second}
	case errors.Is(err, session.ErrNotFound):
		return problem.Problem{Status: http.StatusNotFound}
	case errors.Is(err, session.ErrTooMany):
		return problem.Problem{Status: http.StatusConflict, Type: "too-many-sessions", Title: "There are too many sessions: end one of them first"}
	case errors.Is(err, account.ErrExists):
		return problem.Problem{Status: http.StatusConflict, Type: "second-factor-exists", Title: "There is a second factor already"}
	case errors.Is(err, account.ErrNotFound):
		return problem.Problem{Status: http.StatusConflict, Type: "no-second-factor", Title: "There is no second factor"}
	}
	return problem.Problem{Status: http.StatusServiceUnavailable, RetryAfter: 5 * time.Second} // fail closed
}

// listed is the problem that stands for the error in a table.
func listed(err error, table map[error]problem.Problem) (problem.Problem, bool) {
	for known, p := range table {
		if errors.Is(err, known) {
			return p, true
		}
	}
	return problem.Problem{}, false
}
