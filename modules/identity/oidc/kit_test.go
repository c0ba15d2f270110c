package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// issuer is an issuer on loopback. Nothing of how it signs is shared with the package.
type issuer struct {
	*httptest.Server
	mu    sync.Mutex
	keys  map[string]crypto.Signer // by kid
	more  []map[string]any         // further members of the key set
	meta  map[string]any           // what the discovery document says otherwise
	asked map[string]int           // by path
	down  bool
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{keys: map[string]crypto.Signer{"k1": newEC(t)}, meta: map[string]any{}, asked: map[string]int{}}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Server.Close)
	return i
}

func newEC(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked[r.URL.Path]++
	if i.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		m := map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/jwks", "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token", "unknown": map[string]any{"a": 1}}
		maps.Copy(m, i.meta)
		_ = json.NewEncoder(w).Encode(m)
	case "/jwks":
		list := append([]map[string]any{}, i.more...)
		for kid, k := range i.keys {
			j := jwkOf(k.Public())
			j["kid"] = kid
			list = append(list, j)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": list})
	case "/redirect":
		http.Redirect(w, r, "/jwks", http.StatusFound)
	case "/huge":
		_, _ = w.Write(make([]byte, maxAnswer+10))
	default:
		http.NotFound(w, r)
	}
}

func (i *issuer) count(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[path]
}

func (i *issuer) set(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

func jwkOf(public crypto.PublicKey) map[string]any {
	e := base64.RawURLEncoding.EncodeToString
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		raw, _ := k.Bytes()
		n := (len(raw) - 1) / 2
		return map[string]any{"kty": "EC", "crv": k.Curve.Params().Name, "x": e(raw[1 : 1+n]), "y": e(raw[1+n:])}
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "n": e(k.N.Bytes()), "e": e(big.NewInt(int64(k.E)).Bytes())}
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "x": e(k)}
	}
	return nil
}

// sign makes a token; header and payload are as given, so that they can be wrong.
func sign(t testing.TB, k crypto.Signer, header, payload string) string {
	t.Helper()
	e := base64.RawURLEncoding.EncodeToString
	signed := e([]byte(header)) + "." + e([]byte(payload))
	sum := sha256.Sum256([]byte(signed))
	switch k := k.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, k, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		sig := make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return signed + "." + e(sig)
	case *rsa.PrivateKey:
		sig, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return signed + "." + e(sig)
	case ed25519.PrivateKey:
		return signed + "." + e(ed25519.Sign(k, []byte(signed)))
	}
	t.Fatalf("no way to sign with %T", k)
	return ""
}

func hs256(secret []byte, header, payload string) string {
	e := base64.RawURLEncoding.EncodeToString
	signed := e([]byte(header)) + "." + e([]byte(payload))
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(signed))
	return signed + "." + e(h.Sum(nil))
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newProvider(t testing.TB, i *issuer, c *clock) *Provider {
	t.Helper()
	p, err := New(t.Context(), Config{Issuer: i.URL}, c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}
