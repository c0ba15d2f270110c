package http

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

func TestAssertionIsRequired(t *testing.T) {
	c := newChat(t)
	for _, path := range []string{"/", "/assets/app.js", "/api/rooms", "/api/ws", "/api/files/x", "/nothing", "/healthz/x"} {
		want(t, path, c.send(t, nil, "GET", path, "", nil), http.StatusUnauthorized)
	}
	want(t, "POST /healthz", c.send(t, nil, "POST", "/healthz", "", nil), http.StatusUnauthorized)
	want(t, "/healthz", c.send(t, nil, "GET", "/healthz", "", nil), http.StatusOK)
	want(t, "with one", c.do(t, "ursula", "GET", "/api/rooms", ""), http.StatusOK)
	two := c.as(t, "ursula")
	two.Add(assertionHeader, two.Get(assertionHeader))
	want(t, "with two", c.send(t, two, "GET", "/api/rooms", "", nil), http.StatusUnauthorized)
}

func TestAssertionAttacks(t *testing.T) {
	c := newChat(t)
	key := c.keys["k1"]
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wider, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	own, err := jwk.FromRaw(&stranger.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	good, now := goodClaims("ursula"), time.Now()
	header := map[string]any{"typ": assertionType, "kid": "k1"}
	head := func(more map[string]any) map[string]any { return with(header, more) }
	es := func(h map[string]any, changes claims) string { return sign(t, jwa.ES256, key, h, with(good, changes)) }
	valid := es(header, nil)
	part := strings.Split(valid, ".")
	b64 := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	none := b64(map[string]any{"alg": "none", "typ": assertionType, "kid": "k1"}) + "." + part[1] + "."

	for what, raw := range map[string]string{
		"alg none":                   none,
		"alg none, with a signature": none + part[2],
		"HS256 with the public key":  sign(t, jwa.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), header, good),
		"HS256 with its DER":         sign(t, jwa.HS256, public, header, good),
		"ES384":                      sign(t, jwa.ES384, wider, header, good),
		"a stranger's key":           sign(t, jwa.ES256, stranger, header, good),
		"a stranger's key, embedded": sign(t, jwa.ES256, stranger, head(map[string]any{"jwk": own}), good),
		"a stranger's jku":           sign(t, jwa.ES256, stranger, head(map[string]any{"jku": c.URL, "kid": "k9"}), good),
		"unknown kid":                es(head(map[string]any{"kid": "k9"}), nil),
		"no kid":                     es(head(map[string]any{"kid": nil}), nil),
		"type of an access token":    es(head(map[string]any{"typ": "at+jwt"}), nil),
		"no type":                    es(head(map[string]any{"typ": nil}), nil),
		"crit":                       es(head(map[string]any{"crit": []string{"exp"}}), nil),
		"wrong issuer":               es(header, claims{"iss": "other"}),
		"no issuer":                  es(header, claims{"iss": nil}),
		"wrong audience":             es(header, claims{"aud": "backend"}),
		"two audiences":              es(header, claims{"aud": []string{"chat", "other"}}),
		"no audience":                es(header, claims{"aud": nil}),
		"expired":                    es(header, claims{"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(-time.Second).Unix()}),
		"no expiry":                  es(header, claims{"exp": nil}),
		"no issue time":              es(header, claims{"iat": nil}),
		"too long a life":            es(header, claims{"exp": now.Add(2 * time.Minute).Unix()}),
		"from the future":            es(header, claims{"iat": now.Add(time.Minute).Unix(), "exp": now.Add(2 * time.Minute).Unix()}),
		"not yet":                    es(header, claims{"nbf": now.Add(time.Minute).Unix()}),
		"name is a number":           es(header, claims{"name": 7}),
		"subject is a number":        es(header, claims{"sub": 7}),
		"name without subject":       es(header, claims{"sub": nil}),
		"exp is a string":            es(header, claims{"exp": "tomorrow"}),
		"body changed":               part[0] + "." + b64(with(good, claims{"name": "ada"})) + "." + part[2],
		"no signature":               part[0] + "." + part[1] + ".",
		"two parts":                  part[0] + "." + part[1],
		"four parts":                 valid + "." + part[2],
		"JSON form":                  `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`,
		"rubbish":                    "a.b.c",
		"too long":                   valid + strings.Repeat("A", maxAssertion),
	} {
		a := c.send(t, http.Header{assertionHeader: {raw}}, "GET", "/api/rooms", "", nil)
		want(t, what, a, http.StatusUnauthorized)
	}
	want(t, "the good one", c.send(t, http.Header{assertionHeader: {valid}}, "GET", "/api/rooms", "", nil), http.StatusOK)
}

// The gateway lets some through who are not signed in; they can't write.
func TestAnonymous(t *testing.T) {
	c := newChat(t)
	room := c.room(t, "ursula", "General")
	nobody := http.Header{assertionHeader: {c.sign(t, "k1", with(goodClaims(""), claims{"sub": nil, "name": nil}))}}
	want(t, "reading", c.send(t, nobody, "GET", "/api/rooms", "", nil), http.StatusOK)
	for _, path := range []string{"/api/rooms", "/api/rooms/" + room + "/messages"} {
		want(t, path, c.send(t, nobody, "POST", path, "application/json", strings.NewReader(`{"name":"a"}`)), http.StatusUnauthorized)
	}
	want(t, "upload", c.send(t, nobody, "POST", "/api/rooms/"+room+"/files", "", nil), http.StatusUnauthorized)
	want(t, "socket", c.send(t, nobody, "GET", "/api/ws", "", nil), http.StatusUnauthorized)
}

func verifier(t *testing.T, g *gateway, now func() time.Time) *Verifier {
	t.Helper()
	keys, err := NewKeys(g.URL, "", slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	return NewVerifier(keys, "gateway", "chat", now)
}

func TestRememberedUntilItExpires(t *testing.T) {
	g := newGateway(t, "k1")
	now := time.Now()
	v := verifier(t, g, func() time.Time { return now })
	raw := g.sign(t, "k1", goodClaims("ursula"))
	for range 3 {
		if c, err := v.Verify(t.Context(), raw); err != nil || c != (Caller{"id-ursula", "ursula"}) {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	if len(v.good) != 1 {
		t.Errorf("%d remembered", len(v.good))
	}
	now = now.Add(time.Minute)
	if _, err := v.Verify(t.Context(), raw); !errors.Is(err, errAssertion) {
		t.Errorf("after its time: %v", err)
	}
}

func TestRememberingIsBounded(t *testing.T) {
	now := time.Now()
	v := NewVerifier(new(Keys), "gateway", "chat", func() time.Time { return now })
	for i := range 3 * maxRemembered {
		v.remember(strconv.Itoa(i), remembered{expires: now.Add(time.Minute)})
		if len(v.good) > maxRemembered {
			t.Fatalf("%d remembered", len(v.good))
		}
	}
	now = now.Add(time.Hour)
	for i := range maxRemembered {
		v.remember("new"+strconv.Itoa(i), remembered{expires: now.Add(time.Minute)})
	}
	for raw, r := range v.good {
		if !now.Before(r.expires) {
			t.Fatalf("%s has expired and is still here", raw)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	g := newGateway(t, "k1")
	v := verifier(t, g, time.Now)
	if _, err := v.Verify(t.Context(), g.sign(t, "k1", goodClaims("ursula"))); err != nil {
		t.Fatal(err)
	}
	g.add(t, "k2")
	fresh := g.sign(t, "k2", goodClaims("ursula"))
	if _, err := v.Verify(t.Context(), fresh); !errors.Is(err, errUnknownKey) {
		t.Errorf("within the pause: %v", err)
	}
	for range 50 { // a flood of unknown kids does not become a flood of fetches
		if _, err := v.Verify(t.Context(), fresh); err == nil {
			t.Error("verified without the key")
		}
	}
	if n := g.fetches(); n != 1 {
		t.Errorf("%d fetches", n)
	}
	v.keys.tried = v.keys.tried.Add(-refetchAfter)
	if _, err := v.Verify(t.Context(), fresh); err != nil {
		t.Errorf("after the pause: %v", err)
	}
	g.set(true)
	v.keys.tried = v.keys.tried.Add(-refetchAfter)
	g.add(t, "k3")
	if _, err := v.Verify(t.Context(), g.sign(t, "k3", goodClaims("ursula"))); !errors.Is(err, errUnknownKey) {
		t.Errorf("with the gateway's keys out of reach: %v", err)
	}
	if _, err := v.Verify(t.Context(), g.sign(t, "k1", goodClaims("petra"))); err != nil {
		t.Errorf("a key known before: %v", err)
	}
}

// The gateway and the chat start together: 503 until the keys are there, then it works by itself.
func TestKeysComeLater(t *testing.T) {
	c := newChat(t)
	c.set(true)
	a := c.do(t, "ursula", "GET", "/api/rooms", "")
	want(t, "without keys", a, http.StatusServiceUnavailable)
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	want(t, "without assertion", c.send(t, nil, "GET", "/api/rooms", "", nil), http.StatusUnauthorized)
	c.set(false)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if a = c.do(t, "ursula", "GET", "/api/rooms", ""); a.status == http.StatusOK || time.Now().After(end) {
			break
		}
	}
	want(t, "with keys", a, http.StatusOK)
}

func TestKeysRun(t *testing.T) {
	g := newGateway(t, "k1")
	g.set(true)
	v := verifier(t, g, time.Now)
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { v.keys.Run(ctx); close(done) }()
	for g.fetches() < 2 {
		time.Sleep(10 * time.Millisecond)
	}
	g.set(false)
	for {
		if key, _ := v.keys.look("k1"); key != nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-done
}

func TestKeysOverTLS(t *testing.T) {
	g := newGateway(t, "k1")
	tls := httptest.NewTLSServer(g)
	defer tls.Close()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	for _, c := range []struct {
		what, file, holds string
		ok                bool
	}{
		{"no CA", "", "", false},
		{"CA file not there yet", ca, "", false},
		{"not a certificate", ca, "rubbish", false},
		{"the CA", ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw})), true},
	} {
		if c.holds != "" {
			if err := os.WriteFile(c.file, []byte(c.holds), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		keys, err := NewKeys(tls.URL, c.file, log)
		if err != nil {
			t.Fatal(err)
		}
		if key, err := keys.Key(t.Context(), "k1"); (key != nil) != c.ok || (err == nil) != c.ok {
			t.Errorf("%s: %v, %v", c.what, key, err)
		}
	}
}

func TestKeysRefused(t *testing.T) {
	for _, u := range []string{"", "/x", "ftp://a/b", "http://"} {
		if _, err := NewKeys(u, "", nil); err == nil {
			t.Errorf("%q was taken", u)
		}
	}
	for _, raw := range []string{
		`rubbish`, `{"keys":[]}`,
		`{"keys":[{"kty":"oct","kid":"k1","k":"AAAA"}]}`,
		`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`, // no kid
		`{"keys":[{"kty":"EC","crv":"P-256","use":"enc","kid":"k1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`,
	} {
		if keys, err := parseKeys([]byte(raw)); err == nil {
			t.Errorf("%s gave %v", raw, keys)
		}
	}
}
