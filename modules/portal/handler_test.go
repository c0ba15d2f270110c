package portal

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

const creds = `{"username":"ursula","password":"pw"}`

func TestRoutes(t *testing.T) {
	h := newHandler(t, &people{})
	for what, want := range map[string]int{ // 0: passed on
		"GET /":                           0,
		"GET /authors":                    0,
		"GET /api/rooms":                  0,
		"GET /.well-known/other":          0,
		"GET /AUTH/login":                 0,
		"GET //auth/login":                0,
		"GET /auth":                       303,
		"GET /auth/":                      303,
		"GET /auth/login":                 200,
		"HEAD /auth/login":                200,
		"POST /auth/login":                405,
		"GET /auth/login/":                404,
		"GET /auth/Login":                 404,
		"GET /auth//login":                404,
		"GET /auth/login/..%2f..%2fapi":   404,
		"GET /auth/../api/rooms":          404,
		"GET /auth/nothing":               404,
		"GET /auth/assets/":               404,
		"GET /auth/assets/../handler.go":  404,
		"GET /auth/assets/base.css":       404, // only under its hash
		"GET /auth/account":               401,
		"GET /auth/register":              404, // off
		"GET /auth/invite":                404,
		"GET /auth/reset":                 404,
		"GET /auth/verify":                404,
		"GET /auth/account/security":      401,
		"POST /auth/api/language":         422,
		"GET /auth/mfa":                   401,
		"GET /auth/api/session":           401,
		"GET /auth/api/login":             405,
		"OPTIONS /auth/api/login":         405,
		"PUT /auth/api/account/totp":      405,
		"POST /auth/api/account/password": 401,
		"POST /auth/api/account/totp":     401,
		"DELETE /auth/api/account/totp":   401,
		"POST /auth/api/stepup/totp":      401,
		"GET /.well-known/jwks.json":      200,
		"POST /.well-known/jwks.json":     405,
		"POST /auth/api/logout":           204,
	} {
		method, path, _ := strings.Cut(what, " ")
		a := do(t, h, nil, method, path, "")
		if a.passed != (want == 0) || want != 0 && a.Code != want {
			t.Errorf("%s: %d, passed %v", what, a.Code, a.passed)
		}
		if !a.passed && (a.Header().Get("X-Frame-Options") != "DENY" || a.Header().Get("X-Content-Type-Options") != "nosniff" || a.Header().Get("Access-Control-Allow-Origin") != "") {
			t.Errorf("%s: headers %v", what, a.Header())
		}
		if want == 405 && a.Header().Get("Allow") == "" {
			t.Errorf("%s: no Allow", what)
		}
	}
}

func TestPagesAreStrict(t *testing.T) {
	p := &people{profile: account.Profile{Username: "ursula", Roles: []string{"user"}}}
	h := newHandler(t, p)
	for path, id := range map[string]*reqctx.Identity{"/auth/login": nil, "/auth/account": ursula, "/auth/account/security": ursula, "/auth/mfa": ursula, "/auth/login?x": ursula} {
		a := do(t, h, id, "GET", path, "", "Accept", "text/html")
		got := a.Header().Get("Content-Security-Policy")
		if a.Code != 200 || !strings.Contains(got, "default-src 'none'") || !strings.Contains(got, "frame-ancestors 'none'") || strings.Contains(got, "unsafe") || a.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, a.Code, a.Header())
		}
		body := a.Body.String()
		for _, inline := range []string{"<style", " style=", " onclick=", " onload=", "<script>", "javascript:"} {
			if strings.Contains(body, inline) {
				t.Errorf("%s has %s", path, inline)
			}
		}
		if !strings.Contains(body, "Acme") || strings.Contains(body, "ConvoSphere") {
			t.Errorf("%s: the brand is not in one place", path)
		}
	}
}

