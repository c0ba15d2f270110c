package portal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/service/servicetest"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func (p *people) ServiceToken(_ context.Context, assertion, scopes string, _ session.Attempt) (session.ServiceToken, error) {
	p.asked = append(p.asked, "service-token "+scopes)
	return session.ServiceToken{Access: "gws_SECRET", Scopes: []string{"a", "b"}, Expires: time.Now().Add(10 * time.Minute)}, p.err
}

func (p *people) Introspect(_ context.Context, _, raw string, _ session.Attempt) (session.Introspection, error) {
	p.asked = append(p.asked, "introspect "+raw)
	switch raw {
	case "none":
		return session.Introspection{}, p.err
	case "service":
		return session.Introspection{Identity: &reqctx.Identity{Subject: "2", Name: "robot", Roles: []string{"user"}, Kind: reqctx.KindService, Scopes: []string{"a", "b"}, Expires: time.Unix(2_000_000_000, 0)}, Issuer: "i", Audience: "a"}, p.err
	}
	return session.Introspection{Identity: ursula, Issuer: "i", Audience: "a"}, p.err
}

func (p *people) Revoke(_ context.Context, assertion, raw string, _ session.Attempt) error {
	p.asked = append(p.asked, fmt.Sprint("revoke ", assertion != "", " ", raw))
	return p.err
}

func (p *people) AuthorizationServer() string {
	if p.alone {
		return ""
	}
	return "https://id.example"
}

const formType = "application/x-www-form-urlencoded"

var proof = servicetest.NewKey("k1").Assert("robot", "gateway", time.Now())

// asserted is a form with a client assertion and these pairs.
func asserted(pairs ...string) string {
	v := url.Values{"client_assertion_type": {assertionType}, "client_assertion": {proof}}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

func oauthCode(a answered) string {
	var e struct{ Error string }
	_ = json.Unmarshal(a.Body.Bytes(), &e)
	return fmt.Sprint(a.Code, " ", e.Error)
}

func TestOAuthToken(t *testing.T) {
	p := &people{}
	h := newHandler(t, p)
	a := do(t, h, nil, "POST", "/auth/oauth/token", asserted("grant_type", "client_credentials", "scope", "a b", "client_id", "robot", "resource", "ignored"), "Content-Type", formType)
	var got struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
		Life  int    `json:"expires_in"`
		Scope string
	}
	if err := json.Unmarshal(a.Body.Bytes(), &got); a.Code != 200 || err != nil || got.Token != "gws_SECRET" || got.Type != "Bearer" || got.Life < 590 || got.Life > 600 || got.Scope != "a b" || p.asked[0] != "service-token a b" {
		t.Fatal(a.Code, a.Body, p.asked)
	}
	if a.Header().Get("Cache-Control") != "no-store" || a.Header().Get("Set-Cookie") != "" {
		t.Error(a.Header())
	}
	for name, c := range map[string]struct{ body, want string }{
		"no grant":           {asserted(), "400 invalid_request"},
		"password grant":     {asserted("grant_type", "password", "username", "u", "password", "p"), "400 unsupported_grant_type"},
		"code grant":         {asserted("grant_type", "authorization_code", "code", "c"), "400 unsupported_grant_type"},
		"no client":          {"grant_type=client_credentials", "401 invalid_client"},
		"client secret":      {"grant_type=client_credentials&client_id=robot&client_secret=x", "401 invalid_client"},
		"secret beside":      {asserted("grant_type", "client_credentials", "client_secret", "x"), "401 invalid_client"},
		"other type":         {asserted("grant_type", "client_credentials", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), "401 invalid_client"},
		"other client_id":    {asserted("grant_type", "client_credentials", "client_id", "ursula"), "401 invalid_client"},
		"a parameter twice":  {asserted("grant_type", "client_credentials") + "&scope=a&scope=b", "400 invalid_request"},
		"an assertion twice": {asserted("grant_type", "client_credentials") + "&client_assertion=x", "400 invalid_request"},
		"bad escape":         {"grant_type=%zz", "400 invalid_request"},
		"semicolon":          {"grant_type=client_credentials;scope=a", "400 invalid_request"},
		"NUL":                {asserted("grant_type", "client_credentials", "scope", "a\x00"), "400 invalid_request"},
		"broken UTF-8":       {asserted("grant_type", "client_credentials") + "&scope=%ff", "400 invalid_request"},
		"huge":               {asserted("grant_type", "client_credentials", "x", strings.Repeat("x", 17<<10)), "413 invalid_request"},
	} {
		p.asked = nil
		if a := do(t, h, nil, "POST", "/auth/oauth/token", c.body, "Content-Type", formType); oauthCode(a) != c.want || len(p.asked) != 0 {
			t.Errorf("%s: %s, asked %v", name, oauthCode(a), p.asked)
		}
	}
	good := asserted("grant_type", "client_credentials")
	for _, kind := range []string{"", "application/json", "text/plain", "multipart/form-data; boundary=x", formType + "; charset=utf-16"} {
		if a := do(t, h, nil, "POST", "/auth/oauth/token", good, "Content-Type", kind); a.Code != 415 {
			t.Errorf("%q: %d", kind, a.Code)
		}
	}
	// What is in the address is not looked at, and other methods are refused.
	if a := do(t, h, nil, "POST", "/auth/oauth/token?"+good, "grant_type=client_credentials", "Content-Type", formType); oauthCode(a) != "401 invalid_client" {
		t.Error("in the query:", oauthCode(a))
	}
	if a := do(t, h, nil, "GET", "/auth/oauth/token?"+good, ""); a.Code != 405 {
		t.Error("GET:", a.Code)
	}
	if a := do(t, h, nil, "POST", "/auth/oauth/token", good, "Content-Type", formType, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); a.Code != 403 {
		t.Error("from another site:", a.Code)
	}
	for err, want := range map[error]string{
		session.ErrClient: "401 invalid_client", session.ErrScope: "400 invalid_scope", apitoken.ErrMany: "429 slow_down", errors.New("secret detail"): "503 temporarily_unavailable",
	} {
		p.err = err
		a := do(t, h, nil, "POST", "/auth/oauth/token", good, "Content-Type", formType)
		if oauthCode(a) != want || strings.Contains(a.Body.String(), "secret") || strings.Contains(a.Body.String(), "gws_") {
			t.Errorf("%v: %s %s", err, oauthCode(a), a.Body)
		}
	}
}

