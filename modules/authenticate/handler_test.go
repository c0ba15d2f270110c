package authenticate

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const good, goodCookie = "Bearer good-ursula", "__Host-gw_access=good-ursula"

func TestBearer(t *testing.T) {
	h := newHandler(t, newPeople())
	for name, c := range map[string]struct {
		headers []string
		status  int // 200: passes
		who     string
	}{
		"none":                   {nil, 200, "anonymous"},
		"good":                   {[]string{"Authorization", good}, 200, "ursula"},
		"lower case scheme":      {[]string{"Authorization", "bearer good-ursula"}, 200, "ursula"},
		"spaces":                 {[]string{"Authorization", " BEARER   good-ursula "}, 200, "ursula"},
		"forged":                 {[]string{"Authorization", "Bearer forged"}, 401, ""},
		"empty":                  {[]string{"Authorization", ""}, 401, ""},
		"scheme alone":           {[]string{"Authorization", "Bearer"}, 401, ""},
		"empty token":            {[]string{"Authorization", "Bearer "}, 401, ""},
		"two tokens":             {[]string{"Authorization", "Bearer good-ursula good-ursula"}, 401, ""},
		"two in a list":          {[]string{"Authorization", "Bearer good-ursula, Bearer good-ursula"}, 401, ""},
		"two headers":            {[]string{"Authorization", good, "Authorization", good}, 400, ""},
		"good and empty headers": {[]string{"Authorization", good, "Authorization", ""}, 400, ""},
		"basic":                  {[]string{"Authorization", "Basic YTpi"}, 401, ""},
		"too long":               {[]string{"Authorization", "Bearer good-" + strings.Repeat("a", 8<<10)}, 401, ""},
		"odd characters":         {[]string{"Authorization", "Bearer good-\u00fcrsula"}, 401, ""},
		"wins over the cookie":   {[]string{"Authorization", "Bearer good-ada", "Cookie", goodCookie}, 200, "ada"},
		"bad, with good cookie":  {[]string{"Authorization", "Bearer forged", "Cookie", goodCookie}, 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := do(t, h, request("GET", "/x?access_token=good-ada&token=good-ada", c.headers...))
			if c.status != 200 {
				if got.next != nil || got.w.Code != c.status || !strings.HasPrefix(got.w.Header().Get("WWW-Authenticate"), "Bearer error=") {
					t.Errorf("%s: %d %q", got.name(), got.w.Code, got.w.Header())
				}
				return
			}
			if got.name() != c.who {
				t.Fatalf("%s: %d", got.name(), got.w.Code)
			}
			if got.next.Header.Get("Authorization") != "" || strings.Contains(got.next.Header.Get("Cookie"), "gw_") {
				t.Errorf("a token goes on: %v", got.next.Header)
			}
		})
	}
}

