package oidc

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestRotation(t *testing.T) {
	i, c := newIssuer(t), newClock()
	p := newProvider(t, i, c)
	claims := `{"iss":"` + i.URL + `"}`
	old := sign(t, i.keys["k1"], `{"alg":"ES256","kid":"k1"}`, claims)
	was, err := p.Verify(t.Context(), old, DefaultAlgorithms)
	if err != nil || !p.Holds(was.Key) {
		t.Fatal(err)
	}
	i.set(func() { i.keys["k2"] = newEC(t) })
	c.add(pause)
	fresh := sign(t, i.keys["k2"], `{"alg":"ES256","kid":"k2"}`, claims)
	if _, err := p.Verify(t.Context(), fresh, DefaultAlgorithms); err != nil {
		t.Errorf("a new key is not found: %v", err)
	}
	if !p.Holds(was.Key) {
		t.Error("a key that stays is withdrawn")
	}
	i.set(func() { delete(i.keys, "k1") })
	c.add(time.Hour / 4)
	for end := time.Now().Add(30 * time.Second); p.Holds(was.Key); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a withdrawn key still holds")
		}
	}
	if _, err := p.Verify(t.Context(), old, DefaultAlgorithms); !errors.Is(err, ErrInvalid) {
		t.Errorf("a withdrawn key verifies: %v", err)
	}

	// Another key under the same id is not the one that verified.
	now, err := p.Verify(t.Context(), fresh, DefaultAlgorithms)
	if err != nil {
		t.Fatal(err)
	}
	i.set(func() { i.keys["k2"] = newEC(t) })
	c.add(time.Hour / 4)
	for end := time.Now().Add(30 * time.Second); p.Holds(now.Key); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a replaced key still holds")
		}
	}
}

func TestIssuerDown(t *testing.T) {
	i, c := newIssuer(t), newClock()
	p := newProvider(t, i, c)
	raw := sign(t, i.keys["k1"], `{"alg":"ES256","kid":"k1"}`, `{"iss":"`+i.URL+`"}`)
	i.set(func() { i.down = true })
	if _, err := p.Verify(t.Context(), raw, DefaultAlgorithms); !errors.Is(err, ErrUnavailable) {
		t.Errorf("nothing known: %v", err)
	}
	i.set(func() { i.down = false })
	if _, err := p.Verify(t.Context(), raw, DefaultAlgorithms); !errors.Is(err, ErrUnavailable) {
		t.Errorf("asked again at once: %v", err)
	}
	c.add(pauseError)
	tok, err := p.Verify(t.Context(), raw, DefaultAlgorithms)
	if err != nil {
		t.Fatal(err)
	}
	i.set(func() { i.down = true })
	c.add(stale - time.Second)
	if _, err := p.Verify(t.Context(), raw, DefaultAlgorithms); err != nil || !p.Holds(tok.Key) {
		t.Errorf("within the hour: %v", err)
	}
	unknown := sign(t, i.keys["k1"], `{"alg":"ES256","kid":"k9"}`, `{"iss":"`+i.URL+`"}`)
	if _, err := p.Verify(t.Context(), unknown, DefaultAlgorithms); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a key that may be new: %v", err)
	}
	c.add(time.Second)
	if _, err := p.Verify(t.Context(), raw, DefaultAlgorithms); !errors.Is(err, ErrUnavailable) || p.Holds(tok.Key) {
		t.Errorf("after the hour: %v", err)
	}
}

func TestOneAsks(t *testing.T) {
	i, c := newIssuer(t), newClock()
	p := newProvider(t, i, c)
	raw := sign(t, i.keys["k1"], `{"alg":"ES256","kid":"k1"}`, `{"iss":"`+i.URL+`"}`)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := p.Verify(t.Context(), raw, DefaultAlgorithms); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := i.count("/jwks"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	c.add(2 * stale)
	i.set(func() { // the issuer does not answer meanwhile
		if _, err := p.Verify(gone, raw, DefaultAlgorithms); !errors.Is(err, context.Canceled) {
			t.Errorf("a request that has gone waits: %v", err)
		}
	})
}

func TestDiscovery(t *testing.T) {
	for name, meta := range map[string]map[string]any{
		"another issuer":      {"issuer": "https://evil.example"},
		"issuer with a slash": {"issuer": nil},
		"keys over http":      {"jwks_uri": "http://evil.example/jwks"},
		"keys from a file":    {"jwks_uri": "file:///etc/passwd"},
		"no keys' address":    {"jwks_uri": ""},
		"token over http":     {"token_endpoint": "http://evil.example/token"},
		"userinfo with user":  {"userinfo_endpoint": "https://a:b@evil.example/"},
		"a number":            {"jwks_uri": 1},
	} {
		i := newIssuer(t)
		i.meta = meta
		if _, err := newProvider(t, i, newClock()).Metadata(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, path := range []string{"/redirect", "/huge", "/nothing"} {
		i := newIssuer(t)
		i.meta = map[string]any{"jwks_uri": i.URL + path}
		if _, err := newProvider(t, i, newClock()).Metadata(t.Context()); !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %v", path, err)
		}
	}
	i := newIssuer(t)
	i.meta = map[string]any{"authorization_response_iss_parameter_supported": true}
	m, err := newProvider(t, i, newClock()).Metadata(t.Context())
	if err != nil || m.Token != i.URL+"/token" || !m.ResponseIss {
		t.Errorf("%+v %v", m, err)
	}
	p, err := New(t.Context(), Config{Issuer: "https://issuer.example", JWKS: i.URL + "/jwks"}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Verify(t.Context(), sign(t, i.keys["k1"], `{"alg":"ES256","kid":"k1"}`, `{"iss":"https://issuer.example"}`), DefaultAlgorithms); err != nil {
		t.Errorf("without discovery: %v", err)
	}
	p.Issuer = "https://idp.example"
	if _, err := p.parseMetadata([]byte(`{"issuer":"https://idp.example","jwks_uri":"http://127.0.0.1:2019/config/"}`)); err == nil {
		t.Error("an issuer elsewhere leads to this machine")
	}
}

func TestCheckURL(t *testing.T) {
	for _, s := range []string{"https://idp.example.com", "https://idp.example.com:8443/realms/a", "http://127.0.0.1:3000", "http://localhost/x", "http://[::1]:80"} {
		if err := CheckIssuer(s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{
		"", "idp.example.com", "http://idp.example.com", "http://127.0.0.1.evil.example", "http://localhost.evil.example", "ftp://localhost", "https://",
		"https://a@b", "https://a/#x", "https://a/#", "https:a", "javascript:x", "https://a/?x=1", "http://0.0.0.0", "//idp.example.com",
	} {
		if CheckIssuer(s) == nil {
			t.Errorf("%q passes", s)
		}
	}
}
