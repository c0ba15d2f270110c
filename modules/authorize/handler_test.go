package authorize

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const small = `
	audience chat
	public /open
	route GET /things/{id} {
		permission room:read
		resource room:{id}
	}
	route GET /restricted {
		permission app:restricted
	}
	route * /closed/{rest...} {
		permission none
	}
`

func TestStatuses(t *testing.T) {
	e := newEnv(t, small, "")
	for _, c := range []struct {
		method, path, user string
		status             int
		route              string
	}{
		{"GET", "/open", "", 200, "GET /open"},
		{"HEAD", "/open", "", 200, "GET /open"},
		{"GET", "/open", "ursula/user", 200, "GET /open"},
		{"POST", "/open", "", 401, ""},
		{"GET", "/", "", 401, ""},
		{"GET", "/", "ursula/user", 200, ""},
		{"GET", "/unlisted/path", "ursula/user", 200, ""},
		{"POST", "/unlisted/path", "ursula/user", 200, ""},
		{"OPTIONS", "/unlisted", "", 401, ""},
		{"GET", "/things/7", "", 401, "GET /things/{id}"},
		{"GET", "/things/7", "ursula/user", 403, "GET /things/{id}"},
		{"GET", "/things/7/", "ursula/user", 403, "GET /things/{id}"},
		{"GET", "/things/7", "ada/admin", 403, "GET /things/{id}"},
		{"GET", "/closed", "ada/admin", 403, "* /closed/{rest...}"},
		{"GET", "/closed/a/b/c", "ada/admin", 403, "* /closed/{rest...}"},
		{"PATCH", "/closed/x", "ada/admin", 403, "* /closed/{rest...}"},
	} {
		e.backend(nil)
		r := e.expect(c.status, c.method, c.path, c.user)
		if got := len(e.reached()); (got == 1) != (c.status == 200) {
			t.Errorf("%s %s: %d requests reached the back end", c.method, c.path, got)
		}
		rc := lastSeen()
		if rc.Route != c.route || rc.Decision == nil || rc.Decision.Allow != (c.status == 200) || rc.Decision.Reason == "" {
			t.Errorf("%s %s: route %q, decision %+v", c.method, c.path, rc.Route, rc.Decision)
		}
		if c.status == 401 && r.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s %s: no challenge", c.method, c.path)
		}
		if c.method != "HEAD" && c.status >= 400 && (r.problem() == "" || strings.Contains(r.body, "hello")) {
			t.Errorf("%s %s: %s", c.method, c.path, r.body)
		}
	}
}

func TestStepUp(t *testing.T) {
	e := newEnv(t, small, "")
	r := e.expect(401, "GET", "/restricted", "ursula/user")
	const challenge = `Bearer error="insufficient_user_authentication", error_description="A second factor is needed", acr_values="aal2", max_age="600"` // RFC 9470
	if r.problem() != "step-up-required" || r.header.Get("WWW-Authenticate") != challenge || !strings.Contains(r.body, `"acr_values":"aal2"`) || !strings.Contains(r.body, `"max_age":600`) {
		t.Errorf("%v %s", r.header, r.body)
	}
	e.expect(200, "GET", "/restricted", "ursula/user/mfa")
	if r := e.expect(401, "GET", "/restricted", ""); r.problem() != "unauthenticated" {
		t.Error(r.body)
	}
}

// A policy that can't decide in time is not a refusal for ever.
func TestUndecidedIs503(t *testing.T) {
	folder := t.TempDir()
	slow := "package gateway\n\ndecision := {\"allow\": count([1 | some a in numbers.range(1, 100000); some b in numbers.range(1, 100000); a == b]) > 0}\n"
	if err := os.WriteFile(filepath.Join(folder, "slow.rego"), []byte(slow), 0o600); err != nil {
		t.Fatal(err)
	}
	e := newEnv(t, small, `{"timeout": "20ms", "folder": "`+folder+`"}`)
	r := e.expect(503, "GET", "/open", "ada/admin")
	if r.header.Get("Retry-After") == "" || len(e.reached()) != 0 {
		t.Error("no Retry-After, or it reached the back end")
	}
}

