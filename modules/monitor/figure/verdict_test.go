package figure

import (
	"testing"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// What became of a request, and who said so. A refusal is no failure of the gateway, and neither is a back end that is away.
func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		about               string
		status, close       int
		problem, by, reason string
		blocked             bool
		action              string
		verdict, part       string
	}{
		{about: "an answer", status: 200, verdict: Passed},
		{about: "the back end finds nothing", status: 404, verdict: Passed},
		{about: "the back end's own error", status: 500, verdict: Backend},
		{about: "the client left", status: 499, verdict: Gone},
		{about: "no back end", status: 502, problem: "bad-gateway", by: "audit", verdict: Backend},
		{about: "all back ends are away", status: 503, problem: "unavailable", by: "audit", verdict: Backend},
		{about: "an answer that must not be sent", status: 502, problem: "response-blocked", by: "waf", verdict: Refused, part: "waf"},
		{about: "an attack", status: 403, problem: "waf-blocked", by: "waf", verdict: Refused, part: "waf"},
		{about: "an attack, of an event that does not say who refused", status: 403, problem: "forbidden", blocked: true, verdict: Refused, part: "waf"},
		{about: "not theirs", status: 403, problem: "forbidden", by: "authorize", verdict: Refused, part: "authorize"},
		{about: "nobody is signed in", status: 401, problem: "unauthenticated", by: "authorize", verdict: Asked, part: "authorize"},
		{about: "a bad token", status: 401, problem: "unauthenticated", by: "authenticate", verdict: Refused, part: "authenticate"},
		{about: "a second factor", status: 401, problem: "step-up-required", by: "authorize", verdict: Asked, part: "authorize"},
		{about: "a puzzle", status: 403, problem: "challenge-required", by: "rate_limit", verdict: Asked, part: "rate_limit"},
		{about: "too many", status: 429, problem: "quota-exceeded", by: "rate_limit", verdict: Refused, part: "rate_limit"},
		{about: "overload", status: 503, problem: "overloaded", by: "rate_limit", verdict: Failed, part: "rate_limit"},
		{about: "the policy can't be asked", status: 503, problem: "unavailable", by: "authorize", verdict: Failed, part: "authorize"},
		{about: "HTTP/3 sockets that there are not", status: 501, problem: "extended-connect", by: "client", verdict: Refused, part: "client"},
		{about: "a panic", status: 500, problem: "internal", by: "audit", reason: "panic", verdict: Failed, part: "audit"},
		{about: "a panic when the answer had begun", status: 200, reason: "panic", verdict: Failed, part: partOther},
		{about: "a body that is too large", status: 413, problem: "too-large", by: "audit", verdict: Refused, part: "client"},
		{about: "a file that is not there", status: 404, problem: "not-found", by: "audit", verdict: Passed},
		{about: "a wrong password", status: 401, problem: "wrong-credentials", by: "portal", verdict: Refused, part: "portal"},
		{about: "a form with a mistake", status: 422, problem: "weak-password", by: "portal", verdict: Passed},
		{about: "a view that is not there", status: 404, problem: "not-found", by: "console", verdict: Passed},
		{about: "the portal's database is away", status: 503, problem: "unavailable", by: "portal", verdict: Failed, part: "portal"},
		{about: "a socket", action: "websocket", status: 101, verdict: Passed},
		{about: "a socket that was closed for what it said", action: "websocket", status: 101, close: 1008, verdict: Refused, part: partSocket},
		{about: "a socket that may not open", action: "websocket", status: 403, problem: "cross-site", by: "authenticate", verdict: Refused, part: "authenticate"},
	} {
		if c.action == "" {
			c.action = "http-request"
		}
		e := &event.Event{Action: c.action, Status: c.status, Reason: c.reason, Fields: []zap.Field{
			zap.String("gateway.problem", c.problem), zap.String("gateway.problem_by", c.by), zap.Bool("gateway.waf.blocked", c.blocked), zap.Int("gateway.socket.close_code", c.close),
		}}
		s := seenOf(e)
		verdict, part := s.verdict()
		if c.part == "" && verdict == c.verdict {
			part = ""
		}
		if verdict != c.verdict || part != c.part {
			t.Errorf("%s: %s by %q, want %s by %q", c.about, verdict, part, c.verdict, c.part)
		}
		v := Values{}
		s.count(v)
		if v[Requests] != 1 || v[Passed]+v[Asked]+v[Refused]+v[Failed]+v[Backend]+v[Gone] != 1 {
			t.Errorf("%s: %v", c.about, v)
		}
	}
}

// An event says the same as it is handed over and as it was written.
func TestSeen(t *testing.T) {
	line := `{"@timestamp":"2026-11-27T12:00:00.000000Z","event.action":"http-request","event.outcome":"failure","gateway.route":"GET /a","http.response.status_code":403,` +
		`"gateway.problem":"waf-blocked","gateway.problem_by":"waf","gateway.waf.blocked":true,"gateway.decision.allow":false}`
	var e ecs.Event
	if err := e.Parse([]byte(line)); err != nil {
		t.Fatal(err)
	}
	want := seenOf(&event.Event{Action: "http-request", Outcome: event.Failure, Route: "GET /a", Status: 403, Fields: []zap.Field{
		zap.String("gateway.problem", "waf-blocked"), zap.String("gateway.problem_by", "waf"), zap.Bool("gateway.waf.blocked", true), zap.Bool("gateway.decision.allow", false),
	}})
	if got := seenIn(&e); got != want || !got.blocked || !got.decided {
		t.Errorf("%+v, want %+v", got, want)
	}
}
