package portal

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

var laptop = apitoken.Token{
	ID: "pat_1", Account: "1", Kind: apitoken.Personal, Name: "laptop", Scopes: []string{"room:list"},
	CreatedAt: time.Unix(1_800_000_000, 0), ExpiresAt: time.Unix(1_900_000_000, 0),
}

func (p *people) NewToken(_ context.Context, _ *reqctx.Identity, name, scopes string, life time.Duration) (apitoken.Token, string, error) {
	p.asked = append(p.asked, "new-token "+name+" "+scopes+" "+life.String())
	return laptop, "gwp_SECRET", p.err
}

func (p *people) Tokens(context.Context, *reqctx.Identity) ([]apitoken.Token, *session.TokenRules, error) {
	return []apitoken.Token{laptop}, &session.TokenRules{Limit: 20, MaxLife: 90 * day}, p.err
}

func (p *people) EndToken(_ context.Context, _ *reqctx.Identity, of string) error {
	p.asked = append(p.asked, "end-token "+of)
	return p.err
}

func TestTokens(t *testing.T) {
	p := &people{}
	h := newHandler(t, p)
	a := do(t, h, ursula, "POST", "/auth/api/account/tokens", `{"name":"laptop","scopes":"room:list","expires_in_days":"30"}`)
	var made tokenJSON
	if err := json.Unmarshal(a.Body.Bytes(), &made); a.Code != 200 || err != nil || made.Token != "gwp_SECRET" || made.ID != "pat_1" || p.asked[0] != "new-token laptop room:list 720h0m0s" {
		t.Fatal(a.Code, a.Body, p.asked)
	}
	if a.Header().Get("Cache-Control") != "no-store" {
		t.Error("a secret may be kept:", a.Header())
	}
	a = do(t, h, ursula, "GET", "/auth/api/account/tokens", "")
	var list struct {
		Tokens  []tokenJSON
		Enabled bool
		Days    int      `json:"max_days"`
		Scopes  []string `json:"scopes"`
		Limit   int
	}
	if err := json.Unmarshal(a.Body.Bytes(), &list); err != nil || len(list.Tokens) != 1 || !list.Enabled || list.Days != 90 || list.Limit != 20 || list.Scopes == nil || strings.Contains(a.Body.String(), "SECRET") {
		t.Fatal(a.Body, err)
	}
	if a = do(t, h, ursula, "DELETE", "/auth/api/account/tokens/pat_1", ""); a.Code != 204 || p.asked[len(p.asked)-1] != "end-token pat_1" {
		t.Fatal(a.Code, p.asked)
	}
	for days, want := range map[string]string{"": "", "0x1e": "bad-lifetime", "-1": "bad-lifetime", "1e3": "bad-lifetime", "99999999999999999999": "bad-lifetime", "1.5": "bad-lifetime"} {
		a := do(t, h, ursula, "POST", "/auth/api/account/tokens", `{"name":"x","scopes":"room:list","expires_in_days":"`+days+`"}`)
		if a.Code != 422 || want != "" && a.kind() != want {
			t.Errorf("%q days: %d %s", days, a.Code, a.kind())
		}
	}
	for err, want := range map[error]string{
		session.ErrNoTokens: "409 no-tokens-here", apitoken.ErrMany: "409 too-many-tokens", apitoken.ErrScope: "422 bad-scope", apitoken.ErrName: "422 bad-name",
		session.ErrTokenLife: "422 bad-lifetime", session.ErrSession: "401 session-ended",
	} {
		p.err = err
		a := do(t, h, ursula, "POST", "/auth/api/account/tokens", `{"name":"x","scopes":"room:list","expires_in_days":"1"}`)
		if got := a.Result().Status[:3] + " " + a.kind(); got != want {
			t.Errorf("%v: %s", err, got)
		}
	}
	p.err = session.NotFresh{ACR: reqctx.ACRMulti, MaxAge: 10 * time.Minute}
	if a := do(t, h, ursula, "POST", "/auth/api/account/tokens", `{"name":"x","scopes":"room:list","expires_in_days":"1"}`); a.Code != 401 || a.kind() != "step-up-required" {
		t.Error(a.Code, a.kind())
	}
}

// Whoever comes with anything but a session reaches none of the routes that show or change an account, whatever the policy says.
func TestOnlySessionsReachTheAccount(t *testing.T) {
	for name, change := range map[string]func(*reqctx.Identity){
		"personal token": func(id *reqctx.Identity) {
			id.Scopes, id.Session = []string{"room:list"}, "pat_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		},
		"with the permission as scope": func(id *reqctx.Identity) { id.Scopes = []string{"account:self", "account:admin", "*"} },
		"with no scope":                func(id *reqctx.Identity) { id.Scopes = []string{} },
		"service":                      func(id *reqctx.Identity) { id.Kind = reqctx.KindService },
		"foreign":                      func(id *reqctx.Identity) { id.Kind, id.Issuer = reqctx.KindForeign, "https://id.example" },
		"another issuer's person":      func(id *reqctx.Identity) { id.Issuer = "https://id.example" },
		"of no kind":                   func(id *reqctx.Identity) { id.Kind = "" },
		"a token's id alone":           func(id *reqctx.Identity) { id.Session = "pat_ABCDEFGHIJKLMNOPQRSTUVWXYZ" },
	} {
		id := *ursula
		id.Cookie = false
		change(&id)
		p := &people{decide: func(*engine.Input) engine.Decision { return engine.Decision{Allow: true} }}
		h := newHandler(t, p)
		reached := 0
		for path, rt := range routes {
			if rt.permission == public {
				continue
			}
			for method := range rt.methods {
				reached++
				a := do(t, h, &id, method, strings.ReplaceAll(path, "{id}", "x"), "{}")
				if a.Code != 403 || a.kind() != "session-required" || a.rc.Decision.Allow {
					t.Errorf("%s: %s %s: %d %s", name, method, path, a.Code, a.kind())
				}
			}
		}
		if reached < 15 || len(p.asked) != 0 {
			t.Errorf("%s: %d routes, asked %v", name, reached, p.asked)
		}
	}
}
