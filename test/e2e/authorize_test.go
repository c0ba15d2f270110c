package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// ownPolicy is one as people write who deny what they don't like, and ask for a fresh factor now and then.
const ownPolicy = `package gateway

decision := {"allow": false, "reason": "a forbidden member"} if {
	input.body.admin
} else := {"allow": false, "reason": "for admins"} if {
	startswith(input.request.path, "/admin")
} else := {"allow": false, "reason": "a fresh factor is needed", "obligations": {"step_up": true, "max_age": 5}} if {
	input.request.classification == "restricted"
	not fresh
} else := {"allow": true, "reason": "signed in", "obligations": {"tier": tier}} if {
	input.identity
} else := {"allow": input.request.permission == "public", "reason": "open to everyone, or not"}

fresh if time.now_ns() - (input.identity.mfa_time * 1000000000) <= 5000000000

default tier := "standard"

tier := "premium" if "premium" in input.identity.roles
`

// ownRoutes show that policy what it asks for.
var ownRoutes = strings.NewReplacer("\tkeys {$GW_KEYS}\n", "\tkeys {$GW_KEYS}\n\t\tpolicy {\n\t\t\tfolder {$GW_POLICY}\n\t\t}\n", "\tgw_secure\n", `	gw_secure {
		rate_limit {
			zone quota {
				match /quota
				key user
				rate 4/1d
				tier premium 7/1d
			}
		}
		authorize {
			route POST /things {
				permission app:write
				body 1KiB
			}
			route GET /restricted {
				permission app:restricted
				classification restricted
			}
		}
	}
`).Replace(ownCaddyfile)

// startRoutes is a gateway with these routes and this policy before a reflector.
func startRoutes(t *testing.T) *ownSite {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "own.rego"), []byte(ownPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	back := newReflector(t)
	n := kit.Gateway(t, kit.Options{Name: "routes", Caddyfile: ownRoutes, Env: []string{"GW_UPSTREAM=" + strings.TrimPrefix(back.URL, "http://"), "GW_POLICY=" + folder}})
	return &ownSite{node: n, back: back, cli: cli{n, []string{"--config", filepath.Join(n.Data, "Caddyfile")}}}
}

