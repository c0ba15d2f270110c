package authenticate

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/authenticate/foreign"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/test/extended"
	"github.com/convosphere/gateway/test/issuer"
)

type claims = map[string]any

func withIssuer(t *testing.T, h *Handler, idp *issuer.Issuer) {
	t.Helper()
	var err error
	h.issuers, err = foreign.New(t.Context(), []foreign.Issuer{{
		URL: idp.URL, As: "corp", Audience: []string{"chat"}, Map: []foreign.Mapping{{Claim: "groups", Value: "staff", Roles: []string{"user"}}},
	}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.issuers.Close)
}

var staff = claims{"groups": "staff"}

func TestForeignTokens(t *testing.T) {
	idp, p := issuer.New(t), newPeople()
	h := newHandler(t, p)
	withIssuer(t, h, idp)
	raw := idp.Token(t, "ada", "chat", staff)
	for range 2 {
		got := do(t, h, request("GET", "/x", "Authorization", "Bearer "+raw))
		if got.name() != "ada@corp" {
			t.Fatalf("%s: %d", got.name(), got.w.Code)
		}
		if id := reqctx.From(got.next.Context()).Identity; id.Kind != reqctx.KindForeign || got.next.Header.Get("Authorization") != "" {
			t.Errorf("%+v", id)
		}
	}
	if p.verified != 0 {
		t.Error("a foreign token was given to the identity app")
	}
	if got := do(t, h, request("GET", "/x", "Authorization", good)); got.name() != "ursula" {
		t.Errorf("our own token: %s", got.name())
	}
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"for another":             {[]string{"Authorization", "Bearer " + idp.Token(t, "ada", "mail", staff)}, 401},
		"without a role":          {[]string{"Authorization", "Bearer " + idp.Token(t, "ada", "chat", nil)}, 403},
		"expired":                 {[]string{"Authorization", "Bearer " + idp.Token(t, "ada", "chat", claims{"groups": "staff", "exp": 1})}, 401},
		"by an unknown issuer":    {[]string{"Authorization", "Bearer " + idp.Token(t, "ada", "chat", claims{"groups": "staff", "iss": "https://evil.example"})}, 401},
		"in the cookie":           {[]string{"Cookie", accessCookie + "=" + raw}, 401},
		"in the query":            {nil, 200},
		"in the cookie, verified": {[]string{"Cookie", accessCookie + "=" + raw, "X", "y"}, 401},
	} {
		got := do(t, h, request("POST", "/x?access_token="+raw, c.headers...))
		if got.w.Code != c.status || got.next != nil && got.name() != "anonymous" {
			t.Errorf("%s: %s %d", name, got.name(), got.w.Code)
		}
	}
	idp.Down(true)
	other := issuer.New(t)
	withIssuer(t, h, other)
	other.Down(true)
	got := do(t, h, request("GET", "/x", "Authorization", "Bearer "+other.Token(t, "ada", "chat", staff)))
	if got.w.Code != 503 || got.w.Header().Get("Retry-After") == "" {
		t.Errorf("an issuer that is down: %d", got.w.Code)
	}
}

// A flood of made-up tokens is stopped by the client's budget before the issuer or its keys are asked.
func TestForeignFlood(t *testing.T) {
	idp := issuer.New(t)
	h := newHandler(t, newPeople())
	withIssuer(t, h, idp)
	liar := issuer.New(t)
	codes := map[int]int{}
	for range 100 {
		codes[do(t, h, request("GET", "/x", "Authorization", "Bearer "+liar.Token(t, "ada", "chat", claims{"iss": idp.URL, "groups": "staff"}))).w.Code]++
	}
	h.budget = newBudget(20, 5, time.Now)
	unmapped := map[int]int{}
	for range 100 {
		unmapped[do(t, h, request("GET", "/x", "Authorization", "Bearer "+idp.Token(t, "ada", "chat", nil))).w.Code]++
	}
	if unmapped[403] > 25 || unmapped[429] < 70 {
		t.Errorf("tokens without a role: %v", unmapped)
	}
	down := issuer.New(t)
	withIssuer(t, h, down)
	down.Down(true)
	h.budget = newBudget(20, 5, time.Now)
	unasked := map[int]int{}
	for range 100 {
		unasked[do(t, h, request("GET", "/x", "Authorization", "Bearer "+liar.Token(t, "ada", "chat", claims{"iss": down.URL, "groups": "staff"}))).w.Code]++
	}
	if unasked[503] > 25 || unasked[429] < 70 {
		t.Errorf("while the issuer is down: %v", unasked)
	}
	if codes[401] > 25 || codes[429] < 70 || idp.Asked() > 2 {
		t.Errorf("%v, asked %d times", codes, idp.Asked())
	}
}

func connection(t *testing.T, name string) *tls.ConnectionState {
	t.Helper()
	leaf := &x509.Certificate{Subject: pkix.Name{CommonName: name}, Issuer: pkix.Name{CommonName: "CA"}, Raw: []byte(name), NotAfter: time.Now().Add(time.Hour)}
	return &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
}