func TestForgedHeadersAreOverwritten(t *testing.T) {
	e := newEnv(t, small, "")
	forged := []string{
		"X-User-Id", "root", "X-User-Id", "root2", "x-user-id", "root", "X_User_Id", "root", "X.User.Id", "root", "X-User_Name", "root", "X-User-Roles", "admin",
		"x-USER-roles", "admin", "X-Gateway-Assertion", "forged", "X_Gateway_Assertion", "forged",
		"X-HTTP-Method-Override", "DELETE", "X-Http-Method", "DELETE", "X-Method-Override", "DELETE", "X_HTTP_Method_Override", "DELETE",
		"Connection", "X-User-Id, close, x-gateway-assertion",
	}
	for _, user := range []string{"ursula/user", ""} {
		e.backend(nil)
		if r := e.do("GET", "/open", user, forged...); r.status != 200 {
			t.Fatal(r.status)
		}
		h := e.reached()[0].Header
		want := map[string]string{"X-User-Id": "id-ursula", "X-User-Name": "ursula", "X-User-Roles": "user"}
		if user == "" {
			want = map[string]string{"X-User-Id": "", "X-User-Name": "", "X-User-Roles": ""}
		}
		for k, v := range want {
			if strings.Join(h.Values(k), "|") != v {
				t.Errorf("%q: %s is %q", user, k, h.Values(k))
			}
		}
		for k, v := range h {
			if k != "X-Gateway-Assertion" && want[k] == "" && isTaken(k) {
				t.Errorf("%q: %s: %q came through", user, k, v)
			}
		}
		if a := h.Values("X-Gateway-Assertion"); len(a) != 1 || a[0] == "forged" {
			t.Errorf("%q: assertion %q", user, a)
		}
	}
}

// verify reads an assertion as the back end must.
func verify(t *testing.T, e *env, token string) (header map[string]string, c claims) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("assertion %q", token)
	}
	var raw [3][]byte
	for i, p := range parts {
		var err error
		if raw[i], err = base64.RawURLEncoding.DecodeString(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(raw[0], &header); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw[1], &c); err != nil {
		t.Fatal(err)
	}
	key, ok := e.ground().Keys.Public(header["kid"])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ok || len(raw[2]) != 64 || !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(raw[2][:32]), new(big.Int).SetBytes(raw[2][32:])) {
		t.Fatal("the signature is wrong")
	}
	return header, c
}

func TestAssertion(t *testing.T) {
	e := newEnv(t, small, "")
	var tokens []string
	for range 2 {
		e.backend(nil)
		e.expect(200, "GET", "/", "ursula/user")
		tokens = append(tokens, e.reached()[0].Header.Get("X-Gateway-Assertion"))
	}
	if tokens[0] != tokens[1] {
		t.Error("it was made anew for the same person")
	}
	header, c := verify(t, e, tokens[0])
	if header["alg"] != "ES256" || header["typ"] != "gateway-assertion+jwt" {
		t.Errorf("%v", header)
	}
	now := time.Now().Unix()
	if c.Issuer != "gateway" || c.Audience != "chat" || c.Subject != "id-ursula" || c.Name != "ursula" || strings.Join(c.Roles, " ") != "user" ||
		c.ID == "" || c.IssuedAt > now || c.Expires-c.IssuedAt > 60 || c.Expires <= now {
		t.Errorf("%+v", c)
	}
	e.backend(nil)
	e.expect(200, "GET", "/", "ursula/moderator")
	if _, c := verify(t, e, e.reached()[0].Header.Get("X-Gateway-Assertion")); strings.Join(c.Roles, " ") != "moderator" {
		t.Error("another role, the same assertion")
	}
	e.backend(nil)
	e.expect(200, "GET", "/open", "")
	_, c = verify(t, e, e.reached()[0].Header.Get("X-Gateway-Assertion"))
	if c.Subject != "" || c.Name != "" || c.Roles != nil || c.Audience != "chat" {
		t.Errorf("for nobody: %+v", c)
	}
}

