package http

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
	"go.uber.org/goleak"

	"github.com/convosphere/gateway/backend/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gateway stands for the one that signs assertions and publishes its keys.
type gateway struct {
	*httptest.Server
	mu    sync.Mutex
	keys  map[string]*ecdsa.PrivateKey
	down  bool
	asked int
}

func newGateway(t *testing.T, kids ...string) *gateway {
	t.Helper()
	g := &gateway{keys: map[string]*ecdsa.PrivateKey{}}
	for _, kid := range kids {
		g.add(t, kid)
	}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *gateway) add(t *testing.T, kid string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keys[kid] = key
}

func (g *gateway) set(down bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = down
}

func (g *gateway) fetches() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	if g.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	set := jwk.NewSet()
	for kid, private := range g.keys {
		key, err := jwk.FromRaw(&private.PublicKey)
		if err != nil {
			panic(err)
		}
		for name, v := range map[string]any{jwk.KeyIDKey: kid, jwk.AlgorithmKey: jwa.ES256, jwk.KeyUsageKey: "sig"} {
			if err := key.Set(name, v); err != nil {
				panic(err)
			}
		}
		if err := set.AddKey(key); err != nil {
			panic(err)
		}
	}
	if err := json.NewEncoder(w).Encode(set); err != nil {
		panic(err)
	}
}

type claims = map[string]any

func goodClaims(name string) claims {
	now := time.Now()
	return claims{"iss": "gateway", "aud": "chat", "sub": "id-" + name, "name": name, "roles": []string{"user"},
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": rand.Text()}
}

// with gives the claims changed; nil takes one out.
func with(c claims, changes claims) claims {
	c = maps.Clone(c)
	for k, v := range changes {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	return c
}

func sign(t *testing.T, alg jwa.SignatureAlgorithm, key any, header, body map[string]any) string {
	t.Helper()
	h := jws.NewHeaders()
	for k, v := range header {
		if err := h.Set(k, v); err != nil {
			t.Fatal(err)
		}
	}
	payload, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jws.Sign(payload, jws.WithKey(alg, key, jws.WithProtectedHeaders(h)))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func (g *gateway) sign(t *testing.T, kid string, c claims) string {
	t.Helper()
	g.mu.Lock()
	key := g.keys[kid]
	g.mu.Unlock()
	return sign(t, jwa.ES256, key, map[string]any{"typ": assertionType, "kid": kid}, c)
}

// chat is the service behind a test's gateway.
type chat struct {
	*Server
	*gateway
	url string
}

func newChat(t *testing.T) *chat {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g := newGateway(t, "k1")
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	keys, err := NewKeys(g.URL, "", log)
	if err != nil {
		t.Fatal(err)
	}
	s := New(store, NewVerifier(keys, "gateway", "chat", time.Now), log, time.Now)
	srv := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		s.CloseSockets(ctx)
		srv.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return &chat{s, g, srv.URL}
}

// as gives a header that speaks for the user.
func (c *chat) as(t *testing.T, user string) http.Header {
	t.Helper()
	return http.Header{assertionHeader: {c.sign(t, "k1", goodClaims(user))}}
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) json(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
}

func (c *chat) send(t *testing.T, header http.Header, method, path, contentType string, body io.Reader) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, c.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, raw}
}

// do sends as user; a body is JSON.
func (c *chat) do(t *testing.T, user, method, path, body string) answer {
	t.Helper()
	if body == "" {
		return c.send(t, c.as(t, user), method, path, "", nil)
	}
	return c.send(t, c.as(t, user), method, path, "application/json", strings.NewReader(body))
}

// want is for answers that must have a status, and be a problem where that is an error.
func want(t *testing.T, what string, a answer, status int) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: %d %s, want %d", what, a.status, bytes.TrimSpace(a.body), status)
		return
	}
	if status < 400 {
		return
	}
	var p struct {
		Type, Title string
		Status      int
	}
	if a.json(t, &p); p.Status != status || p.Title == "" || !strings.HasPrefix(p.Type, "urn:chat:problem:") ||
		a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: %s %+v is not a problem", what, a.header.Get("Content-Type"), p)
	}
}

func (c *chat) room(t *testing.T, user, name string) string {
	t.Helper()
	a := c.do(t, user, "POST", "/api/rooms", `{"name":"`+name+`"}`)
	want(t, "making a room", a, http.StatusCreated)
	var r struct{ ID string }
	a.json(t, &r)
	return r.ID
}
