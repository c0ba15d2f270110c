package portal

import (
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/session"
)

func TestRefusedLogins(t *testing.T) {
	p := &people{}
	h := newHandler(t, p)
	for _, c := range []struct {
		err        error
		status     int
		kind, wait string
	}{
		{session.Throttled{RetryAfter: 90 * time.Second}, 429, "rate-limited", "90"},
		{account.ErrBusy, 503, "busy", "5"},
		{session.ErrTooMany, 409, "too-many-sessions", ""},
		{session.ChallengeRequired{Challenge: map[string]any{"kind": "work"}}, 403, "challenge-required", ""},
	} {
		p.err = c.err
		a := do(t, h, nil, "POST", "/auth/api/login", creds)
		if a.Code != c.status || a.kind() != c.kind || a.Header().Get("Retry-After") != c.wait || len(a.Result().Cookies()) != 0 {
			t.Errorf("%v: %d %s %q", c.err, a.Code, a.kind(), a.Header().Get("Retry-After"))
		}
		if challenged := strings.Contains(a.Body.String(), `"challenge":{"kind":"work"}`); challenged != (c.kind == "challenge-required") {
			t.Error(a.Body)
		}
	}
	p.err = nil
	if do(t, h, nil, "POST", "/auth/api/login", `{"username":"u","password":"p","challenge":"answer"}`); p.attempt.Challenge != "answer" {
		t.Errorf("%+v", p.attempt)
	}
}
