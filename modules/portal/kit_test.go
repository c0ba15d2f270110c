package portal

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/device"
	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// people is a gw_identity whose answers the test chooses, and a gw_policy.
type people struct {
	err     error // of every call
	asked   []string
	profile account.Profile
	open    []session.Open
	devices []device.Device
	granted *session.Result  // of every login; nil: granted()
	device  string           // the device cookie of every login
	attempt session.Attempt  // the last
	flow    federation.Start // of every answer of a provider
	decide  func(*engine.Input) engine.Decision
	alone   bool // it is no authorization server
}

func granted() session.Result {
	now := time.Now()
	return session.Result{
		Tokens:   &session.Tokens{Access: "ACCESS", AccessExpires: now.Add(5 * time.Minute), Refresh: "REFRESH", RefreshExpires: now.Add(30 * time.Minute)},
		Identity: &reqctx.Identity{Subject: "1", Name: "ursula", Roles: []string{"user"}},
	}
}

func (p *people) result(call string) (session.Result, error) {
	p.asked = append(p.asked, call)
	if p.err != nil {
		return session.Result{}, p.err
	}
	if p.granted != nil {
		return *p.granted, nil
	}
	r := granted()
	r.Device, r.DeviceExpires = p.device, time.Now().Add(time.Hour)
	return r, nil
}

func (p *people) Login(_ context.Context, a session.Attempt) (session.Result, error) {
	p.attempt = a
	return p.result("login " + a.Username + " " + a.Password)
}

func (p *people) Refresh(_ context.Context, r string) (session.Result, error) {
	return p.result("refresh " + r)
}

func (p *people) Logout(_ context.Context, r, sid string) error {
	p.asked = append(p.asked, "logout "+r+" "+sid)
	return p.err
}

func (p *people) Profile(context.Context, *reqctx.Identity) (account.Profile, error) {
	return p.profile, p.err
}

func (p *people) ChangePassword(_ context.Context, _ *reqctx.Identity, old, new string) error {
	p.asked = append(p.asked, "password "+old+" "+new)
	return p.err
}

func (p *people) JWKS() []byte { return []byte(`{"keys":[]}`) }

func (p *people) Decide(_ context.Context, in *engine.Input) engine.Decision {
	if p.decide != nil {
		return p.decide(in)
	}
	return engine.Decision{Allow: in.Permission == public || in.Permission == self && in.Identity != nil}
}

func newHandler(t *testing.T, p *people) *Handler {
	t.Helper()
	bus, err := event.Open(event.Options{Dir: filepath.Join(t.TempDir(), "events")})
	if err != nil {
		t.Fatal(err)
	}
	g := ground.New(&ground.Ground{Events: bus}, func() { _ = bus.Close() })
	t.Cleanup(g.Release)
	l, err := newLook(Theme{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Handler{Brand: "Acme", Home: "/", SecurityText: &SecurityText{Contacts: []string{"mailto:security@acme.example"}}, look: l, identity: p, policy: p, reports: noReports{}, csrf: http.NewCrossOriginProtection(), ground: g, logger: zap.NewNop()}
}

var ursula = &reqctx.Identity{Subject: "1", Name: "ursula", Kind: reqctx.KindPerson, Roles: []string{"user"}, Session: "S", Expires: time.Now().Add(time.Minute), Cookie: true}

// answered is what became of a request; passed: it was none of the portal's.
type answered struct {
	*httptest.ResponseRecorder
	passed bool
	rc     *reqctx.Request
}

func (a answered) kind() string {
	var p struct{ Type string }
	_ = json.Unmarshal(a.Body.Bytes(), &p)
	return strings.TrimPrefix(p.Type, "urn:gateway:problem:")
}

func do(t *testing.T, h *Handler, id *reqctx.Identity, method, path, body string, headers ...string) answered {
	t.Helper()
	r := httptest.NewRequest(method, "https://gw.example"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	r, rc := reqctx.Ensure(r)
	rc.Identity, rc.LoginURL = id, "/auth/login"
	a := answered{ResponseRecorder: httptest.NewRecorder(), rc: rc}
	err := h.ServeHTTP(a, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		a.passed = true
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return a
}
