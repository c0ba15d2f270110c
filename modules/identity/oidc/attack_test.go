package oidc

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestForgedTokens(t *testing.T) {
	i, c := newIssuer(t), newClock()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := i.keys["k1"]
	i.keys["r1"], i.keys["e1"] = rsaKey, edKey
	evil := newEC(t)
	followed := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed++ }))
	defer elsewhere.Close()
	p := newProvider(t, i, c)
	algs := []string{"ES256", "RS256"}
	claims := `{"iss":"` + i.URL + `","sub":"s"}`
	der, _ := x509.MarshalPKIXPublicKey(rsaKey.Public())
	rsaPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	jwk := func(k crypto.PublicKey) string {
		m := jwkOf(k)
		return `{"kty":"EC","crv":"P-256","x":"` + m["x"].(string) + `","y":"` + m["y"].(string) + `"}`
	}
	valid := sign(t, good, `{"alg":"ES256","kid":"k1"}`, claims)
	head, rest, _ := strings.Cut(valid, ".")
	body, sig, _ := strings.Cut(rest, ".")
	e := base64.RawURLEncoding.EncodeToString

	for name, raw := range map[string]string{
		"valid": valid, "valid RSA": sign(t, rsaKey, `{"alg":"RS256","kid":"r1","typ":"JWT"}`, claims),
		"jku beside a right kid is not followed": sign(t, good, `{"alg":"ES256","kid":"k1","jku":"`+elsewhere.URL+`","x5u":"`+elsewhere.URL+`"}`, claims),
	} {
		if _, err := p.Verify(t.Context(), raw, algs); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, raw := range map[string]string{
		"another's key":             sign(t, evil, `{"alg":"ES256","kid":"k1"}`, claims),
		"none":                      e([]byte(`{"alg":"none"}`)) + "." + body + ".",
		"None":                      e([]byte(`{"alg":"None"}`)) + "." + body + ".",
		"nOnE with kid":             e([]byte(`{"alg":"nOnE","kid":"k1"}`)) + "." + body + "." + sig,
		"NONE with a signature":     e([]byte(`{"alg":"NONE"}`)) + "." + body + "." + sig,
		"no alg":                    sign(t, good, `{"kid":"k1"}`, claims),
		"alg null":                  sign(t, good, `{"alg":null,"kid":"k1"}`, claims),
		"alg a list":                sign(t, good, `{"alg":["ES256"],"kid":"k1"}`, claims),
		"alg in lower case":         sign(t, good, `{"alg":"es256","kid":"k1"}`, claims),
		"ALG for alg":               sign(t, good, `{"ALG":"ES256","kid":"k1"}`, claims),
		"an algorithm not named":    sign(t, edKey, `{"alg":"EdDSA","kid":"e1"}`, claims),
		"HS256 with the public PEM": hs256(rsaPEM, `{"alg":"HS256","kid":"r1"}`, claims),
		"HS256 with the public DER": hs256(der, `{"alg":"HS256","kid":"r1"}`, claims),
		"HS256 with the modulus":    hs256(rsaKey.N.Bytes(), `{"alg":"HS256","kid":"r1"}`, claims),
		"HS256 with nothing":        hs256(nil, `{"alg":"HS256"}`, claims),
		"RS256 by an EC key":        sign(t, good, `{"alg":"RS256","kid":"k1"}`, claims),
		"ES256 by an RSA key":       sign(t, rsaKey, `{"alg":"ES256","kid":"r1"}`, claims),
		"PS256 signed as RS256":     sign(t, rsaKey, `{"alg":"PS256","kid":"r1"}`, claims),
		"own jwk":                   sign(t, evil, `{"alg":"ES256","jwk":`+jwk(evil.Public())+`}`, claims),
		"own jwk, kid of ours":      sign(t, evil, `{"alg":"ES256","kid":"k1","jwk":`+jwk(evil.Public())+`}`, claims),
		"jku":                       sign(t, evil, `{"alg":"ES256","kid":"evil","jku":"`+elsewhere.URL+`/jwks"}`, claims),
		"x5u":                       sign(t, evil, `{"alg":"ES256","kid":"evil","x5u":"`+elsewhere.URL+`/crt"}`, claims),
		"kid traversal":             sign(t, evil, `{"alg":"ES256","kid":"../../../../dev/null"}`, claims),
		"kid SQL":                   sign(t, evil, `{"alg":"ES256","kid":"k1' UNION SELECT 'x"}`, claims),
		"kid a URL":                 sign(t, evil, `{"alg":"ES256","kid":"`+elsewhere.URL+`"}`, claims),
		"kid a number":              sign(t, good, `{"alg":"ES256","kid":1}`, claims),
		"kid too long":              sign(t, good, `{"alg":"ES256","kid":"`+strings.Repeat("k", 300)+`"}`, claims),
		"kid twice":                 sign(t, good, `{"alg":"ES256","kid":"r1","kid":"k1"}`, claims),
		"alg twice":                 sign(t, good, `{"alg":"none","alg":"ES256","kid":"k1"}`, claims),
		"no kid, two may be":        sign(t, rsaKey, `{"alg":"ES256"}`, claims),
		"crit":                      sign(t, good, `{"alg":"ES256","kid":"k1","crit":["exp"],"exp":1}`, claims),
		"crit empty":                sign(t, good, `{"alg":"ES256","kid":"k1","crit":[]}`, claims),
		"b64 false":                 sign(t, good, `{"alg":"ES256","kid":"k1","b64":false}`, claims),
		"header a list":             sign(t, good, `[{"alg":"ES256","kid":"k1"}]`, claims),
		"header null":               sign(t, good, `null`, claims),
		"behind the header":         sign(t, good, `{"alg":"ES256","kid":"k1"}{}`, claims),
		"iss of another":            sign(t, good, `{"alg":"ES256","kid":"k1"}`, `{"iss":"https://evil.example","sub":"s"}`),
		"iss with a slash":          sign(t, good, `{"alg":"ES256","kid":"k1"}`, `{"iss":"`+i.URL+`/","sub":"s"}`),
		"iss missing":               sign(t, good, `{"alg":"ES256","kid":"k1"}`, `{"sub":"s"}`),
		"iss a list":                sign(t, good, `{"alg":"ES256","kid":"k1"}`, `{"iss":["`+i.URL+`"],"sub":"s"}`),
		"iss twice":                 sign(t, good, `{"alg":"ES256","kid":"k1"}`, `{"iss":"https://evil.example","iss":"`+i.URL+`","sub":"s"}`),
		"a claim twice, deep":       sign(t, good, `{"alg":"ES256","kid":"k1"}`, `{"iss":"`+i.URL+`","a":{"b":1,"b":2}}`),
		"claims a list":             sign(t, good, `{"alg":"ES256","kid":"k1"}`, `["iss"]`),
		"claims not UTF-8":          sign(t, good, `{"alg":"ES256","kid":"k1"}`, "{\"iss\":\""+i.URL+"\",\"sub\":\"\xff\"}"),
		"behind the claims":         sign(t, good, `{"alg":"ES256","kid":"k1"}`, claims+`x`),
		"signature cut":             valid[:len(valid)-2],
		"signature of zeros":        head + "." + body + "." + e(make([]byte, 64)),
		"no signature":              head + "." + body + ".",
		"two parts":                 head + "." + body,
		"four parts":                valid + ".x",
		"five parts":                valid + ".x.y",
		"padding":                   valid + "=",
		"line break":                valid[:20] + "\n" + valid[20:],
		"blank before":              " " + valid,
		"other payload":             head + "." + e([]byte(`{"iss":"`+i.URL+`","sub":"admin"}`)) + "." + sig,
		"huge":                      head + "." + strings.Repeat("A", MaxToken) + "." + sig,
		"deep":                      sign(t, good, `{"alg":"ES256","kid":"k1"}`, strings.Repeat("[", 5000)),
		"empty":                     "",
	} {
		if tok, err := p.Verify(t.Context(), raw, algs); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v %v", name, tok, err)
		}
	}
	if followed > 0 {
		t.Errorf("an address in a header was followed %d times", followed)
	}
}

