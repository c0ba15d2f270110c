package http

import (
	"context"
	"errors"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

const (
	assertionHeader = "X-Gateway-Assertion"
	assertionType   = "gateway-assertion+jwt"
	maxAssertion    = 8 << 10
	maxLife         = 60 * time.Second
	clockSkew       = 10 * time.Second // how far the gateway's clock may be ahead of ours
	maxRemembered   = 4096
)

var errAssertion = errors.New("the assertion is not valid")

// Caller is who the gateway says is asking. Both are empty for someone who is not signed in and whom the gateway lets through.
type Caller struct {
	Subject string // opaque id
	Name    string // user name
}

// Verifier checks the gateway's assertions: ES256 by one of its keys, and exactly our type, issuer and audience (RFC 8725).
// Those it found good it remembers until they expire: the gateway sends the same one for half a minute.
type Verifier struct {
	keys             *Keys
	issuer, audience string
	now              func() time.Time

	mu   sync.RWMutex
	good map[string]remembered
}

type remembered struct {
	caller  Caller
	expires time.Time
}

// NewVerifier makes a Verifier for what issuer says to audience.
func NewVerifier(keys *Keys, issuer, audience string, now func() time.Time) *Verifier {
	return &Verifier{keys: keys, issuer: issuer, audience: audience, now: now, good: map[string]remembered{}}
}

// Verify gives the caller that raw names. Its error is ErrNoKeys where nothing can be verified yet; every other means refused.
func (v *Verifier) Verify(ctx context.Context, raw string) (Caller, error) {
	if raw == "" || len(raw) > maxAssertion {
		return Caller{}, errAssertion
	}
	v.mu.RLock()
	known, ok := v.good[raw]
	v.mu.RUnlock()
	if ok && v.now().Before(known.expires) {
		return known.caller, nil
	}
	payload, err := v.open(ctx, raw)
	if err != nil {
		return Caller{}, err
	}
	caller, expires, err := v.claims(payload)
	if err != nil {
		return Caller{}, err
	}
	v.remember(raw, remembered{caller, expires})
	return caller, nil
}

// open checks the signature. The key is chosen by kid alone; jku, x5u and jwk are never looked at.
func (v *Verifier) open(ctx context.Context, raw string) ([]byte, error) {
	m, err := jws.Parse([]byte(raw), jws.WithCompact())
	if err != nil || len(m.Signatures()) != 1 {
		return nil, errAssertion
	}
	h := m.Signatures()[0].ProtectedHeaders()
	if h.Algorithm() != jwa.ES256 || h.Type() != assertionType || h.KeyID() == "" || len(h.Critical()) > 0 {
		return nil, errAssertion
	}
	key, err := v.keys.Key(ctx, h.KeyID())
	if err != nil {
		return nil, err
	}
	payload, err := jws.Verify([]byte(raw), jws.WithCompact(), jws.WithKey(jwa.ES256, key))
	if err != nil {
		return nil, errAssertion
	}
	return payload, nil
}

func (v *Verifier) claims(payload []byte) (Caller, time.Time, error) {
	t, err := jwt.Parse(payload, jwt.WithVerify(false), jwt.WithValidate(false)) // verified above, validated below
	if err != nil {
		return Caller{}, time.Time{}, errAssertion
	}
	now, made, expires := v.now(), t.IssuedAt(), t.Expiration()
	ours := t.Issuer() == v.issuer && len(t.Audience()) == 1 && t.Audience()[0] == v.audience
	timely := !made.IsZero() && !expires.IsZero() && now.Before(expires) && !made.After(now.Add(clockSkew)) &&
		!t.NotBefore().After(now.Add(clockSkew)) && expires.Sub(made) <= maxLife
	if !ours || !timely {
		return Caller{}, time.Time{}, errAssertion
	}
	c := Caller{Subject: t.Subject()}
	if name, ok := t.Get("name"); ok {
		if c.Name, ok = name.(string); !ok {
			return Caller{}, time.Time{}, errAssertion
		}
	}
	if (c.Name == "") != (c.Subject == "") || !utf8.ValidString(c.Name) {
		return Caller{}, time.Time{}, errAssertion
	}
	return c, expires, nil
}

// remember keeps within its bound: what has expired goes first, then any.
func (v *Verifier) remember(raw string, r remembered) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.good) >= maxRemembered {
		now := v.now()
		for k, old := range v.good {
			if !now.Before(old.expires) {
				delete(v.good, k)
			}
		}
		for k := range v.good {
			if len(v.good) < maxRemembered*7/8 { // room for the next ones too, so that this loop is rare
				break
			}
			delete(v.good, k)
		}
	}
	v.good[raw] = r
}
