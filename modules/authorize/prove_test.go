package authorize

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/measure/measuretest"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// A stolen session gets no further once a response asks for a second factor: one that was given before it is none, and one given after it is.
func TestASecondFactorThatAResponseAsksFor(t *testing.T) {
	g := newGround()
	g.Measures = measuretest.Open(t)
	h := &Handler{ground: g, now: time.Now}
	measuretest.Put(t, g.Measures, measure.User, "u1", measure.SecondFactor)
	measuretest.Put(t, g.Measures, measure.Session, "s2", measure.SecondFactor)
	now := time.Now()
	for name, c := range map[string]struct {
		id      *reqctx.Identity
		allowed bool
	}{
		"no factor":           {&reqctx.Identity{Subject: "u1", Session: "s1", Kind: reqctx.KindPerson}, false},
		"an earlier password": {&reqctx.Identity{Subject: "u1", Session: "s1", Kind: reqctx.KindPerson, AuthTime: now.Add(-time.Minute)}, false},
		"a later password":    {&reqctx.Identity{Subject: "u1", Session: "s1", Kind: reqctx.KindPerson, AuthTime: now}, true}, // who has no second factor is not shut out
		"a remembered device": {&reqctx.Identity{Subject: "u1", Session: "s1", Kind: reqctx.KindPerson, AuthTime: now, Trusted: true}, false},
		"not the factor":      {&reqctx.Identity{Subject: "u1", Session: "s1", Kind: reqctx.KindPerson, AuthTime: now, MFATime: now.Add(-time.Minute)}, false},
		"an earlier factor":   {&reqctx.Identity{Subject: "u1", Session: "s1", Kind: reqctx.KindPerson, MFATime: now.Add(-time.Minute)}, false},
		"another's session":   {&reqctx.Identity{Subject: "u2", Session: "s2", Kind: reqctx.KindPerson, MFATime: now.Add(-time.Minute)}, false},
		"given since":         {&reqctx.Identity{Subject: "u1", Session: "s3", Kind: reqctx.KindPerson, MFATime: now.Truncate(time.Second)}, true},
		"somebody else":       {&reqctx.Identity{Subject: "u2", Session: "s4", Kind: reqctx.KindPerson}, true},
		"a program":           {&reqctx.Identity{Subject: "u1", Session: "s5", Kind: reqctx.KindService}, true},
		"nobody is signed in": {nil, true},
	} {
		rc, d := &reqctx.Request{Identity: c.id}, engine.Decision{Allow: true}
		h.prove(rc, &d)
		if d.Allow != c.allowed {
			t.Errorf("%s: allowed %t", name, d.Allow)
		}
		if !c.allowed && (!d.Obligations.StepUp || d.Obligations.MaxAge < time.Second) {
			t.Errorf("%s: %+v", name, d.Obligations)
		}
	}
	refused := engine.Decision{Reason: "no"}
	if h.prove(&reqctx.Request{Identity: &reqctx.Identity{Subject: "u1", Kind: reqctx.KindPerson}}, &refused); refused.Reason != "no" {
		t.Error("what the policy refuses is asked a factor for")
	}
}

// The client is told what to do, as where the policy asks for it.
func TestAResponseAsksForAStepUp(t *testing.T) {
	e := newEnv(t, small, "")
	g := e.ground()
	g.Measures = measuretest.Open(t)
	e.expect(http.StatusOK, "GET", "/", "ursula/user")
	measuretest.Put(t, g.Measures, measure.User, lastSeen().Identity.Subject, measure.SecondFactor)
	for user, acr := range map[string]string{"ursula/user/old": reqctx.ACRSingle, "ursula/user/remembered": reqctx.ACRMulti} {
		r := e.expect(http.StatusUnauthorized, "GET", "/", user)
		if asked := r.header.Get("WWW-Authenticate"); r.problem() != "step-up-required" || !strings.Contains(asked, `acr_values="`+acr+`"`) || !strings.Contains(asked, "max_age") {
			t.Error(user, r.problem(), asked)
		}
	}
	e.expect(http.StatusOK, "GET", "/", "ursula/user")
	e.expect(http.StatusOK, "GET", "/", "ursula/user/mfa")
	e.expect(http.StatusOK, "GET", "/", "bob/user")
}
