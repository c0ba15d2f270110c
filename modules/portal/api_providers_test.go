package portal

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func (p *people) LoginProviders() []federation.Offer {
	return []federation.Offer{{ID: "corp", Name: "Corp"}}
}

func (p *people) begun(what, provider, redirect, returnTo string) (string, string, error) {
	p.asked = append(p.asked, strings.Join([]string{what, provider, redirect, returnTo}, " "))
	if provider != "corp" {
		return "", "", federation.ErrProvider
	}
	return "https://idp.example/authorize?x=1", "FLOW", p.err
}

func (p *people) BeginProvider(_ context.Context, provider, redirect, returnTo string) (string, string, error) {
	return p.begun("begin", provider, redirect, returnTo)
}

func (p *people) BeginLink(_ context.Context, _ *reqctx.Identity, provider, redirect, returnTo string) (string, string, error) {
	return p.begun("begin-link", provider, redirect, returnTo)
}

func (p *people) BeginProviderStepUp(_ context.Context, _ *reqctx.Identity, provider, redirect, returnTo string) (string, string, error) {
	return p.begun("begin-again", provider, redirect, returnTo)
}

func (p *people) FinishProvider(_ context.Context, provider string, query url.Values, cookie string, _ *reqctx.Identity, a session.Attempt) (federation.Start, session.Result, error) {
	p.attempt = a
	r, err := p.result("finish " + provider + " " + query.Get("code") + " " + cookie)
	if err != nil {
		r = session.Result{}
	}
	return p.flow, r, err
}

func (p *people) Links(context.Context, *reqctx.Identity) ([]federation.Linked, error) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return []federation.Linked{{ID: "L1", Provider: "corp", Label: "ada@corp.example", CreatedAt: at, UsedAt: at}, {ID: "L2", Provider: "old", CreatedAt: at}}, p.err
}

func (p *people) Unlink(_ context.Context, _ *reqctx.Identity, link string) error {
	p.asked = append(p.asked, "unlink "+link)
	return p.err
}

func cookiesOf(a answered) map[string]string {
	all := map[string]string{}
	for _, c := range a.Result().Cookies() {
		all[c.Name] = c.Value
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			all[c.Name] += " (weak)"
		}
	}
	return all
}

func TestStartProvider(t *testing.T) {
	p := &people{}
	h := newHandler(t, p)
	a := do(t, h, nil, "GET", "/auth/oidc/corp/start?return_to=/rooms?x=1", "")
	if a.Code != 303 || a.Header().Get("Location") != "https://idp.example/authorize?x=1" || cookiesOf(a)[flowCookie] != "FLOW" || a.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%d %v", a.Code, a.Header())
	}
	if p.asked[0] != "begin corp https://gw.example/auth/oidc/corp/callback /rooms?x=1" {
		t.Errorf("%q", p.asked)
	}
	for _, to := range []string{"https://evil.example", "//evil.example", "/\\evil.example", "/auth/login", "javascript:alert(1)"} {
		p.asked = nil
		do(t, h, nil, "GET", "/auth/oidc/corp/start?"+url.Values{"return_to": {to}}.Encode(), "")
		if len(p.asked) != 1 || !strings.HasSuffix(p.asked[0], "/callback /") {
			t.Errorf("%s: %q", to, p.asked)
		}
	}
	// Another site's page signs nobody in.
	for _, site := range []string{"cross-site", "same-site", "x"} {
		p.asked = nil
		a := do(t, h, nil, "GET", "/auth/oidc/corp/start?return_to=/rooms", "", "Sec-Fetch-Site", site)
		if len(p.asked) != 0 || a.Header().Get("Location") != "/auth/login?return_to=%2Frooms" {
			t.Errorf("%s: %q %v", site, p.asked, a.Header())
		}
	}
	if a := do(t, h, nil, "GET", "/auth/oidc/none/start", ""); a.Code != 404 {
		t.Errorf("unknown: %d", a.Code)
	}
	p.err = context.DeadlineExceeded
	if a := do(t, h, nil, "GET", "/auth/oidc/corp/start", ""); a.Code != 303 || !strings.HasSuffix(a.Header().Get("Location"), "#error=provider-unavailable") || len(cookiesOf(a)) != 0 {
		t.Errorf("down: %d %v", a.Code, a.Header())
	}
}

