package token

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

type ring struct {
	kid string
	key *ecdsa.PrivateKey
}

func (r ring) Signer() (string, *ecdsa.PrivateKey) { return r.kid, r.key }
func (r ring) Public(kid string) (*ecdsa.PublicKey, bool) {
	return &r.key.PublicKey, kid == r.kid
}

var now = time.Unix(1_800_000_000, 0)

func newIssuer(t testing.TB) *Issuer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &Issuer{Keys: ring{"key-1", key}, Issuer: "gateway", Audience: "gateway", Now: func() time.Time { return now }}
}

func person() *reqctx.Identity {
	return &reqctx.Identity{
		Subject: "S1", Name: "ursula", Roles: []string{"user", "premium"}, Session: "SID", Kind: reqctx.KindPerson, Methods: []string{"pwd", "otp"}, ACR: reqctx.ACRMulti, Trusted: true, Risk: []string{"new-country"}, Created: time.Unix(1_600_000_000, 0),
		AuthTime: now.Add(-time.Hour), MFATime: now.Add(-time.Minute), Expires: now.Add(5 * time.Minute),
	}
}

func enc(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// forge signs any header and payload with the issuer's own key: only the reader's rules stand in its way.
func forge(t testing.TB, s *Issuer, head, payload string) string {
	t.Helper()
	_, key := s.Keys.Signer()
	signed := enc([]byte(head)) + "." + enc([]byte(payload))
	sum := sha256.Sum256([]byte(signed))
	r, v, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	v.FillBytes(sig[32:])
	return signed + "." + enc(sig[:])
}

const goodHead = `{"alg":"ES256","kid":"key-1","typ":"at+jwt"}`

// payload is a good one with members replaced; nil leaves one out.
func payload(t testing.TB, change map[string]any) string {
	m := map[string]any{
		"iss": "gateway", "aud": "gateway", "sub": "S1", "sid": "SID", "jti": "J", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Unix() + 300,
		"name": "ursula", "roles": []string{"user"}, "amr": []string{"pwd"}, "acr": "aal1", "auth_time": now.Unix(),
	}
	for k, v := range change {
		if v == nil {
			delete(m, k)
		} else {
			m[k] = v
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRoundTrip(t *testing.T) {
	s := newIssuer(t)
	want := person()
	raw, err := s.Issue(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%v", *got) != fmt.Sprintf("%v", reqctx.Identity{Subject: want.Subject, Name: want.Name, Roles: want.Roles, Session: want.Session, TokenID: want.TokenID,
		Kind: want.Kind, ACR: want.ACR, Trusted: want.Trusted, Risk: want.Risk, Created: want.Created.UTC(), Methods: want.Methods, AuthTime: want.AuthTime.UTC(), MFATime: want.MFATime.UTC(), Expires: want.Expires.UTC()}) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	if _, err := s.Parse(forge(t, s, goodHead, payload(t, nil))); err != nil {
		t.Fatal("the forging kit forges nothing:", err)
	}
}

func TestForgedHeaders(t *testing.T) {
	s := newIssuer(t)
	good := payload(t, nil)
	for name, head := range map[string]string{
		"other alg":       `{"alg":"ES384","kid":"key-1","typ":"at+jwt"}`,
		"HS256":           `{"alg":"HS256","kid":"key-1","typ":"at+jwt"}`,
		"lower-case alg":  `{"alg":"es256","kid":"key-1","typ":"at+jwt"}`,
		"no alg":          `{"kid":"key-1","typ":"at+jwt"}`,
		"numeric alg":     `{"alg":1,"kid":"key-1","typ":"at+jwt"}`,
		"null alg":        `{"alg":null,"kid":"key-1","typ":"at+jwt"}`,
		"two algs":        `{"alg":"none","alg":"ES256","kid":"key-1","typ":"at+jwt"}`,
		"escaped twice":   `{"alg":"none","\u0061lg":"ES256","kid":"key-1","typ":"at+jwt"}`,
		"ALG":             `{"ALG":"ES256","kid":"key-1","typ":"at+jwt"}`,
		"no typ":          `{"alg":"ES256","kid":"key-1"}`,
		"typ JWT":         `{"alg":"ES256","kid":"key-1","typ":"JWT"}`,
		"assertion":       `{"alg":"ES256","kid":"key-1","typ":"gateway-assertion+jwt"}`,
		"typ with prefix": `{"alg":"ES256","kid":"key-1","typ":"application/at+jwt"}`,
		"no kid":          `{"alg":"ES256","typ":"at+jwt"}`,
		"unknown kid":     `{"alg":"ES256","kid":"key-2","typ":"at+jwt"}`,
		"kid path":        `{"alg":"ES256","kid":"../../../../dev/null","typ":"at+jwt"}`,
		"kid SQL":         `{"alg":"ES256","kid":"key-1' OR '1'='1","typ":"at+jwt"}`,
		"kid object":      `{"alg":"ES256","kid":{"a":1},"typ":"at+jwt"}`,
		"jku":             `{"alg":"ES256","kid":"key-1","typ":"at+jwt","jku":"https://evil.example/jwks"}`,
		"x5u":             `{"alg":"ES256","kid":"key-1","typ":"at+jwt","x5u":"https://evil.example/x"}`,
		"x5c":             `{"alg":"ES256","kid":"key-1","typ":"at+jwt","x5c":["AAAA"]}`,
		"jwk":             `{"alg":"ES256","kid":"key-1","typ":"at+jwt","jwk":{"kty":"EC"}}`,
		"crit":            `{"alg":"ES256","kid":"key-1","typ":"at+jwt","crit":["exp"]}`,
		"b64 false":       `{"alg":"ES256","kid":"key-1","typ":"at+jwt","b64":false,"crit":["b64"]}`,
		"zip":             `{"alg":"ES256","kid":"key-1","typ":"at+jwt","zip":"DEF"}`,
		"array":           `[]`,
		"not JSON":        `x`,
		"empty":           ``,
		"tail":            goodHead + `{}`,
		"comma":           `{"alg":"ES256","kid":"key-1","typ":"at+jwt",}`,
		"broken UTF-8":    "{\"alg\":\"ES256\",\"kid\":\"key-1\",\"typ\":\"at+jwt\",\"\xff\":1}",
		"deep":            strings.Repeat(`{"alg":`, 500) + `1` + strings.Repeat(`}`, 500),
	} {
		if _, err := s.Parse(forge(t, s, head, good)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// alg none in every case of its letters, with no signature, an empty one and a true one.
func TestAlgNone(t *testing.T) {
	s := newIssuer(t)
	for bits := range 16 {
		alg := []byte("none")
		for i := range alg {
			if bits>>i&1 == 1 {
				alg[i] -= 'a' - 'A'
			}
		}
		head := fmt.Sprintf(`{"alg":"%s","kid":"key-1","typ":"at+jwt"}`, alg)
		signed := enc([]byte(head)) + "." + enc([]byte(payload(t, nil)))
		for _, raw := range []string{signed, signed + ".", signed + ".AA", forge(t, s, head, payload(t, nil))} {
			if _, err := s.Parse(raw); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s: %v", alg, err)
			}
		}
	}
}

// HS256 with the public key as the secret, in each form it could be mistaken in.
func TestHS256WithPublicKey(t *testing.T) {
	s := newIssuer(t)
	_, key := s.Keys.Signer()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range []string{"HS256", "ES256"} {
		signed := enc([]byte(`{"alg":"`+alg+`","kid":"key-1","typ":"at+jwt"}`)) + "." + enc([]byte(payload(t, nil)))
		for _, secret := range [][]byte{der, point, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil} {
			h := hmac.New(sha256.New, secret)
			h.Write([]byte(signed))
			if _, err := s.Parse(signed + "." + enc(h.Sum(nil))); !errors.Is(err, ErrInvalid) {
				t.Error(err)
			}
		}
	}
}

func TestForgedClaims(t *testing.T) {
	s := newIssuer(t)
	at := now.Unix()
	for name, change := range map[string]map[string]any{
		"no exp": {"exp": nil}, "no iat": {"iat": nil}, "no nbf": {"nbf": nil}, "no sub": {"sub": nil}, "no sid": {"sid": nil}, "no jti": {"jti": nil},
		"no iss": {"iss": nil}, "no aud": {"aud": nil}, "no name": {"name": nil}, "no roles": {"roles": nil}, "no amr": {"amr": nil}, "no acr": {"acr": nil}, "trusted as text": {"trusted": "true"}, "risk as text": {"risk": "new-device"}, "created as text": {"created": "1600000000"}, "created below zero": {"created": -1}, "no auth_time": {"auth_time": nil},
		"expired": {"exp": at}, "long expired": {"exp": at - 86400}, "exp text": {"exp": "9999999999"}, "exp huge": {"exp": json.Number("1e400")},
		"exp float": {"exp": json.Number("1900000000.5")}, "exp exponent": {"exp": json.Number("19e8")}, "exp overflow": {"exp": json.Number("9223372036854775808")},
		"exp negative": {"exp": -1}, "exp true": {"exp": true}, "exp array": {"exp": []int{1}},
		"nbf future": {"nbf": at + 60}, "iat future": {"iat": at + 60}, "iat after exp": {"iat": at + 4, "exp": at + 3},
		"numeric sub": {"sub": 1}, "empty sub": {"sub": ""}, "array sub": {"sub": []string{"S1"}}, "empty sid": {"sid": ""}, "empty name": {"name": ""},
		"foreign iss": {"iss": "https://evil.example"}, "iss prefix": {"iss": "gateway "}, "foreign aud": {"aud": "chat"}, "aud array": {"aud": []string{"gateway", "chat"}},
		"no role": {"roles": []string{}}, "empty role": {"roles": []string{""}}, "roles text": {"roles": "admin"}, "numeric role": {"roles": []any{1}},
		"nested roles": {"roles": []any{[]string{"admin"}}}, "many roles": {"roles": make([]string, 40)}, "unknown claim": {"admin": true}, "null": {"name": json.RawMessage("null")},
	} {
		if _, err := s.Parse(forge(t, s, goodHead, payload(t, change))); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := payload(t, nil)
	for name, body := range map[string]string{
		"sub twice":       `{"sub":"admin",` + good[1:],
		"sub twice, last": good[:len(good)-1] + `,"sub":"admin"}`,
		"sub escaped":     good[:len(good)-1] + `,"\u0073ub":"admin"}`,
		"SUB":             good[:len(good)-1] + `,"SUB":"admin"}`,
		"tail":            good + "x", "two": good + good, "array": "[" + good + "]", "empty": "", "null": "null",
		"broken UTF-8": strings.Replace(good, "ursula", "urs\xffula", 1),
	} {
		if _, err := s.Parse(forge(t, s, goodHead, body)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Within the leeway of another gateway's clock.
	if _, err := s.Parse(forge(t, s, goodHead, payload(t, map[string]any{"iat": at + 5, "nbf": at + 5}))); err != nil {
		t.Error("leeway:", err)
	}
}

func TestMalformed(t *testing.T) {
	s := newIssuer(t)
	raw, err := s.Issue(person())
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(raw, ".")
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, raw[len(raw)-1])
	for name, bad := range map[string]string{
		"empty": "", "dots": "..", "four parts": raw + ".", "two parts": parts[0] + "." + parts[1], "no signature": parts[0] + "." + parts[1] + ".",
		"padding": raw + "=", "line break": raw[:40] + "\n" + raw[40:], "blank": " " + raw, "standard alphabet": parts[0] + "." + parts[1] + "." + "+" + parts[2][1:],
		"unused bits":   raw[:len(raw)-1] + string(alphabet[last^1]), // 64 bytes leave 4 bits of the last character unused
		"signature cut": raw[:len(raw)-2], "signature long": raw + "AA", "zero signature": parts[0] + "." + parts[1] + "." + enc(make([]byte, 64)),
		"DER signature": parts[0] + "." + parts[1] + "." + enc(append([]byte{0x30, 0x44, 2, 0x20}, make([]byte, 66)...)),
		"huge":          raw + strings.Repeat("A", 8<<10), "mixed": parts[0] + "." + enc([]byte(payload(t, map[string]any{"name": "ada"}))) + "." + parts[2],
		"JSON serialisation": `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"JWE":                parts[0] + "...." + parts[2], "NUL": raw + "\x00",
	} {
		if _, err := s.Parse(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := newIssuer(t) // the same kid, another key
	if _, err := other.Parse(raw); !errors.Is(err, ErrInvalid) {
		t.Error("another key:", err)
	}
}

func TestExpiresOnTheSecond(t *testing.T) {
	s := newIssuer(t)
	raw, err := s.Issue(person())
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]error{0: nil, 5*time.Minute - 1: nil, 5 * time.Minute: ErrStale} {
		s.Now = func() time.Time { return now.Add(after) }
		if _, err := s.Parse(raw); err != want {
			t.Errorf("after %v: %v", after, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	s := newIssuer(f)
	raw, err := s.Issue(person())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, given string) {
		if id, err := s.Parse(given); err == nil && given != raw || err != nil && !errors.Is(err, ErrInvalid) {
			t.Fatalf("%q: %+v %v", given, id, err)
		}
	})
}

// What the claims reader takes, encoding/json reads the same.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(payload(f, nil)))
	f.Add([]byte(`{"sub":"a","sub":"b"}`))
	f.Add([]byte(`{"exp":1e3}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, ok := parseClaims(raw)
		if !ok {
			return
		}
		var want claims
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatalf("took what is no JSON: %q", raw)
		}
		if want.Subject != got.Subject || want.Expires != got.Expires || len(want.Roles) != len(got.Roles) || want.Session != got.Session {
			t.Fatalf("%q: %+v, want %+v", raw, got, want)
		}
	})
}

func BenchmarkIssue(b *testing.B) {
	s := newIssuer(b)
	id := person()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Issue(id); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	s := newIssuer(b)
	raw, err := s.Issue(person())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Parse(raw); err != nil {
			b.Fatal(err)
		}
	}
}