func TestOAuthIntrospect(t *testing.T) {
	p := &people{}
	h := newHandler(t, p)
	ask := func(body string) (answered, map[string]any) {
		a := do(t, h, nil, "POST", "/auth/oauth/introspect", body, "Content-Type", formType)
		out := map[string]any{}
		_ = json.Unmarshal(a.Body.Bytes(), &out)
		return a, out
	}
	if a, out := ask(asserted("token", "person", "token_type_hint", "access_token")); a.Code != 200 || out["active"] != true || out["sub"] != "1" || out["username"] != "ursula" || out["client_id"] != nil || out["scope"] != nil ||
		out["exp"] != float64(ursula.Expires.Unix()) || a.Header().Get("Cache-Control") != "no-store" {
		t.Error(a.Code, a.Body)
	}
	if _, out := ask(asserted("token", "service")); out["client_id"] != "robot" || out["scope"] != "a b" || out["auth_time"] != nil {
		t.Error(out)
	}
	if a, out := ask(asserted("token", "none")); a.Code != 200 || len(out) != 1 || out["active"] != false {
		t.Error(a.Code, out)
	}
	for body, want := range map[string]string{asserted(): "400 invalid_request", "token=x": "401 invalid_client"} {
		if a, _ := ask(body); oauthCode(a) != want {
			t.Errorf("%.20q: %s", body, oauthCode(a))
		}
	}
}

func TestOAuthRevoke(t *testing.T) {
	p := &people{}
	h := newHandler(t, p)
	for body, want := range map[string]string{asserted("token", "x"): "revoke true x", "token=x": "revoke false x"} {
		p.asked = nil
		if a := do(t, h, nil, "POST", "/auth/oauth/revoke", body, "Content-Type", formType); a.Code != 200 || a.Body.Len() != 0 || fmt.Sprint(p.asked) != "["+want+"]" {
			t.Error(a.Code, a.Body, p.asked)
		}
	}
	p.asked = nil
	for body, want := range map[string]string{"x=y": "400 invalid_request", "token=x&client_assertion=y": "401 invalid_client", "token=x&client_assertion_type=y": "401 invalid_client", "token=x&client_secret=y": "401 invalid_client"} {
		if a := do(t, h, nil, "POST", "/auth/oauth/revoke", body, "Content-Type", formType); oauthCode(a) != want || len(p.asked) != 0 {
			t.Errorf("%s: %s %v", body, oauthCode(a), p.asked)
		}
	}
	p.err = session.ErrNotTheirs
	if a := do(t, h, nil, "POST", "/auth/oauth/revoke", asserted("token", "x"), "Content-Type", formType); oauthCode(a) != "403 unauthorized_client" {
		t.Error(oauthCode(a))
	}
}

func TestOAuthMetadata(t *testing.T) {
	p := &people{alone: true}
	h := newHandler(t, p)
	if a := do(t, h, nil, "GET", "/.well-known/oauth-authorization-server", ""); !a.passed {
		t.Error("without an issuer that is a URL:", a.Code, a.Body)
	}
	p.alone = false
	a := do(t, h, nil, "GET", "/.well-known/oauth-authorization-server", "", "Host", "evil.example", "X-Forwarded-Host", "evil.example")
	var m struct {
		Issuer  string
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := json.Unmarshal(a.Body.Bytes(), &m); a.Code != 200 || err != nil || m.Issuer != "https://id.example" || fmt.Sprint(m.Methods) != "[private_key_jwt]" || strings.Contains(a.Body.String(), "evil") {
		t.Error(a.Code, a.Body)
	}
}
