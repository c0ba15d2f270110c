package figure

import (
	"net/http"

	"github.com/convosphere/gateway/modules/internal/cost"
)

// Parts that are no handlers.
const (
	partBan    = "ban"
	partSocket = "socket"
	partOther  = "other" // nobody knows which
)

// partOf are the parts that answer with a problem, for events that do not name them.
var partOf = map[string]cost.Part{
	"unauthenticated": cost.Authorize, "step-up-required": cost.Authorize, "second-factor-required": cost.Authorize, "forbidden": cost.Authorize,
	"waf-blocked": cost.WAF, "response-blocked": cost.WAF, "too-many-arguments": cost.WAF,
	"quota-exceeded": cost.RateLimit, "temporary-reduced-capacity": cost.RateLimit, "abnormal-usage-detected": cost.RateLimit, "rate-limited": cost.RateLimit,
	"overloaded": cost.RateLimit, "challenge-required": cost.RateLimit, "challenge-failed": cost.RateLimit,
	"url-too-long": cost.Client, "headers-too-large": cost.Client, "too-large": cost.Client, "bad-request": cost.Client, "method-not-allowed": cost.Client,
	"invalid": cost.Validate, "upload-refused": cost.Upload, "unsupported-media-type": cost.Upload,
	"wrong-credentials": cost.Portal, "wrong-code": cost.Portal, "cross-site": cost.Authenticate, "no-role": cost.Authenticate,
}

// asks are problems that ask for something, after which the same request may pass.
var asks = map[string]bool{"step-up-required": true, "second-factor-required": true, "challenge-required": true, "session-required": true}

// verdict tells what became of a request, and which part said so where it was refused or failed.
func (s *seen) verdict() (verdict, part string) {
	if s.action == "websocket" && s.problem == "" {
		if s.close == 1008 || s.close == 1009 {
			return Refused, partSocket
		}
		return Passed, ""
	}
	switch {
	case s.reason == "panic":
		return Failed, s.part()
	case s.problem == "":
		return s.answered()
	case s.by == cost.Audit.String():
		return s.returned()
	case s.status == http.StatusBadGateway: // an answer of the back end's that must not be sent
		return Refused, s.part()
	case s.status >= 500 && s.status != http.StatusNotImplemented:
		return Failed, s.part()
	case asks[s.problem], s.problem == "unauthenticated" && s.part() != cost.Authenticate.String():
		return Asked, s.part()
	case (s.by == cost.Portal.String() || s.by == cost.Console.String()) && s.status != http.StatusUnauthorized && s.status != http.StatusForbidden && s.status != http.StatusTooManyRequests:
		return Passed, "" // a form with a mistake, a page that is not there
	}
	return Refused, s.part()
}

// answered is a request that no part of the gateway answered with a problem.
func (s *seen) answered() (verdict, part string) {
	switch {
	case s.ended:
		return Refused, cost.WAF.String()
	case s.status == 499: // nginx's word, which events have
		return Gone, ""
	case s.status >= 500:
		return Backend, ""
	}
	return Passed, ""
}

// returned is one that a handler gave back with an error, which gw_audit wrote: the proxy, a file server, or gw_client about a body.
func (s *seen) returned() (verdict, part string) {
	switch s.status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Backend, ""
	case http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge:
		return Refused, cost.Client.String()
	}
	if s.status >= 500 {
		return Failed, cost.Audit.String()
	}
	return Passed, ""
}

func (s *seen) part() string {
	if s.by != "" {
		return s.by
	}
	if s.blocked {
		return cost.WAF.String()
	}
	if p, ok := partOf[s.problem]; ok {
		return p.String()
	}
	return partOther
}