// What peers were fooled by, over the whole path of the binary.
func TestPolicyIsNotFooled(t *testing.T) {
	s := startRoutes(t)
	ursula := s.node.Client(t).Login(t, addUser(t, s.cli, "ursula", "user"))
	send := func(name, method, path string, headers map[string]string, body string) int {
		t.Helper()
		var b strings.Builder
		if strings.Contains(path, "CASE") {
			path = strings.ReplaceAll(path, "CASE", "case="+name)
		}
		fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nConnection: close\r\n", method, path, ursula.Access)
		for k, v := range headers {
			fmt.Fprintf(&b, "%s: %s\r\n", k, v)
		}
		res := exchange(t, s.node, b.String()+"\r\n"+body)
		if res == nil {
			return 0
		}
		return res.StatusCode
	}
	length := func(body string) map[string]string { return map[string]string{"Content-Length": fmt.Sprint(len(body))} }
	chunked := map[string]string{"Transfer-Encoding": "chunked"}
	chunks := func(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }
	good, forbidden := `{"text":"hello"}`, `{"text":"hello","admin":true}`
	large := `{"admin":true,"text":"` + strings.Repeat("x ", 1<<10) + `"}`
	for name, c := range map[string]struct {
		status  int
		headers map[string]string
		body    string
		arrives bool
	}{
		"good":          {200, length(good), good, true},
		"good-chunked":  {200, chunked, chunks(good), true},
		"GHSA-659f":     {403, chunked, chunks(forbidden), false},
		"forbidden":     {403, length(forbidden), forbidden, false},
		"GHSA-8qqm":     {413, length(large), large, false},
		"GHSA-5gpm":     {413, chunked, chunks(large), false},
		"twice":         {400, length(`{"admin":false,"admin":true}`), `{"admin":false,"admin":true}`, false},
		"half":          {400, length(`{"text":"\ud800"}`), `{"text":"\ud800"}`, false},
		"override":      {200, map[string]string{"X-HTTP-Method-Override": "DELETE", "Content-Length": "2"}, `{}`, true},
		"override-open": {200, map[string]string{"X-Original-URL": "/open", "Content-Length": "2"}, `{}`, true},
	} {
		status := send(name, "POST", "/things?CASE", c.headers, c.body)
		got, arrived := s.back.take(name)
		// The WAF stands outside: it may see what is malformed first, and forged headers are refused by gw_client.
		if status != c.status && !(c.status == 400 && status == 403 || strings.HasPrefix(name, "override") && status == 400) || arrived && !c.arrives {
			t.Errorf("%s: %d, want %d, arrived %v", name, status, c.status, arrived)
		}
		if arrived && (got.Method != "POST" || !strings.HasPrefix(got.URI, "/things?") || got.Header.Get("X-Http-Method-Override") != "" || got.Header.Get("X-Original-Url") != "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if status := send("admin", "GET", "/admin/users?CASE", nil, ""); status != 403 {
		t.Errorf("/admin/users: %d", status)
	}
	for i, path := range []string{"//admin/users", "/%2fadmin/users", "/./admin", "/x/../admin", "/;a=b/admin", "/admin%00", "/%61dmin", "/%2561dmin", "/ADMIN", "/\xffadmin"} {
		name := fmt.Sprint("path", i)
		status := send(name, "GET", path+"?CASE", nil, "")
		if got, arrived := s.back.take(name); status == 200 && !strings.HasPrefix(got.URI, "/ADMIN") || arrived && status != 200 { // to this policy, as to this back end, ADMIN is another path
			t.Errorf("%q: %d, arrived %v", path, status, arrived)
		}
	}
}

// The tier that the policy gives counts at the next request.
func TestTierOfThePolicy(t *testing.T) {
	s := startRoutes(t)
	for role, want := range map[string]int{"user": 4, "premium": 7} {
		c := s.node.Client(t).Login(t, addUser(t, s.cli, "tier"+role, role))
		c.Call(t, "GET", "/echo?case=tier", nil).Want(t, http.StatusOK) // the first decision
		n := 0
		for n < 20 && c.Call(t, "GET", "/quota?case=quota", nil).Status == http.StatusOK {
			n++
		}
		if n != want {
			t.Errorf("%s: %d, want %d", role, n, want)
		}
		kit.Eventually(t, 30*time.Second, "the tier in the request's event", func() bool {
			for _, e := range s.node.Events(t) {
				if e.Str("event.action") == "http-request" && e.Str("url.path") == "/quota" && e.Str("gateway.decision.tier") == map[string]string{"user": "standard", "premium": "premium"}[role] {
					return true
				}
			}
			return false
		})
	}
}

// Who is asked for a fresh factor gives it and goes on, a program by the challenge and a person by the page.
func TestStepUpIsFollowed(t *testing.T) {
	s := startRoutes(t)
	u := addUser(t, s.cli, "stefan", "user")
	c := s.node.Client(t).Login(t, u)
	u.TOTPSecret = enrol(t, c)
	c = s.node.Client(t).Login(t, u)
	var set struct{ Codes []string }
	c.Call(t, "POST", "/auth/api/account/recovery-codes", nil).Want(t, http.StatusOK).JSON(t, &set)
	kit.Secret(set.Codes...)

	var challenge struct {
		Type, ACR string
		ACRValues string `json:"acr_values"`
		MaxAge    int    `json:"max_age"`
	}
	kit.Eventually(t, 20*time.Second, "the factor is too old", func() bool {
		a := c.Call(t, "GET", "/restricted?case=api", nil)
		return a.Status == http.StatusUnauthorized && json.Unmarshal(a.Body, &challenge) == nil
	})
	if challenge.Type != "urn:gateway:problem:step-up-required" || challenge.ACRValues != "aal2" || challenge.MaxAge != 5 {
		t.Fatalf("%+v", challenge)
	}
	var tokens struct {
		Access string `json:"access_token"`
	}
	c.Call(t, "POST", "/auth/api/stepup/recovery", map[string]string{"code": set.Codes[0]}).Want(t, http.StatusOK).JSON(t, &tokens)
	kit.Secret(tokens.Access)
	c.Access = tokens.Access
	c.Call(t, "GET", "/restricted?case=api", nil).Want(t, http.StatusOK)

	p := kit.StartBrowser(t).Tab(t, "stefan", kit.Desktop)
	p.Go(s.node.URL + "/restricted?case=page")
	p.Until("the login page", `location.pathname == "/auth/login"`)
	p.Type(`input[name="username"]`, u.Username)
	p.Type(`input[name="password"]`, u.Password)
	p.Click(`form button[type="submit"]`)
	p.Until("the field for the code", `[...document.querySelectorAll('input[name="code"]')].some(e => e.checkVisibility())`)
	code := kit.Code(t, u.TOTPSecret)
	kit.Secret(code)
	p.Type(`input[name="code"]`, code)
	p.Enter(`input[name="code"]`)
	p.Until("the page behind", `location.pathname == "/restricted" && document.body.innerText.includes("r1")`)
	kit.Eventually(t, 20*time.Second, "the page asks again", func() bool {
		p.Go(s.node.URL + "/restricted?case=page")
		there := false
		p.Until("one page or the other", `location.pathname == "/restricted" || document.querySelector("#stepup-code")`)
		there, _ = kit.Await[bool](p, `Promise.resolve(location.pathname == "/auth/login")`)
		return there
	})
	p.Click("[data-use=recovery]")
	p.Type("#stepup-recovery", set.Codes[1])
	p.Enter("#stepup-recovery")
	p.Until("the page behind again", `location.pathname == "/restricted" && document.body.innerText.includes("r1")`)
}
