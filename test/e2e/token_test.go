package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/convosphere/gateway/test/kit"
)

// forge signs claims and headers as they are: none of what a library would refuse to make is refused here.
func forge(t *testing.T, header, claims map[string]any, alg jwa.SignatureAlgorithm, key any) string {
	t.Helper()
	h := jws.NewHeaders()
	for k, v := range header {
		if k == "alg" {
			continue // Sign writes it
		}
		if err := h.Set(k, v); err != nil {
			t.Fatal(err)
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := jws.Sign(payload, jws.WithKey(alg, key, jws.WithProtectedHeaders(h)))
	if err != nil {
		t.Fatal(err)
	}
	return string(tok)
}

func open(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("a token of %d parts", len(parts))
	}
	for i, to := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, to); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// with returns the map with changes; nil removes.
func with(m map[string]any, changes map[string]any) map[string]any {
	c := maps.Clone(m)
	for k, v := range changes {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

// signingKey reads the private key that the node signs with.
func signingKey(t *testing.T, s *site, kid string) any {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.keys, "signing.json"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := jwk.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	k, ok := set.LookupKeyID(kid)
	if !ok {
		t.Fatalf("signing.json has no key %s", kid)
	}
	var raw any
	if err := k.Raw(&raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestBadTokensAreRefused(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		// Bad tokens are verified within a small budget per client: one address for each.
		good := s.a.Client(t).Login(t, s.users["petra"])
		header, claims := open(t, good.Access)
		kid, _ := header["kid"].(string)
		if header["alg"] != "ES256" || header["typ"] != "at+jwt" || kid == "" {
			t.Fatalf("header of a good token: %v", header)
		}
		for _, c := range []string{"iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "name", "roles", "amr", "auth_time"} {
			if claims[c] == nil {
				t.Errorf("a good token has no %s", c)
			}
		}
		real := signingKey(t, s, kid)
		public := &real.(*ecdsa.PrivateKey).PublicKey
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		strangerJWK, err := jwk.FromRaw(stranger.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		var jwks struct{ Keys []json.RawMessage }
		good.Call(t, "GET", "/.well-known/jwks.json", nil, kit.Bare()).Want(t, http.StatusOK).JSON(t, &jwks)
		if strings.Contains(string(jwks.Keys[0]), `"d"`) {
			t.Fatal("the public key set holds a private key")
		}
		b64 := base64.RawURLEncoding.EncodeToString
		parts := strings.Split(good.Access, ".")
		unsigned := func(alg string) string {
			h, err := json.Marshal(with(header, map[string]any{"alg": alg}))
			if err != nil {
				t.Fatal(err)
			}
			return b64(h) + "." + parts[1] + "."
		}
		now := time.Now().Unix()
		signed := func(h, c map[string]any) string { return forge(t, with(header, h), with(claims, c), jwa.ES256, real) }
		hmac := func(key []byte) string { return forge(t, header, claims, jwa.HS256, key) }
		admin, err := json.Marshal(with(claims, map[string]any{"roles": []string{"admin"}}))
		if err != nil {
			t.Fatal(err)
		}

		bad := map[string]string{
			"garbage":                 "not.a.token",
			"empty signature":         parts[0] + "." + parts[1] + ".",
			"alg none":                unsigned("none"),
			"alg None":                unsigned("None"),
			"alg NONE with signature": unsigned("NONE") + parts[2],
			"HS256 with the PEM":      hmac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
			"HS256 with the DER":      hmac(der),
			"HS256 with the JWK":      hmac(jwks.Keys[0]),
			"another key, same kid":   forge(t, header, claims, jwa.ES256, stranger),
			"another key, own kid":    forge(t, with(header, map[string]any{"kid": "mine"}), claims, jwa.ES256, stranger),
			"another key, as jwk":     forge(t, with(header, map[string]any{"jwk": strangerJWK}), claims, jwa.ES256, stranger),
			"another key, as jku":     forge(t, with(header, map[string]any{"jku": "https://evil.example/jwks.json"}), claims, jwa.ES256, stranger),
			"claims changed":          parts[0] + "." + b64(admin) + "." + parts[2],
			"expired":                 signed(nil, map[string]any{"iat": now - 600, "nbf": now - 600, "exp": now - 120}),
			"no exp":                  signed(nil, map[string]any{"exp": nil}),
			"not yet valid":           signed(nil, map[string]any{"nbf": now + 600}),
			"another issuer":          signed(nil, map[string]any{"iss": "https://evil.example"}),
			"another audience":        signed(nil, map[string]any{"aud": "chat"}),
			"another type":            signed(map[string]any{"typ": "JWT"}, nil),
			"an assertion's type":     signed(map[string]any{"typ": "gateway-assertion+jwt"}, nil),
			"no kid":                  signed(map[string]any{"kid": nil}, nil),
			"kid of a file":           signed(map[string]any{"kid": "../../../../dev/null"}, nil),
			"critical header":         signed(map[string]any{"crit": []string{"exp"}}, nil),
			"a session unknown":       signed(nil, map[string]any{"sid": "AAAAAAAAAAAAAAAAAAAAAAAAAA", "jti": "B"}),
			"sub a number":            signed(nil, map[string]any{"sub": 42}),
			"too large":               signed(nil, map[string]any{"pad": strings.Repeat("a", 9000)}),
			"the refresh token":       good.Refresh,
		}
		for name, token := range bad {
			t.Run(name, func(t *testing.T) {
				c := s.b.Client(t)
				c.Access = token
				a := c.Call(t, "GET", "/api/rooms", nil).Problem(t, http.StatusUnauthorized)
				if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("WWW-Authenticate: %q", a.Header.Get("WWW-Authenticate"))
				}
				if sock, res := c.Dial(t); sock != nil || res.StatusCode != http.StatusUnauthorized {
					t.Errorf("the socket opens, or answers other than 401: %v", res.Status)
				}
			})
		}
		t.Run("missing", func(t *testing.T) {
			c := s.b.Client(t)
			c.Call(t, "GET", "/api/rooms", nil).Problem(t, http.StatusUnauthorized)
			c.Call(t, "POST", kit.RoomPath("general", "messages"), map[string]string{"text": "x"}).Problem(t, http.StatusUnauthorized)
			if sock, res := c.Dial(t); sock != nil || res.StatusCode != http.StatusUnauthorized {
				t.Errorf("the socket opens, or answers other than 401: %v", res.Status)
			}
		})
		t.Run("in the query", func(t *testing.T) {
			s.b.Client(t).Call(t, "GET", "/api/rooms?access_token="+good.Access+"&token="+good.Access, nil).Problem(t, http.StatusUnauthorized)
		})
		t.Run("a scheme that is none", func(t *testing.T) {
			s.b.Client(t).Call(t, "GET", "/api/rooms", nil, kit.With("Authorization", "Basic "+good.Access)).Want(t, http.StatusUnauthorized)
		})
		t.Run("the same signed well passes", func(t *testing.T) { // so that the cases above fail for what they name
			c := s.b.Client(t)
			c.Access = signed(nil, map[string]any{"jti": "CCCCCCCCCCCCCCCCCCCCCCCCCC"})
			c.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)
			c.Access = good.Access
			c.Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)
		})
	})
}

// Who has got round the gateway is refused by the back end.
func TestStraightToTheBackEnd(t *testing.T) {
	each(t, func(t *testing.T, s *site) {
		petra := s.as(t, "petra")
		c := kit.Straight(t, s.chat)
		for name, opts := range map[string][]kit.Opt{
			"nothing":         nil,
			"names":           {kit.With("X-User-Id", "petra"), kit.With("X-User-Name", "petra"), kit.With("X-User-Roles", "admin")},
			"an access token": {kit.With("Authorization", "Bearer "+petra.Access), kit.With("X-Gateway-Assertion", petra.Access)},
			"garbage":         {kit.With("X-Gateway-Assertion", "a.b.c")},
		} {
			if a := c.Call(t, "GET", "/api/rooms", nil, opts...); a.Status != http.StatusUnauthorized {
				t.Errorf("%s: status %d, want 401", name, a.Status)
			}
			if a := c.Call(t, "POST", kit.RoomPath("general", "messages"), map[string]string{"text": "x"}, opts...); a.Status != http.StatusUnauthorized {
				t.Errorf("%s: posting: status %d, want 401", name, a.Status)
			}
		}
	})
}