func TestNamesAndPathsAreEscaped(t *testing.T) {
	p := &people{profile: account.Profile{Username: `<script>alert(1)</script>`, Roles: []string{`"><img src=x>`}}}
	h := newHandler(t, p)
	h.Brand = `<b onload="x">`
	for _, path := range []string{"/auth/account", `/auth/login?return_to=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E`} {
		body := do(t, h, ursula, "GET", path, "").Body.String()
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") || strings.Contains(body, `<b onload`) {
			t.Errorf("%s is not escaped: %s", path, body)
		}
	}
}

func TestAssets(t *testing.T) {
	h := newHandler(t, &people{})
	page := do(t, h, nil, "GET", "/auth/login", "").Body.String()
	for _, name := range []string{"base.css", "login.js", "icon.svg"} {
		if at := assetPaths[name]; !strings.Contains(page, at) {
			t.Errorf("the page does not use %s", at)
		}
	}
	named := regexp.MustCompile(`from "\./([^"]+)"|import "\./([^"]+)"|url\("([^"]+)"\)`)
	for name, at := range assetPaths {
		a := do(t, h, nil, "GET", at, "")
		if a.Code != 200 || a.Body.Len() == 0 || !strings.Contains(a.Header().Get("Cache-Control"), "immutable") || a.Header().Get("Content-Type") != assets[at].contentType || assets[at].contentType == "" {
			t.Errorf("%s: %d %v", at, a.Code, a.Header())
		}
		if a := do(t, h, nil, "GET", at, "", "If-None-Match", a.Header().Get("Etag")); a.Code != 304 {
			t.Errorf("%s again: %d", at, a.Code)
		}
		for _, m := range named.FindAllStringSubmatch(string(assets[at].body), -1) {
			if _, ok := assets[assetFolder+m[1]+m[2]+m[3]]; !ok {
				t.Errorf("%s names %s, which is not there", name, m[0])
			}
		}
	}
}

