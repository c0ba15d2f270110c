package portal

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/mail"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

var ada = &reqctx.Identity{Subject: "9", Name: "ada", Kind: reqctx.KindPerson, Roles: []string{"admin"}, Session: "T", Expires: time.Now().Add(time.Minute), Cookie: true}

// admins lets admins admin.
func admins(in *engine.Input) engine.Decision {
	switch {
	case in.Permission == public, in.Permission == self && in.Identity != nil:
		return engine.Decision{Allow: true}
	case in.Permission == admin:
		return engine.Decision{Allow: in.Identity != nil && slices.Contains(in.Identity.Roles, "admin")}
	}
	return engine.Decision{}
}

func TestAccountAPI(t *testing.T) {
	for _, c := range []struct {
		id                 *reqctx.Identity
		method, path, body string
		status             int
		asked              string
	}{
		{nil, "POST", "register", `{"username":"u","email":"e","password":"p","display_name":"d","locale":"de","invitation":"i"}`, 200, "register u e p d de i"},
		{nil, "POST", "register", `{"username":"u","password":"p"}`, 200, "register u  p  en "},
		{nil, "POST", "register", `{"username":"u"}`, 422, ""},
		{nil, "POST", "register", `{"username":"u","password":"p","roles":"admin"}`, 422, ""},
		{nil, "POST", "register/confirm", `{"token":"t","password":"p"}`, 200, "confirm t p "},
		{nil, "POST", "register/confirm", `{"token":"t","password":"p","username":"v"}`, 200, "confirm t p v"},
		{nil, "POST", "register/confirm", `{"token":"t"}`, 422, ""},
		{nil, "POST", "reset", `{"email":"e"}`, 202, "reset e"},
		{nil, "POST", "reset/confirm", `{"token":"t","password":"p"}`, 204, "reset t p"},
		{nil, "GET", "config", "", 200, ""},
		{ursula, "PATCH", "account", `{"display_name":"","locale":"de"}`, 204, "profile 1 = =de"},
		{ursula, "PATCH", "account", `{"display_name":"U"}`, 204, "profile 1 =U -"},
		{ursula, "PATCH", "account", `{"username":"eve"}`, 422, ""},
		{ursula, "PATCH", "account", `{"roles":"admin"}`, 422, ""},
		{ursula, "POST", "account/email", `{"email":"e"}`, 202, "email 1 e"},
		{ursula, "POST", "account/email/confirm", `{"token":"t"}`, 204, "email-confirm 1 t"},
		{ursula, "GET", "account/export", "", 200, "export 1"},
		{ursula, "POST", "account/erase", `{}`, 204, "erase 1"},
		{ada, "GET", "admin/accounts?q=pet&role=user&state=disabled&after=a&limit=10", "", 200, "search pet user disabled a"},
		{ada, "GET", "admin/accounts?limit=1000", "", 422, ""},
		{ada, "GET", "admin/accounts?state=nope", "", 422, ""},
		{ada, "GET", "admin/accounts?q=" + strings.Repeat("a", 300), "", 422, ""},
		{ada, "POST", "admin/accounts", `{"username":"n","email":"e","roles":"user, premium"}`, 200, "add 9 n e user+premium"},
		{ada, "GET", "admin/accounts/2", "", 200, "show 2"},
		{ada, "PATCH", "admin/accounts/2", `{"roles":"moderator"}`, 204, "roles 9 2 moderator"},
		{ada, "PATCH", "admin/accounts/2", `{"disabled":"true"}`, 204, "disable 9 2"},
		{ada, "PATCH", "admin/accounts/2", `{"disabled":"false"}`, 204, "enable 9 2"},
		{ada, "PATCH", "admin/accounts/2", `{"disabled":"yes"}`, 422, ""},
		{ada, "PATCH", "admin/accounts/2", `{"email":"e"}`, 204, "set-email 9 2 e"},
		{ada, "PATCH", "admin/accounts/2", `{"roles":"a","disabled":"true"}`, 422, ""},
		{ada, "PATCH", "admin/accounts/2", `{}`, 422, ""},
		{ada, "DELETE", "admin/accounts/2", "", 204, "erase 9 2"},
		{ada, "POST", "admin/accounts/2/approve", "", 204, "approve 9 2"},
		{ada, "POST", "admin/accounts/2/unlock", "", 204, "unlock 9 2"},
		{ada, "POST", "admin/accounts/2/reset-factors", "", 204, "reset-factors 9 2"},
		{ada, "POST", "admin/accounts/2/end-sessions", "", 204, "end-sessions 9 2"},
		{ada, "GET", "admin/invitations", "", 200, "invitations"},
		{ada, "POST", "admin/invitations", `{"email":"e","role":"user","expires_in_days":"2"}`, 200, "invite 9 e user 48h0m0s"},
		{ada, "POST", "admin/invitations", `{"expires_in_days":"91"}`, 422, ""},
		{ada, "DELETE", "admin/invitations/i", "", 204, "revoke 9 i"},
	} {
		p := &people{decide: admins}
		a := do(t, newHandler(t, p), c.id, c.method, "/auth/api/"+c.path, c.body)
		if got := strings.Join(p.asked, "|"); a.Code != c.status || got != c.asked {
			t.Errorf("%s %s %s: %d %q, want %d %q: %s", c.method, c.path, c.body, a.Code, got, c.status, c.asked, a.Body)
		}
	}
}

