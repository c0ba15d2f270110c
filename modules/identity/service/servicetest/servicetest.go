// Package servicetest is a service's side of private_key_jwt, for tests.
package servicetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// Key is a service's ES256 key.
type Key struct {
	ID      string
	private *ecdsa.PrivateKey
}

// NewKey makes one.
func NewKey(kid string) *Key {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return &Key{kid, private}
}

func enc(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// JWK is the public key.
func (k *Key) JWK() []byte {
	point, err := k.private.PublicKey.Bytes()
	if err != nil {
		panic(err) // the key was made here
	}
	return fmt.Appendf(nil, `{"kty":"EC","crv":"P-256","use":"sig","alg":"ES256","kid":%q,"x":%q,"y":%q}`, k.ID, enc(point[1:33]), enc(point[33:]))
}

// Sign signs any header and payload.
func (k *Key) Sign(head, payload string) string {
	text := enc([]byte(head)) + "." + enc([]byte(payload))
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, sum[:])
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + enc(sig[:])
}

// Claims are those of a good assertion with members replaced; nil leaves one out.
func Claims(name, audience string, now time.Time, change map[string]any) string {
	m := map[string]any{"iss": name, "sub": name, "aud": audience, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Unix() + 60}
	maps.Copy(m, change)
	for k, v := range m {
		if v == nil {
			delete(m, k)
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // a test's own mistake
	}
	return string(b)
}

// Assert signs a good assertion.
func (k *Key) Assert(name, audience string, now time.Time) string {
	return k.Sign(fmt.Sprintf(`{"alg":"ES256","kid":%q,"typ":"JWT"}`, k.ID), Claims(name, audience, now, nil))
}