func TestLogin(t *testing.T) {
	p := &people{}
	h := newHandler(t, p)
	a := do(t, h, nil, "POST", "/auth/api/login", creds)
	if a.Code != 200 || strings.Contains(a.Body.String(), "ACCESS") || strings.Contains(a.Body.String(), "REFRESH") || a.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	set := strings.Join(a.Header()["Set-Cookie"], "\n")
	if !strings.Contains(set, "__Host-gw_access=ACCESS; Path=/; Max-Age=299; HttpOnly; Secure; SameSite=Lax") ||
		!strings.Contains(set, "__Secure-gw_refresh=REFRESH; Path=/auth; Max-Age=1799; HttpOnly; Secure; SameSite=Lax") ||
		!strings.Contains(set, "__Host-gw_session=REFRESH; Path=/; Max-Age=1799; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("cookies: %s", set)
	}
	a = do(t, h, nil, "POST", "/auth/api/login", `{"username":"ursula","password":"pw","delivery":"body"}`)
	if a.Code != 200 || !strings.Contains(a.Body.String(), `"access_token":"ACCESS"`) || len(a.Header()["Set-Cookie"]) > 0 {
		t.Errorf("%d %s %v", a.Code, a.Body, a.Header())
	}
	// The session that the browser had before ends.
	p.asked = nil
	do(t, h, nil, "POST", "/auth/api/login", creds, "Cookie", "__Secure-gw_refresh=OLD; __Host-gw_session=OLD")
	if got := strings.Join(p.asked, "|"); got != "login ursula pw|logout OLD " {
		t.Errorf("asked %q", got)
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		kind   string
	}{
		"credentials": {session.ErrCredentials, 401, "wrong-credentials"},
		"code":        {session.ErrCode, 401, "wrong-code"},
		"session":     {session.ErrSession, 401, "session-ended"},
		"throttled":   {session.Throttled{RetryAfter: 90 * time.Second}, 429, "rate-limited"},
		"weak":        {account.WeakPassword{Reason: "too short"}, 422, "weak-password"},
		"exists":      {account.ErrExists, 409, "second-factor-exists"},
		"not found":   {account.ErrNotFound, 409, "no-second-factor"},
		"anything":    {errors.New("dial tcp 10.0.0.1: secret detail"), 503, "unavailable"},
	} {
		a := do(t, newHandler(t, &people{err: c.err}), nil, "POST", "/auth/api/login", creds)
		if a.Code != c.status || a.kind() != c.kind || strings.Contains(a.Body.String(), "secret detail") || len(a.Header()["Set-Cookie"]) > 0 {
			t.Errorf("%s: %d %s", name, a.Code, a.Body)
		}
		if c.status == 429 && a.Header().Get("Retry-After") != "90" || c.status == 503 && a.Header().Get("Retry-After") == "" {
			t.Errorf("%s: Retry-After %q", name, a.Header().Get("Retry-After"))
		}
		if c.status == 422 && !strings.Contains(a.Body.String(), `"reason":"too short"`) {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
}

func TestBodies(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"fine":               {creds, 200},
		"spaces":             {" \n" + creds + "\t\r\n", 200},
		"not JSON":           {"username=ursula&password=pw", 400},
		"cut":                {`{"username":"ursula"`, 400},
		"a list":             {`["username"]`, 400},
		"trailing":           {creds + creds, 400},
		"trailing bracket":   {creds + "}", 400},
		"unknown member":     {`{"username":"ursula","password":"pw","admin":"1"}`, 422},
		"another case":       {`{"username":"ursula","Password":"pw"}`, 422},
		"twice":              {`{"username":"ursula","password":"a","password":"pw"}`, 400},
		"twice, escaped":     {`{"username":"ursula","password":"a","pass\u0077ord":"pw"}`, 400},
		"a number":           {`{"username":"ursula","password":1}`, 422},
		"null":               {`{"username":"ursula","password":null}`, 422},
		"nested":             {`{"username":{"$ne":""},"password":"pw"}`, 422},
		"deep":               {`{"username":` + strings.Repeat("[", 7000) + `}`, 422},
		"missing":            {`{"username":"ursula"}`, 422},
		"empty":              {"", 422},
		"empty object":       {`{}`, 422},
		"invalid UTF-8":      {"{\"username\":\"ursula\",\"password\":\"\xff\"}", 400},
		"half a character":   {`{"username":"ursula","password":"\ud800"}`, 422},
		"NUL":                {`{"username":"ursula","password":"a\u0000b"}`, 422},
		"too large":          {`{"username":"ursula","password":"` + strings.Repeat("x", 17<<10) + `"}`, 413},
		"an odd delivery":    {`{"username":"ursula","password":"pw","delivery":"url"}`, 422},
		"a byte order mark":  {"\ufeff" + creds, 400},
		"a comment":          {`{"username":"ursula",/**/"password":"pw"}`, 400},
		"a comma at the end": {`{"username":"ursula","password":"pw",}`, 400},
		"an empty text":      {`{"username":"ursula","password":""}`, 422},
	} {
		p := &people{}
		a := do(t, newHandler(t, p), nil, "POST", "/auth/api/login", c.body)
		if a.Code != c.status || (len(p.asked) > 0) != (c.status == 200) {
			t.Errorf("%s: %d %s", name, a.Code, a.Body)
		}
	}
	h := newHandler(t, &people{})
	for _, ct := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=utf-16", "application/json2", "text/json"} {
		if a := do(t, h, nil, "POST", "/auth/api/login", creds, "Content-Type", ct); a.Code != 415 {
			t.Errorf("%q: %d", ct, a.Code)
		}
	}
	if a := do(t, h, nil, "POST", "/auth/api/login", creds, "Content-Type", "application/json; charset=UTF-8"); a.Code != 200 {
		t.Errorf("with a charset: %d", a.Code)
	}
	if a := do(t, h, nil, "POST", "/auth/api/login", creds, "Content-Encoding", "gzip"); a.Code != 415 {
		t.Errorf("compressed: %d", a.Code)
	}
}

