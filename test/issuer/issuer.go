// Package issuer is an issuer of tokens on loopback, for tests: it publishes a discovery document and a key set, and signs whatever it is asked to.
// It shares nothing with what the gateway reads tokens by.
package issuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Issuer is one. URL is its identifier.
type Issuer struct {
	URL string

	mu    sync.Mutex
	meta  map[string]any
	more  map[string]http.HandlerFunc
	kid   string
	key   *ecdsa.PrivateKey
	down  bool
	asked int
}

// New starts one, which ends with the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{more: map[string]http.HandlerFunc{}, meta: map[string]any{}}
	i.Rotate(t)
	s := httptest.NewServer(i)
	t.Cleanup(s.Close)
	i.URL = s.URL
	return i
}

// Rotate replaces the key.
func (i *Issuer) Rotate(t testing.TB) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.kid = k, rand.Text()
}

// Serve has it answer on a path, and names that in its discovery document.
func (i *Issuer) Serve(name, path string, h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.more[path] = h
	i.meta[name] = i.URL + path
}

// Say puts something into the discovery document.
func (i *Issuer) Say(name string, value any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.meta[name] = value
}

// Down has it answer no more, or again.
func (i *Issuer) Down(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Asked is how often its keys were asked for.
func (i *Issuer) Asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// ServeHTTP answers as an issuer does.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	h := i.more[r.URL.Path]
	if h != nil && !i.down {
		i.mu.Unlock()
		h(w, r)
		return
	}
	defer i.mu.Unlock()
	switch {
	case i.down:
		http.Error(w, "down", http.StatusBadGateway)
	case r.URL.Path == "/.well-known/openid-configuration":
		m := map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/jwks"}
		maps.Copy(m, i.meta)
		write(w, m)
	case r.URL.Path == "/jwks":
		i.asked++
		raw, err := i.key.PublicKey.Bytes()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		write(w, map[string]any{"keys": []any{map[string]any{
			"kty": "EC", "crv": "P-256", "kid": i.kid, "use": "sig", "alg": "ES256", "x": encode(raw[1:33]), "y": encode(raw[33:]),
		}}})
	default:
		http.NotFound(w, r)
	}
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client has gone
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Token signs an access token as RFC 9068 has it, for five minutes. more replaces claims, nil values take them away; a claim "typ" is the header's.
func (i *Issuer) Token(t testing.TB, subject, audience string, more map[string]any) string {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now().Unix()
	claims := map[string]any{"iss": i.URL, "sub": subject, "aud": audience, "iat": now, "exp": now + 300, "jti": rand.Text(), "client_id": "c"}
	header := map[string]any{"alg": "ES256", "kid": i.kid, "typ": "at+jwt"}
	maps.Copy(claims, more)
	if typ, ok := claims["typ"]; ok {
		header["typ"] = typ
		delete(claims, "typ")
	}
	for _, m := range []map[string]any{claims, header} {
		maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	}
	h, err1 := json.Marshal(header)
	c, err2 := json.Marshal(claims)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	signed := encode(h) + "." + encode(c)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return signed + "." + encode(sig[:])
}