func TestUnknownKeysDoNotFlood(t *testing.T) {
	i, c := newIssuer(t), newClock()
	p := newProvider(t, i, c)
	claims := `{"iss":"` + i.URL + `"}`
	if _, err := p.Verify(t.Context(), sign(t, i.keys["k1"], `{"alg":"ES256","kid":"k1"}`, claims), DefaultAlgorithms); err != nil {
		t.Fatal(err)
	}
	evil := newEC(t)
	for range 200 {
		raw := sign(t, evil, `{"alg":"ES256","kid":"`+rand.Text()+`"}`, claims)
		if _, err := p.Verify(t.Context(), raw, DefaultAlgorithms); !errors.Is(err, ErrInvalid) {
			t.Fatal(err)
		}
	}
	if n := i.count("/jwks"); n != 1 {
		t.Errorf("asked %d times within the pause", n)
	}
	c.add(pause)
	for range 200 {
		raw := sign(t, evil, `{"alg":"ES256","kid":"`+rand.Text()+`"}`, claims)
		if _, err := p.Verify(t.Context(), raw, DefaultAlgorithms); !errors.Is(err, ErrInvalid) {
			t.Fatal(err)
		}
	}
	if n := i.count("/jwks"); n != 2 {
		t.Errorf("asked %d times after one pause", n)
	}
}