func TestProviderAnswer(t *testing.T) {
	const callback = "/auth/oidc/corp/callback?code=C&state=S"
	login := federation.Start{Purpose: federation.Login, ReturnTo: "/rooms"}
	for name, c := range map[string]struct {
		flow    federation.Start
		err     error
		res     *session.Result
		headers []string
		to      string
		tokens  bool // the browser gets a session
		asked   string
		cleared bool
	}{
		"signed in":      {flow: login, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/rooms", tokens: true, asked: "finish corp C FLOW", cleared: true},
		"over a session": {flow: login, headers: []string{"Cookie", flowCookie + "=FLOW; __Secure-gw_refresh=OLD; __Host-gw_session=OLD"}, to: "/rooms", tokens: true, asked: "finish corp C FLOW,logout OLD ", cleared: true},
		"without cookie": {flow: login, to: "/auth/login?return_to=%2F#error=provider-expired", cleared: true},
		"two cookies":    {flow: login, headers: []string{"Cookie", flowCookie + "=FLOW; " + flowCookie + "=EVIL"}, to: "/auth/login?return_to=%2F#error=provider-expired", cleared: true},
		"another flow":   {err: federation.ErrFlow, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/auth/login?return_to=%2F#error=provider-expired", asked: "finish corp C FLOW"},
		"denied":         {flow: login, err: federation.ErrDenied, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/auth/login?return_to=%2Frooms#error=provider-denied", asked: "finish corp C FLOW", cleared: true},
		"refused":        {flow: login, err: federation.ErrRefused, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/auth/login?return_to=%2Frooms#error=provider-refused", asked: "finish corp C FLOW", cleared: true},
		"link first":     {flow: login, err: session.ErrLinkFirst, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/auth/login?return_to=%2Frooms#error=link-first", asked: "finish corp C FLOW", cleared: true},
		"disabled":       {flow: login, err: session.ErrCredentials, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/auth/login?return_to=%2Frooms#error=wrong-credentials", asked: "finish corp C FLOW", cleared: true},
		"database down":  {flow: login, err: context.DeadlineExceeded, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/auth/login?return_to=%2Frooms#error=provider-unavailable", asked: "finish corp C FLOW", cleared: true},
		"second factor":  {flow: login, res: &session.Result{MFAToken: "M", Factors: []string{"totp", "webauthn"}}, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/auth/login?return_to=%2Frooms#factors=totp%2Cwebauthn&mfa_token=M&status=mfa_required", asked: "finish corp C FLOW", cleared: true},
		"must enrol":     {flow: login, res: &session.Result{MFAToken: "M", Enrol: true, Factors: []string{"totp"}}, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/auth/login?return_to=%2Frooms#factors=totp&mfa_token=M&status=enrol_required", asked: "finish corp C FLOW", cleared: true},
		"evil return":    {flow: federation.Start{Purpose: federation.Login, ReturnTo: "//evil.example"}, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/", tokens: true, asked: "finish corp C FLOW", cleared: true},
		"linked":         {flow: federation.Start{Purpose: federation.Link, ReturnTo: "/auth/account/security"}, res: &session.Result{}, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/auth/account/security#linked", asked: "finish corp C FLOW", cleared: true},
		"link taken":     {flow: federation.Start{Purpose: federation.Link, ReturnTo: "/auth/account/security"}, err: session.ErrLinked, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/auth/account/security#error=link-taken", asked: "finish corp C FLOW", cleared: true},
		"stepped up":     {flow: federation.Start{Purpose: federation.Again, ReturnTo: "/rooms"}, headers: []string{"Cookie", flowCookie + "=FLOW; __Secure-gw_refresh=OLD; __Host-gw_session=OLD"}, to: "/rooms", tokens: true, asked: "finish corp C FLOW", cleared: true},
		"another person": {flow: federation.Start{Purpose: federation.Again, ReturnTo: "/rooms"}, err: session.ErrOtherPerson, headers: []string{"Cookie", flowCookie + "=FLOW"}, to: "/rooms#error=other-person", asked: "finish corp C FLOW", cleared: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := &people{flow: c.flow, err: c.err, granted: c.res}
			a := do(t, newHandler(t, p), nil, "GET", callback, "", c.headers...)
			set := cookiesOf(a)
			_, cleared := set[flowCookie]
			if a.Code != 303 || a.Header().Get("Location") != c.to || (set[accessCookie] == "ACCESS") != c.tokens || (set[refreshCookie] == "REFRESH") != c.tokens || cleared != c.cleared || set[flowCookie] != "" {
				t.Errorf("%d %q %v", a.Code, a.Header().Get("Location"), set)
			}
			if got := strings.Join(p.asked, ","); got != c.asked {
				t.Errorf("asked %q", got)
			}
			if a.Header().Get("Referrer-Policy") != "no-referrer" || a.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%v", a.Header())
			}
		})
	}
	p := &people{}
	if a := do(t, newHandler(t, p), nil, "POST", callback, "", "Cookie", flowCookie+"=FLOW"); a.Code != 405 || len(p.asked) != 0 {
		t.Errorf("POST: %d", a.Code)
	}
	if a := do(t, newHandler(t, p), nil, "GET", callback+"&x=%zz", "", "Cookie", flowCookie+"=FLOW"); a.Code != 303 || len(p.asked) != 0 {
		t.Errorf("a query that can't be read: %d %q", a.Code, p.asked)
	}
}

func TestLinksAPI(t *testing.T) {
	p := &people{}
	h := newHandler(t, p)
	a := do(t, h, ursula, "GET", "/auth/api/account/links", "")
	want := `{"links":[{"id":"L1","provider":"corp","name":"Corp","label":"ada@corp.example","created_at":"2026-01-02T03:04:05Z","used_at":"2026-01-02T03:04:05Z"},` +
		`{"id":"L2","provider":"old","name":"old","label":"","created_at":"2026-01-02T03:04:05Z"}]}`
	if a.Code != 200 || strings.TrimSpace(a.Body.String()) != want {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	for path, what := range map[string]string{"/auth/api/account/links": "begin-link", "/auth/api/stepup/provider": "begin-again"} {
		p.asked = nil
		a := do(t, h, ursula, "POST", path, `{"provider":"corp","return_to":"https://evil.example"}`)
		if a.Code != 200 || strings.TrimSpace(a.Body.String()) != `{"url":"https://idp.example/authorize?x=1"}` || cookiesOf(a)[flowCookie] != "FLOW" ||
			p.asked[0] != what+" corp https://gw.example/auth/oidc/corp/callback /auth/account/security" {
			t.Errorf("%d %s %q", a.Code, a.Body, p.asked)
		}
		bearer := *ursula
		bearer.Cookie = false
		for name, a := range map[string]answered{
			"nobody":         do(t, h, nil, "POST", path, `{"provider":"corp"}`),
			"a program":      do(t, h, &bearer, "POST", path, `{"provider":"corp"}`),
			"another site":   do(t, h, ursula, "POST", path, `{"provider":"corp"}`, "Sec-Fetch-Site", "cross-site"),
			"a form":         do(t, h, ursula, "POST", path, `provider=corp`, "Content-Type", "application/x-www-form-urlencoded"),
			"no provider":    do(t, h, ursula, "POST", path, `{}`),
			"an unknown one": do(t, h, ursula, "POST", path, `{"provider":"none"}`),
			"by GET":         do(t, h, ursula, "PUT", path, `{"provider":"corp"}`),
		} {
			if a.Code < 400 || len(cookiesOf(a)) != 0 {
				t.Errorf("%s %s: %d", path, name, a.Code)
			}
		}
	}
	p.asked = nil
	if a := do(t, h, ursula, "DELETE", "/auth/api/account/links/L1", ""); a.Code != 204 || p.asked[0] != "unlink L1" {
		t.Errorf("%d %q", a.Code, p.asked)
	}
	for err, status := range map[error]int{
		account.ErrNotFound: 404, session.ErrLastWay: 409, session.ErrSession: 401, session.NotFresh{ACR: reqctx.ACRMulti, MaxAge: time.Minute}: 401, federation.ErrMany: 409, context.Canceled: 503,
	} {
		p.err = err
		if a := do(t, h, ursula, "DELETE", "/auth/api/account/links/L1", ""); a.Code != status {
			t.Errorf("%v: %d", err, a.Code)
		}
	}
}