func TestCookie(t *testing.T) {
	h := newHandler(t, newPeople())
	for name, c := range map[string]struct {
		path    string
		cookies []string
		who     string // "refused": 401
		rest    string
		cleared bool
	}{
		"good":                       {"/x", []string{goodCookie}, "ursula", "", false},
		"among others":               {"/x", []string{"a=1; " + goodCookie + "; b=2"}, "ursula", "a=1; b=2", false},
		"in a second header":         {"/x", []string{"a=1", goodCookie}, "ursula", "a=1", false},
		"others only":                {"/x", []string{"a=1; b=\"2\"; c"}, "anonymous", "a=1; b=\"2\"; c", false},
		"forged":                     {"/x", []string{"__Host-gw_access=forged"}, "refused", "", true},
		"empty":                      {"/x", []string{"__Host-gw_access="}, "refused", "", true},
		"no value":                   {"/x", []string{"__Host-gw_access"}, "refused", "", true},
		"quoted":                     {"/x", []string{`__Host-gw_access="good-ursula"`}, "refused", "", true},
		"twice":                      {"/x", []string{goodCookie + "; " + goodCookie}, "refused", "", true},
		"twice, in two headers":      {"/x", []string{"__Host-gw_access=good-mallory", goodCookie}, "refused", "", true},
		"twice, with spaces":         {"/x", []string{goodCookie + ";  __Host-gw_access = good-mallory"}, "refused", "", true},
		"refresh goes no further":    {"/x", []string{"__Secure-gw_refresh=r; a=1"}, "anonymous", "a=1", false},
		"nothing of ours goes on":    {"/x", []string{"__Secure-gw_device=d; __Host-gw_oidc=o; __Host-gwx=1; a=1"}, "anonymous", "__Host-gwx=1; a=1", false},
		"the portal's go to it":      {"/auth/oidc/x/callback", []string{"__Secure-gw_device=d; __Host-gw_oidc=o"}, "anonymous", "__Secure-gw_device=d; __Host-gw_oidc=o", false},
		"refresh goes to the portal": {"/auth/api/refresh", []string{"__Secure-gw_refresh=r; a=1"}, "anonymous", "__Secure-gw_refresh=r; a=1", false},
		"bad, on the portal":         {"/auth/login", []string{"__Host-gw_access=forged"}, "anonymous", "", true},
		"twice, on the portal":       {"/auth/login", []string{goodCookie + "; " + goodCookie}, "anonymous", "", true},
		"good, on the portal":        {"/auth/account", []string{goodCookie}, "ursula", "", false},
		"a token for programs":       {"/x", []string{"__Host-gw_access=gwp_good"}, "refused", "", true},
		"near the portal":            {"/authors", []string{"__Host-gw_access=forged"}, "refused", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			var headers []string
			for _, v := range c.cookies {
				headers = append(headers, "Cookie", v)
			}
			got := do(t, h, request("GET", c.path, headers...))
			if got.name() != c.who || got.next == nil && got.w.Code != 401 {
				t.Fatalf("%s: %d", got.name(), got.w.Code)
			}
			set := got.w.Header().Get("Set-Cookie")
			if strings.HasPrefix(set, "__Host-gw_access=;") != c.cleared || c.cleared && !strings.Contains(set, "Max-Age=0; HttpOnly; Secure; SameSite=Lax") {
				t.Errorf("Set-Cookie: %q", set)
			}
			if got.next != nil {
				if rest := strings.Join(got.next.Header["Cookie"], "|"); rest != c.rest {
					t.Errorf("goes on: %q", rest)
				}
				if id := reqctx.From(got.next.Context()).Identity; id != nil && !id.Cookie {
					t.Error("the identity is not marked as a cookie's")
				}
			}
		})
	}
}

func TestBadCookieSendsPageToLogin(t *testing.T) {
	got := do(t, newHandler(t, newPeople()), request("GET", "/rooms?x=1", "Cookie", "__Host-gw_access=forged", "Accept", "text/html"))
	if got.w.Code != http.StatusSeeOther || got.w.Header().Get("Location") != "/auth/login?return_to=%2Frooms%3Fx%3D1" {
		t.Errorf("%d %v", got.w.Code, got.w.Header())
	}
}

func TestIdentityAppDown(t *testing.T) {
	p := newPeople()
	h := newHandler(t, p)
	p.err = errors.New("the database is away: secret detail")
	got := do(t, h, request("GET", "/x", "Authorization", good))
	if got.next != nil || got.w.Code != 503 || got.w.Header().Get("Retry-After") != "5" || strings.Contains(got.w.Body.String(), "secret") {
		t.Errorf("%d %v %s", got.w.Code, got.w.Header(), got.w.Body)
	}
}

func TestFloodOfBadTokensCostsLittle(t *testing.T) {
	p := newPeople()
	h := newHandler(t, p)
	throttled := 0
	for i := range 200 {
		got := do(t, h, request("GET", "/x", "Authorization", fmt.Sprintf("Bearer forged-%d", i)))
		switch got.w.Code {
		case 429:
			throttled++
			if got.w.Header().Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		case 401:
		default:
			t.Errorf("status %d", got.w.Code)
		}
	}
	if p.verified > 25 || throttled < 175 {
		t.Errorf("%d verified, %d throttled", p.verified, throttled)
	}
	// Malformed ones cost nothing, and known ones pass, whoever shares the address.
	if got := do(t, h, request("GET", "/x", "Authorization", "Bearer !")); got.w.Code != 401 {
		t.Errorf("malformed: %d", got.w.Code)
	}
	p.known["good-ursula"] = true
	if got := do(t, h, request("GET", "/x", "Authorization", good)); got.name() != "ursula" {
		t.Errorf("a known token: %d", got.w.Code)
	}
	// Another client is another matter.
	r := request("GET", "/x", "Authorization", "Bearer good-ada")
	r.RemoteAddr = "198.51.100.9:1"
	if got := do(t, h, r); got.name() != "ada" {
		t.Errorf("another client: %d", got.w.Code)
	}
	// Nobody is kept from the login page, and the cookie that was not looked at stays.
	if got := do(t, h, request("GET", "/auth/login", "Cookie", "__Host-gw_access=good-petra")); got.name() != "anonymous" || got.w.Header().Get("Set-Cookie") != "" {
		t.Errorf("the portal: %s %v", got.name(), got.w.Header())
	}
}

