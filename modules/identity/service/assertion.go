package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/oidc"
)

const (
	maxAssertion = 5 * time.Minute  // an assertion may still last
	skew         = 30 * time.Second // by which the service's clock may be ahead
	maxJTI       = 128
)

// ErrClient is an assertion that proves nothing: malformed, forged, expired, for somebody else, or of a service that is not there or disabled.
var ErrClient = errors.New("the client assertion is not valid")

// Proof is an assertion that was right. It counts once: whoever takes it remembers Account and ID until Until.
type Proof struct {
	Service Service
	KeyID   string
	ID      string // jti
	Until   time.Time
}

// Prove checks a client assertion (RFC 7523, 3): a JWT by and about the service, signed with one of its keys, for one of the audiences and nobody else, that
// ends within five minutes. Errors: ErrClient; anything else means that it could not be checked.
func (s *Store) Prove(ctx context.Context, raw string, audiences []string, now time.Time) (Proof, error) {
	name := oidc.IssuerOf(raw) // not believed, but to find the keys
	if n, err := account.Normalise(name); err != nil || n != name {
		return Proof{}, ErrClient
	}
	found, err := s.ByName(ctx, name)
	if errors.Is(err, ErrNotFound) {
		err = ErrClient
	}
	if err != nil {
		return Proof{}, err
	}
	keys := make([]*oidc.Key, 0, len(found.Keys))
	for _, k := range found.Keys {
		keys = append(keys, k.key)
	}
	t, err := oidc.VerifyWith(raw, keys)
	if err != nil {
		return Proof{}, ErrClient
	}
	jti := t.Claims.Text("jti")
	expires, current := t.Claims.Current(now)
	switch aud := t.Claims.Audience(); {
	case found.Disabled,
		!slices.Contains([]string{"", "jwt", "client-authentication+jwt"}, t.Header.Type), // no token that was made for another purpose
		t.Claims.Text("iss") != name || t.Claims.Subject() != name,
		len(aud) != 1 || !slices.Contains(audiences, aud[0]),
		!current || expires.After(now.Add(maxAssertion+skew)),
		jti == "" || len(jti) > maxJTI:
		return Proof{}, ErrClient
	}
	return Proof{Service: found, KeyID: t.Key.ID(), ID: jti, Until: expires}, nil
}
