package portal

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// deciding answers as the policy does for whoever may take emergency access, may after a second factor, or may not.
func deciding(d engine.Decision) func(*engine.Input) engine.Decision {
	return func(in *engine.Input) engine.Decision {
		if in.Permission == breakGlass {
			return d
		}
		return engine.Decision{Allow: in.Permission == public || in.Permission == self && in.Identity != nil}
	}
}

var (
	mayTake    = engine.Decision{Allow: true}
	mayStepUp  = engine.Decision{Obligations: engine.Obligations{StepUp: true, MaxAge: 10 * time.Minute}}
	mayNot     = engine.Decision{Reason: "no role permits it"}
	undecided  = engine.Decision{Failure: engine.Timeout}
	why        = "an abuse report, number 4711"
	reasonBody = `{"reason":"` + why + `"}`
)

func TestEmergencyAccess(t *testing.T) {
	for name, c := range map[string]struct {
		policy       engine.Decision
		method, body string
		err          error
		status       int
		kind, asked  string
	}{
		"taken":              {mayTake, "POST", reasonBody, nil, 200, "", "take-glass " + why},
		"not allowed":        {mayNot, "POST", reasonBody, nil, 403, "forbidden", ""},
		"no second factor":   {mayStepUp, "POST", reasonBody, nil, 401, "step-up-required", ""},
		"no decision":        {undecided, "POST", reasonBody, nil, 503, "unavailable", ""},
		"an ambiguous query": {engine.Decision{Failure: engine.Ambiguous}, "POST", reasonBody, nil, 400, "bad-request", ""},
		"no reason":          {mayTake, "POST", `{}`, nil, 422, "invalid", ""},
		"an empty reason":    {mayTake, "POST", `{"reason":""}`, nil, 422, "invalid", ""},
		"a bad reason":       {mayTake, "POST", `{"reason":"short"}`, grant.ErrReason, 422, "bad-reason", "take-glass short"},
		"another member":     {mayTake, "POST", `{"reason":"` + why + `","until":"2099"}`, nil, 422, "invalid", ""},
		"reason given twice": {mayTake, "POST", `{"reason":"a","reason":"b"}`, nil, 400, "bad-request", ""},
		"not stored":         {mayTake, "POST", reasonBody, errors.New("dial tcp 10.0.0.1"), 503, "unavailable", "take-glass " + why},
		"asked for":          {mayNot, "GET", "", nil, 200, "", "glass"},
		"given back":         {mayNot, "DELETE", "", nil, 204, "", "end-glass"}, // also by who may no longer take it
		"not given back":     {mayNot, "DELETE", "", errors.New("down"), 503, "unavailable", "end-glass"},
	} {
		p := &people{err: c.err, decide: deciding(c.policy)}
		a := do(t, newHandler(t, p), ursula, c.method, breakGlassPath, c.body)
		if a.Code != c.status || c.kind != a.kind() || strings.Join(p.asked, "|") != c.asked || strings.Contains(a.Body.String(), "10.0.0.1") {
			t.Errorf("%s: %d %s, asked %q", name, a.Code, a.Body, p.asked)
		}
		if c.status == 200 && !strings.Contains(a.Body.String(), `{"active":true,"until":"2023-11-14T22:13:20Z"}`) {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
}

// Whatever the policy says, it is nothing for tokens, services and other issuers' people.
func TestEmergencyAccessIsForSessions(t *testing.T) {
	for name, change := range map[string]func(*reqctx.Identity){
		"a token":          func(id *reqctx.Identity) { id.Scopes = []string{"break-glass", "account:self"} },
		"a service":        func(id *reqctx.Identity) { id.Kind = reqctx.KindService },
		"another issuer's": func(id *reqctx.Identity) { id.Kind, id.Issuer = reqctx.KindForeign, "https://idp.example" },
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			id := *ursula
			change(&id)
			p := &people{decide: func(*engine.Input) engine.Decision { return mayTake }}
			if a := do(t, newHandler(t, p), &id, method, breakGlassPath, reasonBody); a.Code != 403 || len(p.asked) > 0 {
				t.Errorf("%s, %s: %d, asked %q", name, method, a.Code, p.asked)
			}
		}
	}
}

func TestEmergencyFormIsForWhoMay(t *testing.T) {
	for name, c := range map[string]struct {
		policy engine.Decision
		shown  bool
	}{"may": {mayTake, true}, "may after a step up": {mayStepUp, true}, "may not": {mayNot, false}, "undecided": {undecided, false}} {
		p := &people{profile: account.Profile{Username: "ursula", Roles: []string{"user"}}, decide: deciding(c.policy)}
		for _, path := range []string{"/auth/account", "/auth/account/security"} {
			body := do(t, newHandler(t, p), ursula, "GET", path, "").Body.String()
			if got, want := strings.Contains(body, `id="emergency-form"`), c.shown && path == "/auth/account"; got != want {
				t.Errorf("%s, %s: the form is there: %v", name, path, got)
			}
		}
		if slices.ContainsFunc(p.asked, func(s string) bool { return strings.Contains(s, "glass") }) {
			t.Errorf("%s: the page itself asked %q", name, p.asked)
		}
	}
}

// A moderator takes it after a second factor, in one session.
func TestEmergencyAccessWithRealApps(t *testing.T) {
	s := start(t)
	signIn := func(offset time.Duration) (c holder) {
		t.Helper()
		r := s.call(t, browser(t), "POST", "/auth/api/login", map[string]string{"username": "mona", "password": password, "delivery": "body"})
		ticket, _ := r.body["mfa_token"].(string)
		r = s.call(t, browser(t), "POST", "/auth/api/mfa/totp", map[string]string{"mfa_token": ticket, "code": code(t, s.secret, time.Now().Add(offset)), "delivery": "body"})
		access, _ := r.body["access_token"].(string)
		if access == "" {
			t.Fatal(r.StatusCode, r.raw)
		}
		return holder{s, "Bearer " + access}
	}
	mona := signIn(0)
	if r := mona.glass(t, "GET", nil); r.StatusCode != 200 || r.body["active"] != false || r.body["until"] != nil {
		t.Fatal(r.StatusCode, r.raw)
	}
	for _, reason := range []string{"short", strings.Repeat("x", 501), "with a \x1b[31m color"} {
		if r := mona.glass(t, "POST", map[string]string{"reason": reason}); r.StatusCode != 422 || r.kind() != "bad-reason" {
			t.Errorf("%q: %d %s", reason, r.StatusCode, r.raw)
		}
	}
	began := time.Now()
	r := mona.glass(t, "POST", map[string]string{"reason": why})
	until, err := time.Parse(time.RFC3339, r.body["until"].(string))
	if r.StatusCode != 200 || err != nil || until.Sub(began) < 14*time.Minute || until.Sub(began) > 16*time.Minute {
		t.Fatal(r.StatusCode, r.raw, err)
	}
	if r := mona.glass(t, "GET", nil); r.body["active"] != true || r.body["until"] != until.Format(time.RFC3339) {
		t.Error(r.raw)
	}
	if r := signIn(30*time.Second).glass(t, "GET", nil); r.body["active"] != false {
		t.Error("another session has it:", r.raw)
	}
	if r := mona.glass(t, "DELETE", nil); r.StatusCode != 204 {
		t.Error(r.StatusCode, r.raw)
	}
	if r := mona.glass(t, "GET", nil); r.body["active"] != false {
		t.Error("it stays:", r.raw)
	}
	// Users may not; an admin without a second factor is asked for one.
	for name, want := range map[string]int{"ursula": 403, "otto": 401} {
		r := s.call(t, browser(t), "POST", "/auth/api/login", map[string]string{"username": name, "password": password, "delivery": "body"})
		access, _ := r.body["access_token"].(string)
		if r := (holder{s, "Bearer " + access}).glass(t, "POST", map[string]string{"reason": why}); r.StatusCode != want {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.raw)
		}
	}
}

// holder is somebody who has signed in.
type holder struct {
	site          site
	authorization string
}

func (s holder) glass(t *testing.T, method string, body any) reply {
	t.Helper()
	return s.site.call(t, browser(t), method, breakGlassPath, body, "Authorization", s.authorization)
}