func TestFreshTokensBehindOneAddress(t *testing.T) {
	h := newHandler(t, newPeople())
	for i := range 500 {
		if got := do(t, h, request("GET", "/x", "Authorization", fmt.Sprintf("Bearer good-p%d", i))); got.next == nil {
			t.Fatalf("person %d: %d", i, got.w.Code)
		}
	}
}

func TestCrossSiteRequests(t *testing.T) {
	h := newHandler(t, newPeople())
	for name, c := range map[string]struct {
		method  string
		headers []string
		passes  bool
	}{
		"same origin":                {"POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://gw.example"}, true},
		"typed by the user":          {"POST", []string{"Sec-Fetch-Site", "none"}, true},
		"cross site":                 {"POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, false},
		"a neighbouring host":        {"POST", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://x.gw.example"}, false},
		"an old browser, cross site": {"DELETE", []string{"Origin", "https://evil.example"}, false},
		"an old browser, own":        {"DELETE", []string{"Origin", "https://gw.example"}, true},
		"own host, plain http":       {"PUT", []string{"Origin", "http://gw.example"}, false},
		"opaque":                     {"POST", []string{"Origin", "null"}, false},
		"two origins":                {"POST", []string{"Origin", "https://gw.example", "Origin", "https://evil.example"}, false},
		"configured":                 {"POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example.com"}, true},
		"no browser":                 {"POST", nil, true},
		"reading":                    {"GET", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, true},
		"a method nobody knows":      {"BREW", []string{"Sec-Fetch-Site", "cross-site"}, false},
		"get in disguise":            {"get", []string{"Sec-Fetch-Site", "cross-site"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := do(t, h, request(c.method, "/x", append(c.headers, "Cookie", goodCookie)...))
			if (got.next != nil) != c.passes || got.next == nil && got.w.Code != 403 {
				t.Errorf("with a cookie: %s %d", got.name(), got.w.Code)
			}
			if got := do(t, h, request(c.method, "/x", append(c.headers, "Authorization", good)...)); got.next == nil {
				t.Errorf("with a bearer: %d", got.w.Code)
			}
		})
	}
}

func FuzzAuthorization(f *testing.F) {
	for _, s := range []string{"Bearer a.b.c", "bearer  x", "Basic y", "Bearer a, Bearer b", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		token, status := bearer([]string{v})
		if (status == 0) != isToken(token) {
			t.Errorf("%q: token %q, status %d", v, token, status)
		}
		if status == 0 && (!strings.EqualFold(strings.Trim(v, " \t")[:7], "Bearer ") || !strings.Contains(v, token)) {
			t.Errorf("%q: token %q", v, token)
		}
	})
}

// No spelling of our cookies goes on that net/http, or a plain search, would still read as ours; and what is not ours stays.
func FuzzCookies(f *testing.F) {
	f.Add("a=1; __Host-gw_access=x; b=2", "__Secure-gw_refresh=y")
	f.Add(";;__Host-gw_access ==;\t__Host-gw_access", "c=__Host-gw_access=1")
	f.Add(";__Host-gw_acsesc ==;\n__Host-gw_", "c=__Host-gw_\x00\x00\x80\x00ss=1")
	f.Fuzz(func(t *testing.T, one, two string) {
		before := http.Header{"Cookie": {one, two}}
		others := 0
		for _, c := range (&http.Request{Header: before.Clone()}).Cookies() {
			if !isOurs(c.Name) {
				others++
			}
		}
		_, _ = takeCookies(before, false)
		after := 0
		for _, c := range (&http.Request{Header: before}).Cookies() {
			if isOurs(c.Name) {
				t.Errorf("%q, %q: %s goes on", one, two, c.Name)
			}
			after++
		}
		if after != others {
			t.Errorf("%q, %q: %d other cookies, %d go on", one, two, others, after)
		}
	})
}

func BenchmarkKnown(b *testing.B) {
	p := newPeople()
	p.known["good-ursula"] = true
	c := &credential{token: "good-ursula", cookie: true}
	h := &Handler{identity: p}
	r := request("GET", "/x")
	b.ReportAllocs()
	for b.Loop() {
		_, _ = h.identify(r, &reqctx.Request{}, c)
	}
}
