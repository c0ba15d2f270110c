package token

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const (
	maxToken = 8 << 10
	leeway   = 5 * time.Second // by which the clock of the gateway that signed may be ahead; none for exp
)

// Strict: of the spellings that differ in unused bits, one is right. (Line breaks, which it skips, are refused by alphabet.)
var b64 = base64.RawURLEncoding.Strict()

// Parse verifies a token's signature and claims. Whether its session lives is not asked. Errors: ErrInvalid, as ErrStale where it has expired.
func (s *Issuer) Parse(raw string) (*reqctx.Identity, error) {
	if len(raw) > maxToken || !alphabet(raw) {
		return nil, ErrInvalid
	}
	head, rest, ok1 := strings.Cut(raw, ".")
	body, sig, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || strings.Contains(sig, ".") {
		return nil, ErrInvalid
	}
	key, ok := s.key(head)
	if !ok || !verify(key, raw[:len(head)+1+len(body)], sig) {
		return nil, ErrInvalid
	}
	payload, err := b64.DecodeString(body)
	if err != nil {
		return nil, ErrInvalid
	}
	c, ok := parseClaims(payload)
	if !ok || !s.meant(c) {
		return nil, ErrInvalid
	}
	if !s.Now().Before(time.Unix(c.Expires, 0)) {
		return nil, ErrStale
	}
	return c.identity(), nil
}

func alphabet(raw string) bool {
	for i := range len(raw) {
		c := raw[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// key reads the header, which must name our algorithm, our type and one of our keys, and nothing else.
func (s *Issuer) key(head string) (*ecdsa.PublicKey, bool) {
	raw, err := b64.DecodeString(head)
	if err != nil {
		return nil, false
	}
	var h header
	ok := members(raw, map[string]any{"alg": &h.Algorithm, "kid": &h.KeyID, "typ": &h.Type}, []string{"alg", "kid", "typ"})
	if !ok || h.Algorithm != "ES256" || h.Type != Type {
		return nil, false
	}
	return s.Keys.Public(h.KeyID)
}

func verify(key *ecdsa.PublicKey, signed, sig string) bool {
	raw, err := b64.DecodeString(sig)
	if err != nil || len(raw) != 64 {
		return false
	}
	sum := sha256.Sum256([]byte(signed))
	return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:]))
}

var required = []string{"iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "name", "roles", "amr", "acr", "auth_time"}

func parseClaims(raw []byte) (c claims, ok bool) {
	ok = members(raw, map[string]any{
		"iss": &c.Issuer, "aud": &c.Audience, "sub": &c.Subject, "sid": &c.Session, "jti": &c.ID,
		"iat": &c.IssuedAt, "nbf": &c.NotBefore, "exp": &c.Expires,
		"name": &c.Name, "roles": &c.Roles, "amr": &c.Methods, "acr": &c.ACR, "auth_time": &c.AuthTime,
		"mfa_time": &c.MFATime, "trusted": &c.Trusted, "risk": &c.Risk, "created": &c.Created,
	}, required)
	return c, ok
}

// meant tells whether the token is by us, for us, for somebody, and not from later than now.
func (s *Issuer) meant(c claims) bool {
	latest := s.Now().Add(leeway).Unix()
	return c.Issuer == s.Issuer && c.Audience == s.Audience &&
		c.Subject != "" && c.Session != "" && c.Name != "" && len(c.Roles) > 0 && !slices.Contains(c.Roles, "") &&
		c.IssuedAt <= latest && c.NotBefore <= latest && c.IssuedAt <= c.Expires
}