// Every route of operators is closed to everybody else, also where the policy is asked wrongly for somebody.
func TestOperatorsRoutesAreClosed(t *testing.T) {
	token := *ada
	token.Session, token.Scopes = "pat_x", []string{admin}
	for path, rt := range adminRoutes {
		for method := range rt.methods {
			path := strings.ReplaceAll("/auth/api/"+strings.TrimPrefix(path, "/auth/api/"), "{id}", "2")
			for name, c := range map[string]struct {
				id     *reqctx.Identity
				status int
			}{"nobody": {nil, 401}, "a user": {ursula, 403}, "a token": {&token, 403}} {
				p := &people{decide: admins}
				if a := do(t, newHandler(t, p), c.id, method, path, ""); a.Code != c.status || len(p.asked) > 0 {
					t.Errorf("%s %s by %s: %d, asked %q", method, path, name, a.Code, p.asked)
				}
			}
			// An operator's page is no use to another site.
			p := &people{decide: admins}
			if method != "GET" {
				if a := do(t, newHandler(t, p), ada, method, path, "", "Origin", "https://evil.example"); a.Code != 403 || len(p.asked) > 0 {
					t.Errorf("%s %s from another site: %d, asked %q", method, path, a.Code, p.asked)
				}
			}
		}
	}
}

func TestAccountProblems(t *testing.T) {
	for _, c := range []struct {
		err                error
		method, path, body string
		status             int
		kind               string
	}{
		{account.ErrTicket, "POST", "register/confirm", `{"token":"t","password":"p"}`, 410, "link-expired"},
		{account.ErrExists, "POST", "register/confirm", `{"token":"t","password":"p"}`, 409, "name-taken"},
		{account.ErrEmailTaken, "POST", "register/confirm", `{"token":"t","password":"p"}`, 409, "email-taken"},
		{session.ErrCredentials, "POST", "register/confirm", `{"token":"t","password":"p"}`, 401, "wrong-credentials"},
		{lifecycle.ErrClosed, "POST", "register", `{"username":"u","password":"p"}`, 403, "registration-closed"},
		{lifecycle.ErrDomain, "POST", "register", `{"username":"u","password":"p"}`, 422, "domain-refused"},
		{lifecycle.ErrReservedName, "POST", "register", `{"username":"u","password":"p"}`, 422, "username-reserved"},
		{account.ErrName, "POST", "register", `{"username":"u","password":"p"}`, 422, "bad-username"},
		{account.WeakPassword{Reason: "r"}, "POST", "register", `{"username":"u","password":"p"}`, 422, "weak-password"},
		{session.Throttled{}, "POST", "register", `{"username":"u","password":"p"}`, 429, "rate-limited"},
		{mail.ErrFull, "POST", "reset", `{"email":"e"}`, 503, "unavailable"},
		{lifecycle.ErrNoMail, "POST", "reset", `{"email":"e"}`, 403, "no-mail"},
		{account.ErrTicket, "POST", "reset/confirm", `{"token":"t","password":"p"}`, 410, "link-expired"},
		{session.NotFresh{ACR: reqctx.ACRMulti, MaxAge: time.Minute}, "POST", "account/erase", `{}`, 401, "step-up-required"},
		{session.NotFresh{ACR: reqctx.ACRSingle, MaxAge: time.Minute}, "GET", "account/export", "", 401, "step-up-required"},
		{account.ErrNotFound, "GET", "admin/accounts/2", "", 404, "no-such-account"},
		{account.ErrNotFound, "POST", "admin/accounts/2/approve", "", 404, "no-such-account"},
		{account.ErrTicket, "DELETE", "admin/invitations/2", "", 404, "no-such-account"},
		{lifecycle.ErrOneself, "DELETE", "admin/accounts/9", "", 409, "own-account"},
		{lifecycle.ErrLastAdmin, "PATCH", "admin/accounts/2", `{"disabled":"true"}`, 409, "last-admin"},
		{account.ErrRole, "PATCH", "admin/accounts/2", `{"roles":"A B"}`, 422, "bad-role"},
		{errors.New("the database is away at 10.0.0.1"), "POST", "register", `{"username":"u","password":"p"}`, 503, "unavailable"},
	} {
		p := &people{decide: admins, err: c.err}
		a := do(t, newHandler(t, p), ada, c.method, "/auth/api/"+c.path, c.body)
		if a.Code != c.status || a.kind() != c.kind || strings.Contains(a.Body.String(), "10.0.0.1") {
			t.Errorf("%v at %s: %d %s", c.err, c.path, a.Code, a.Body)
		}
	}
}

func TestErasedBrowsersForget(t *testing.T) {
	a := do(t, newHandler(t, &people{decide: admins}), ursula, "POST", "/auth/api/account/erase", "{}")
	cleared := 0
	for _, c := range a.Result().Cookies() {
		if c.MaxAge < 0 {
			cleared++
		}
	}
	if a.Code != http.StatusNoContent || cleared != 3 {
		t.Errorf("%d, %d cookies cleared", a.Code, cleared)
	}
}

// An export is a file: no browser shows it, and no cache keeps it.
func TestExportIsADownload(t *testing.T) {
	a := do(t, newHandler(t, &people{decide: admins}), ursula, "GET", "/auth/api/account/export", "")
	if !strings.HasPrefix(a.Header().Get("Content-Disposition"), "attachment") || a.Header().Get("Cache-Control") != "no-store" || a.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%v", a.Header())
	}
}