// Tricks that make two servers read one path differently are refused before any rule, whoever asks.
func TestPathTricks(t *testing.T) {
	e := newEnv(t, small, "")
	for _, path := range []string{
		"//things/7", "/things//7", "/./things/7", "/things/./7", "/open/../things/7", "/open/..", "/things/7/..", "/things/7/.",
		"/%2e%2e/things/7", "/open/%2E%2E/things/7", "/open/.%2e/things/7", "/things%2f7", "/things%2F7", "/open%2f..%2fthings%2f7",
		"/things%5c7", "/open/..%5cthings/7", "/things/7%00", "/%00/things/7", "/things/7%0a", "/things/7%0d%0aX-A:b", "/things/7%7f", "/things/7%ff", "/things/%c0%af7",
		"/things/%ed%a0%80", "/things;v=1/7", "/things/7;jsessionid=1", "/open/..;/things/7", "/things/7%3b", "/things/7.", "/things./7", "/things/7%20", "/things/7...",
		"/things%252f7", "/%252e%252e/things/7", "/things/%2537", "/THINGS/7", "/Things/7", "/OPEN", "/CLOSED/x", "//", "///",
		"/things/\\7", "/things\\7",
	} {
		e.backend(nil)
		if r := e.do("GET", path, "ada/admin"); r.status != 400 || len(e.reached()) != 0 {
			t.Errorf("%s: %d, %d reached the back end", path, r.status, len(e.reached()))
		}
	}
	for _, path := range []string{"/a%20b/c", "/100%25", "/caf%c3%a9", "/.well-known/x", "/a..b", "/a.b", "/a,b:c@d", "/unlisted/", "/%E2%82%AC", "/x?a=%2f..;", "/UPPER"} {
		e.backend(nil)
		if r := e.do("GET", path, "ada/admin"); r.status != 200 || len(e.reached()) != 1 {
			t.Errorf("%s: %d", path, r.status)
			continue
		}
		if got := e.reached()[0].RequestURI; got != path {
			t.Errorf("%s was decided, %s reached the back end", path, got)
		}
	}
}

func TestMethodTricks(t *testing.T) {
	e := newEnv(t, "route DELETE /things/{id} {\npermission none\n}", "")
	for _, m := range []string{"delete", "Delete", "DELETe", "get", "G_ET"} {
		if r := e.do(m, "/things/7", "ada/admin"); r.status != 400 && r.status != 501 {
			t.Errorf("%s: %d", m, r.status)
		}
	}
	if r := e.do("DELETE", "/things/7", "ada/admin"); r.status != 403 {
		t.Errorf("DELETE: %d", r.status)
	}
}

func TestOtherTunnelsAreRefused(t *testing.T) {
	e := newEnv(t, small, "")
	for _, h := range [][]string{
		{"Connection", "Upgrade", "Upgrade", "h2c"},
		{"Connection", "upgrade", "Upgrade", "websocket"}, // without a key and a version
		{"Connection", "Upgrade", "Upgrade", "websocket, h2c", "Sec-Websocket-Version", "13", "Sec-Websocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="},
	} {
		e.backend(nil)
		if r := e.do("GET", "/open", "ada/admin", h...); r.status != 400 || len(e.reached()) != 0 {
			t.Errorf("%v: %d", h, r.status)
		}
	}
}

func TestReload(t *testing.T) {
	e := newEnv(t, small, "")
	e.expect(403, "GET", "/things/7", "ursula/user")
	for name, bad := range map[string]struct{ block, policy string }{
		"a wrong block":   {"route GET /x", ""},
		"no such folder":  {small, `{"folder": "/nowhere/at/all"}`},
		"a wrong timeout": {small, `{"timeout": -1}`},
	} {
		if err := e.load(bad.block, bad.policy); err == nil {
			t.Errorf("%s loads", name)
		}
		e.expect(403, "GET", "/things/7", "ursula/user")
		e.expect(200, "GET", "/open", "")
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a.rego"), []byte("package gateway\n\ndecision := {\"allow\": input.identity.name == \"ursula\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.load(small, `{"folder": "`+folder+`"}`); err != nil {
		t.Fatal(err)
	}
	e.expect(200, "GET", "/things/7", "ursula/user")
	e.expect(403, "GET", "/things/7", "petra/user")
	e.expect(401, "GET", "/open", "")
}