// A page of another site must not sign its visitor in, or out.
func TestCrossSite(t *testing.T) {
	for _, path := range []string{"/auth/api/login", "/auth/api/mfa/totp", "/auth/api/refresh", "/auth/api/logout"} {
		for name, headers := range map[string][]string{
			"cross site":     {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
			"same site":      {"Sec-Fetch-Site", "same-site"},
			"an old browser": {"Origin", "https://evil.example"},
			"opaque":         {"Origin", "null"},
		} {
			p := &people{}
			if a := do(t, newHandler(t, p), nil, "POST", path, "", headers...); a.Code != 403 || a.kind() != "cross-site" || len(p.asked) > 0 {
				t.Errorf("%s, %s: %d, asked %q", path, name, a.Code, p.asked)
			}
		}
	}
	if a := do(t, newHandler(t, &people{}), nil, "POST", "/auth/api/login", creds, "Sec-Fetch-Site", "same-origin", "Origin", "https://gw.example"); a.Code != 200 {
		t.Errorf("own page: %d", a.Code)
	}
}

func TestRefreshAndLogout(t *testing.T) {
	for name, c := range map[string]struct {
		path, body, cookie string
		status             int
		asked              string
		cleared            bool
	}{
		"cookie":               {"refresh", "", "__Secure-gw_refresh=R; __Host-gw_session=R", 200, "refresh R", false},
		"cookie, empty object": {"refresh", "{}", "a=1; __Secure-gw_refresh=R; __Host-gw_session=R", 200, "refresh R", false},
		"body":                 {"refresh", `{"refresh_token":"B","delivery":"body"}`, "__Secure-gw_refresh=R", 200, "refresh B", false},
		"none":                 {"refresh", "", "", 401, "", true},
		"planted":              {"refresh", "", "__Secure-gw_refresh=EVIL.x", 401, "", true},
		"planted instead":      {"refresh", "", "__Secure-gw_refresh=EVIL.x; __Host-gw_session=S", 401, "", true},
		"planted before":       {"refresh", "", "__Secure-gw_refresh=EVIL.x; __Secure-gw_refresh=S.x; __Host-gw_session=S", 200, "refresh S.x", false},
		"planted after":        {"refresh", "", "__Host-gw_session=S; __Secure-gw_refresh=S.x; __Secure-gw_refresh=EVIL.x", 200, "refresh S.x", false},
		"planted of its name":  {"refresh", "", "__Secure-gw_refresh=S.x; __Secure-gw_refresh=S.y; __Host-gw_session=S", 401, "", true},
		"two sessions":         {"refresh", "", "__Secure-gw_refresh=S.x; __Host-gw_session=S; __Host-gw_session=T", 401, "", true},
		"no session":           {"refresh", "", "__Secure-gw_refresh=; __Host-gw_session=", 401, "", true},
		"logout of a planted":  {"logout", "", "__Secure-gw_refresh=EVIL.x", 204, "logout  S", true},
		"out of the cookie":    {"refresh", `{"delivery":"body"}`, "__Secure-gw_refresh=R; __Host-gw_session=R", 422, "", false},
		"logout by cookie":     {"logout", "", "__Secure-gw_refresh=R; __Host-gw_session=R", 204, "logout R S", true},
		"logout by body":       {"logout", `{"refresh_token":"B"}`, "", 204, "logout B S", true},
		"logout by identity":   {"logout", "", "", 204, "logout  S", true},
	} {
		p := &people{}
		id := ursula
		if c.path == "refresh" {
			id = nil
		}
		a := do(t, newHandler(t, p), id, "POST", "/auth/api/"+c.path, c.body, "Cookie", c.cookie)
		set := strings.Join(a.Header()["Set-Cookie"], "\n")
		cleared := strings.Contains(set, "__Host-gw_access=; Path=/; Max-Age=0") && strings.Contains(set, "__Secure-gw_refresh=; Path=/auth; Max-Age=0") &&
			strings.Contains(set, "__Host-gw_session=; Path=/; Max-Age=0")
		if a.Code != c.status || strings.Join(p.asked, "|") != c.asked || cleared != c.cleared {
			t.Errorf("%s: %d %s, asked %q, cookies %q", name, a.Code, a.Body, p.asked, set)
		}
	}
	// What can't be ended is said, and the browser forgets all the same.
	a := do(t, newHandler(t, &people{err: errors.New("down")}), ursula, "POST", "/auth/api/logout", "")
	if a.Code != 503 || len(a.Header()["Set-Cookie"]) != 3 {
		t.Errorf("%d %v", a.Code, a.Header())
	}
	a = do(t, newHandler(t, &people{err: session.ErrSession}), nil, "POST", "/auth/api/refresh", "", "Cookie", "__Secure-gw_refresh=R; __Host-gw_session=R")
	if a.Code != 401 || len(a.Header()["Set-Cookie"]) != 3 {
		t.Errorf("a spent cookie stays: %d %v", a.Code, a.Header())
	}
}

// New tokens of somebody who is signed in go back the way the old one came.
func TestAccountTokens(t *testing.T) {
	bearer := *ursula
	bearer.Cookie = false
	for _, path := range []string{"/auth/api/stepup/totp", "/auth/api/account/totp/confirm"} {
		body := `{"code":"123456"}`
		if strings.HasSuffix(path, "confirm") {
			body = `{"token":"T","code":"123456"}`
		}
		a := do(t, newHandler(t, &people{}), ursula, "POST", path, body)
		if a.Code != 200 || len(a.Header()["Set-Cookie"]) != 3 || strings.Contains(a.Body.String(), "ACCESS") {
			t.Errorf("%s by cookie: %d %s", path, a.Code, a.Body)
		}
		a = do(t, newHandler(t, &people{}), &bearer, "POST", path, body)
		if a.Code != 200 || len(a.Header()["Set-Cookie"]) != 0 || !strings.Contains(a.Body.String(), "ACCESS") {
			t.Errorf("%s by bearer: %d %s", path, a.Code, a.Body)
		}
	}
}

func TestPolicy(t *testing.T) {
	none := func(*engine.Input) engine.Decision { return engine.Decision{Reason: "closed"} }
	stepUp := func(*engine.Input) engine.Decision {
		return engine.Decision{Obligations: engine.Obligations{StepUp: true}}
	}
	all := func(*engine.Input) engine.Decision { return engine.Decision{Allow: true} }
	for name, c := range map[string]struct {
		decide       func(*engine.Input) engine.Decision
		id           *reqctx.Identity
		method, path string
		status       int
		kind         string
	}{
		"closed, login":               {none, nil, "POST", "/auth/api/login", 403, "forbidden"},
		"closed, page":                {none, nil, "GET", "/auth/login", 403, ""},
		"closed, account":             {none, ursula, "GET", "/auth/api/session", 403, "forbidden"},
		"open to all, nobody":         {all, nil, "GET", "/auth/api/session", 401, "unauthenticated"},
		"second factor":               {stepUp, ursula, "GET", "/auth/api/session", 401, "step-up-required"},
		"second factor, page":         {stepUp, ursula, "GET", "/auth/account", 303, ""},
		"second factor, its own page": {stepUp, ursula, "GET", "/auth/mfa", 200, ""},
		"second factor, nobody":       {stepUp, nil, "GET", "/auth/mfa", 303, ""},
	} {
		h := newHandler(t, &people{decide: c.decide, profile: account.Profile{TOTP: true}})
		accept := ""
		if c.kind == "" {
			accept = "text/html"
		}
		a := do(t, h, c.id, c.method, c.path, "", "Accept", accept)
		if a.Code != c.status || a.kind() != c.kind {
			t.Errorf("%s: %d %s", name, a.Code, a.Body)
		}
		if a.rc.Route == "" || a.rc.Decision == nil {
			t.Errorf("%s: the event will not know: %+v", name, a.rc)
		}
	}
	// Each route asks for what it needs.
	var asked []string
	h := newHandler(t, &people{decide: func(in *engine.Input) engine.Decision {
		asked = append(asked, in.Permission+" "+in.Route)
		return engine.Decision{}
	}})
	do(t, h, ursula, "POST", "/auth/api/account/password", "{}")
	do(t, h, nil, "GET", assetPaths["login.js"], "")
	if got := strings.Join(asked, "|"); got != "account:self /auth/api/account/password|public /auth/assets/" {
		t.Errorf("asked %q", got)
	}
}

func TestLoginPage(t *testing.T) {
	h := newHandler(t, &people{profile: account.Profile{TOTP: true}})
	if body := do(t, h, nil, "GET", "/auth/login?return_to=/rooms", "").Body.String(); !strings.Contains(body, `data-return-to="/rooms"`) || strings.Contains(body, " data-resume") {
		t.Error(body)
	}
	if body := do(t, h, nil, "GET", "/auth/login", "", "Cookie", "__Secure-gw_refresh=R").Body.String(); strings.Contains(body, " data-resume") {
		t.Error("a planted cookie takes the browser into somebody else's session")
	}
	if body := do(t, h, nil, "GET", "/auth/login", "", "Cookie", "__Secure-gw_refresh=R; __Host-gw_session=R").Body.String(); !strings.Contains(body, " data-resume") {
		t.Error("the browser is not taken back in")
	}
	for _, to := range []string{"https://evil.example", "//evil.example", "/%5cevil.example", "/rooms&return_to=//evil.example"} {
		if body := do(t, h, nil, "GET", "/auth/login?return_to="+to, "").Body.String(); strings.Contains(body, "evil") || !strings.Contains(body, `data-return-to="/"`) {
			t.Errorf("%s: it leads away", to)
		}
	}
	// Somebody who is signed in was sent here for the second factor.
	if body := do(t, h, ursula, "GET", "/auth/login?return_to=/x", "").Body.String(); !strings.Contains(body, "stepup-form") {
		t.Error("the second factor is not asked for")
	}
	fresh := *ursula
	fresh.MFATime = time.Now()
	if body := do(t, h, &fresh, "GET", "/auth/login?return_to=/x", "").Body.String(); !strings.Contains(body, "You are signed in") {
		t.Error("the second factor is asked for again")
	}
	// A page may want a fresher one than others, but no query makes an old one do.
	older := *ursula
	older.MFATime = time.Now().Add(-5 * time.Minute)
	for query, again := range map[string]bool{"": false, "&max_age=60": true, "&max_age=0": true, "&max_age=599": false, "&max_age=-1": false, "&max_age=x": false} {
		if body := do(t, h, &older, "GET", "/auth/login?return_to=/x"+query, "").Body.String(); strings.Contains(body, "stepup-form") != again {
			t.Errorf("%q: asked for again: %v", query, !again)
		}
	}
	older.MFATime = time.Now().Add(-stepUpAge)
	if body := do(t, h, &older, "GET", "/auth/login?return_to=/x&max_age=86400", "").Body.String(); !strings.Contains(body, "stepup-form") {
		t.Error("a query makes an old factor do")
	}
	h = newHandler(t, &people{err: session.ErrSession})
	if a := do(t, h, ursula, "GET", "/auth/login", ""); a.Code != 200 || !strings.Contains(a.Body.String(), "password-form") || len(a.Header()["Set-Cookie"]) != 3 {
		t.Errorf("a session that ended this moment: %d", a.Code)
	}
}

func TestSecretsAreInNoURL(t *testing.T) {
	a := do(t, newHandler(t, &people{}), nil, "POST", "/auth/api/login?username=ursula&password=pw", "{}")
	if a.Code != http.StatusUnprocessableEntity {
		t.Errorf("%d", a.Code)
	}
}

func FuzzBody(f *testing.F) {
	for _, s := range []string{creds, `{"a":"b"}`, `{"username":"\u0061"}`, `{}`, `[]`, "{\"username\":\"\xff\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		found, err := parseFields(raw, []string{"username", "password"})
		if err != nil {
			return
		}
		// Another reader of the same bytes must see the same.
		var other map[string]string
		if err := unmarshalStrict(raw, &other); err != nil || len(other) != len(found) {
			t.Fatalf("%q: %v, %v, %v", raw, found, other, err)
		}
		for k, v := range found {
			if other[k] != v || k != "username" && k != "password" || strings.ContainsAny(v, "\x00\ufffd") {
				t.Errorf("%q: %q is %q and %q", raw, k, v, other[k])
			}
		}
	})
}
