package token

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Keys is what of a key ring tokens need.
type Keys interface {
	Signer() (kid string, key *ecdsa.PrivateKey)
	Public(kid string) (*ecdsa.PublicKey, bool)
}

// Issuer writes tokens for one issuer and audience, and reads them. It is safe for use by many.
type Issuer struct {
	Keys     Keys
	Issuer   string
	Audience string
	Now      func() time.Time
}

type header struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Type      string `json:"typ"`
}

// Issue signs a token for id, which lasts until id.Expires. id.TokenID is set by it; times lose what is below a second.
func (s *Issuer) Issue(id *reqctx.Identity) (string, error) {
	kid, key := s.Keys.Signer()
	now := s.Now().Unix()
	id.TokenID = rand.Text()
	id.Expires = id.Expires.Truncate(time.Second)
	c := claims{
		Issuer: s.Issuer, Audience: s.Audience, Subject: id.Subject, Session: id.Session, ID: id.TokenID,
		IssuedAt: now, NotBefore: now, Expires: id.Expires.Unix(),
		Name: id.Name, Roles: id.Roles, Methods: id.Methods, ACR: id.ACR, AuthTime: id.AuthTime.Unix(),
		Trusted: id.Trusted, Risk: id.Risk,
	}
	if !id.MFATime.IsZero() {
		c.MFATime = id.MFATime.Unix()
	}
	if !id.Created.IsZero() {
		c.Created = id.Created.Unix()
	}
	head, err := json.Marshal(header{"ES256", kid, Type})
	if err != nil {
		return "", fmt.Errorf("writing a token: %w", err)
	}
	body, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("writing a token: %w", err)
	}
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString(head) + "." + b64.EncodeToString(body)
	sum := sha256.Sum256([]byte(signed))
	r, v, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	var sig [64]byte // r and s, 32 bytes each (RFC 7518, 3.4)
	r.FillBytes(sig[:32])
	v.FillBytes(sig[32:])
	return signed + "." + b64.EncodeToString(sig[:]), nil
}
