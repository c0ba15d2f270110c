package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/service"
	"github.com/convosphere/gateway/modules/policy/engine"
)

func (p *people) Services(context.Context) ([]service.Service, error) {
	return []service.Service{{Account: "9", Name: "robot", Roles: []string{"user"}, Scopes: []string{"room:list"}, CreatedAt: time.Unix(1, 0), Keys: []service.Key{{ID: "k1", Algorithm: "ES256"}}}}, p.note("services")
}

func (p *people) AddService(_ context.Context, by lifecycle.Operator, name string, roles []string, scopes string, introspect bool, jwk []byte) (account.Account, []byte, error) {
	var private []byte
	if len(jwk) == 0 {
		private = []byte(`{"kty":"EC","d":"SECRET"}`)
	}
	return account.Account{ID: "9", Name: name}, private, p.note("add-service", by.ID, name, strings.Join(roles, "+"), scopes, fmt.Sprint(introspect), string(jwk))
}

func (p *people) SetServiceScopes(_ context.Context, by lifecycle.Operator, id, scopes string, introspect bool) error {
	return p.note("service-scopes", by.ID, id, scopes, fmt.Sprint(introspect))
}

func (p *people) AddServiceKey(_ context.Context, by lifecycle.Operator, id string, jwk []byte) ([]byte, error) {
	return nil, p.note("add-key", by.ID, id, string(jwk))
}

func (p *people) RemoveServiceKey(_ context.Context, by lifecycle.Operator, id, kid string) error {
	return p.note("remove-key", by.ID, id, kid)
}

func TestServices(t *testing.T) {
	p := &people{decide: func(in *engine.Input) engine.Decision { return engine.Decision{Allow: in.Permission == admin} }}
	h := newHandler(t, p)
	for _, c := range []struct{ method, path, body, asked, answer string }{
		{"GET", "/auth/api/admin/services", "", "services", `"kid":"k1"`},
		{"POST", "/auth/api/admin/services", `{"name":"robot","roles":"user","scopes":"a b"}`, "add-service 1 robot user a b false ", `"private_key":{"kty":"EC","d":"SECRET"}`},
		{"POST", "/auth/api/admin/services", `{"name":"robot","roles":"user","scopes":"a","introspect":"true","key":"{\"kty\":\"EC\"}"}`, `add-service 1 robot user a true {"kty":"EC"}`, `"id":"9"`},
		{"PATCH", "/auth/api/admin/services/9", `{"scopes":"a","introspect":"false"}`, "service-scopes 1 9 a false", ""},
		{"POST", "/auth/api/admin/services/9/keys", `{"key":"{}"}`, "add-key 1 9 {}", "{}"},
		{"POST", "/auth/api/admin/services/9/remove-key", `{"kid":"k1"}`, "remove-key 1 9 k1", ""},
	} {
		p.asked = nil
		a := do(t, h, ursula, c.method, c.path, c.body)
		if a.Code != 200 && a.Code != 204 || fmt.Sprint(p.asked) != "["+c.asked+"]" || !strings.Contains(a.Body.String(), c.answer) {
			t.Errorf("%s %s: %d %s, asked %q", c.method, c.path, a.Code, a.Body, p.asked)
		}
	}
	for _, body := range []string{`{}`, `{"name":"x","roles":"user"}`, `{"name":"x","roles":"user","scopes":"a","introspect":"yes"}`, `{"name":"x","roles":"user","scopes":"a","key":{"kty":"EC"}}`} {
		p.asked = nil
		if a := do(t, h, ursula, "POST", "/auth/api/admin/services", body); a.Code != 422 || p.asked != nil {
			t.Errorf("%s: %d %v", body, a.Code, p.asked)
		}
	}
	for err, want := range map[error]string{
		account.ErrExists: "409 name-taken", account.ErrRole: "422 bad-role", apitoken.ErrScope: "422 bad-scope", service.ErrNotFound: "404 no-such-service", service.ErrMany: "409 too-many-keys",
		fmt.Errorf("%w: it must have a kid", service.ErrKey): "422 bad-key",
	} {
		p.err = err
		a := do(t, h, ursula, "POST", "/auth/api/admin/services", `{"name":"robot","roles":"user","scopes":"a"}`)
		if got := a.Result().Status[:3] + " " + a.kind(); got != want || strings.Contains(a.Body.String(), "SECRET") {
			t.Errorf("%v: %s %s", err, got, a.Body)
		}
		var out struct{ Reason string }
		if _ = json.Unmarshal(a.Body.Bytes(), &out); want == "422 bad-key" && out.Reason != "it must have a kid" {
			t.Errorf("%q", out.Reason)
		}
	}
}