func TestCertificates(t *testing.T) {
	h := newHandler(t, newPeople())
	h.Certificates = []foreign.Certificate{{Name: "billing", Subjects: []string{"CN=billing"}, Roles: []string{"user"}}}
	with := func(r *http.Request, name string) *http.Request {
		r.TLS = connection(t, name)
		return r
	}
	for name, c := range map[string]struct {
		r   *http.Request
		who string
	}{
		"mapped":                    {with(request("GET", "/x"), "billing"), "billing@certificate"},
		"not mapped":                {with(request("GET", "/x"), "other"), "anonymous"},
		"a bearer wins":             {with(request("GET", "/x", "Authorization", good), "billing"), "ursula"},
		"a cookie wins":             {with(request("GET", "/x", "Cookie", goodCookie), "billing"), "ursula"},
		"beside a bad bearer":       {with(request("GET", "/x", "Authorization", "Bearer forged"), "billing"), "refused"},
		"beside a bad cookie":       {with(request("GET", "/x", "Cookie", "__Host-gw_access=forged"), "billing"), "refused"},
		"a program changes":         {with(request("POST", "/x"), "billing"), "billing@certificate"},
		"another site's page":       {with(request("POST", "/x", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"), "billing"), "refused"},
		"another site's old page":   {with(request("POST", "/x", "Origin", "https://evil.example"), "billing"), "refused"},
		"the own page":              {with(request("POST", "/x", "Origin", "https://gw.example", "Sec-Fetch-Site", "same-origin"), "billing"), "billing@certificate"},
		"a program's socket":        {with(handshake(), "billing"), "billing@certificate"},
		"another site's socket":     {with(handshake("Origin", "https://evil.example"), "billing"), "refused"},
		"a certificate in a header": {request("GET", "/x", "X-Forwarded-Client-Cert", "Subject=\"CN=billing\"", "X-SSL-Client-S-DN", "CN=billing", "Client-Cert", ":YmlsbGluZw==:"), "anonymous"},
	} {
		if got := do(t, h, c.r); got.name() != c.who {
			t.Errorf("%s: %s %d", name, got.name(), got.w.Code)
		}
	}
	r := extended.Request(2, "https://gw.example/ws")
	if got := do(t, h, with(r, "billing")); got.name() != "billing@certificate" {
		t.Errorf("extended CONNECT: %s", got.name())
	}
}

func TestForeignSocketExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(t, newPeople())
		id := &reqctx.Identity{Subject: "ada@corp", Name: "ada@corp", Kind: reqctx.KindForeign}
		open := func(life time.Duration) closed {
			id := *id
			id.Expires = time.Now().Add(life)
			c := make(closed, 4)
			end := h.watch(t.Context(), c, &id, "")
			t.Cleanup(end)
			return c
		}
		c := open(50 * time.Millisecond)
		if how := c.within(t, time.Second); how != "1008 token expired" {
			t.Errorf("without renewal: %s", how)
		}
		h.Renewal = caddy.Duration(200 * time.Millisecond)
		start := time.Now()
		c = open(400 * time.Millisecond)
		deadline := told(t, c)
		if d := time.Since(start); d != 200*time.Millisecond {
			t.Errorf("told after %s", d)
		}
		if d := deadline.Sub(start); d > 500*time.Millisecond {
			t.Errorf("grace beyond the token: %s", d)
		}
		if how := c.within(t, time.Second); how != "1008 token expired" {
			t.Error(how)
		}
		if d := time.Since(start); d != 400*time.Millisecond {
			t.Errorf("closed after %s", d)
		}
		if c = open(-time.Second); c.within(t, time.Second) != "1008 token expired" {
			t.Error("an expired token keeps a socket")
		}
	})
}

func TestForeignCaddyfileErrors(t *testing.T) {
	block := func(s string) string { return "gw_authenticate {\n" + s + "\n}" }
	for in, want := range map[string]string{
		block("issuer"): "wrong argument count", block("issuer https://a b"): "wrong argument count",
		block("issuer https://idp.example {\n}"):                                                                       "audience is missing",
		block("issuer https://idp.example {\naudience chat\n}"):                                                        "roles are missing",
		block("issuer https://idp.example {\naudience chat\nroles user\nalgorithms HS256\n}"):                          `"HS256" is none`,
		block("issuer http://idp.example {\naudience chat\nroles user\n}"):                                             "must be https",
		block("issuer https://idp.example {\naudience chat\naudience chat\n}"):                                         "audience is given twice",
		block("issuer https://idp.example {\nfoo\n}"):                                                                  "wrong argument count",
		block("issuer https://idp.example {\nfoo bar\n}"):                                                              `unknown subdirective "foo"`,
		block("issuer https://idp.example {\nmap groups staff\n}"):                                                     "wrong argument count",
		block("certificate {\n}"):                                                                                      "either a name",
		block("certificate a b {\n}"):                                                                                  "wrong argument count",
		block("certificate a {\nroles user\n}"):                                                                        "every certificate would fit",
		block("certificate a {\nsubject CN=a\n}"):                                                                      "roles are missing",
		block("certificate a {\nsubject CN=a\nroles user\nfoo bar\n}"):                                                 `unknown subdirective "foo"`,
		block("certificate {\nname_from cn\nissuer CN=x\nroles user\n}\ncertificate a {\nsubject CN=a\nroles user\n}"): "a label of its own",
	} {
		_, err := adapt(in)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Caddyfile:") {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}
