package oidc

import "testing"

// Whatever a token looks like: it is refused, and nothing panics. What IssuerOf reads is what Verify would.
func FuzzToken(f *testing.F) {
	i, c := newIssuer(f), newClock()
	p := newProvider(f, i, c)
	claims := `{"iss":"` + i.URL + `","exp":1e9,"aud":["a",1]}`
	f.Add(sign(f, newEC(f), `{"alg":"ES256","kid":"k1"}`, claims))
	f.Add(sign(f, newEC(f), `{"alg":"ES256","kid":"k1","crit":["b64"],"b64":false}`, claims))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, raw string) {
		_ = IssuerOf(raw)
		if _, err := p.Verify(t.Context(), raw, DefaultAlgorithms); err == nil {
			t.Errorf("believed: %s", raw)
		}
	})
}

// What can be read of a JWK Set is usable.
func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, err := parseKeys(raw)
		if err == nil && len(keys) == 0 {
			t.Error("no error, and no key")
		}
		for _, k := range keys {
			if !k.same(k) {
				t.Error("a key differs from itself")
			}
			for name, a := range algorithms {
				if a.verify(k.public, "x", make([]byte, 64)) {
					t.Errorf("%s: zeros are a signature", name)
				}
			}
		}
	})
}
