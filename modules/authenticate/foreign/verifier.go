package foreign

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/identity/oidc"
	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// maxToken is what is looked at of an access token, as of one of ours.
const maxToken = 8 << 10

// Verifier knows the tokens of some issuers. It is safe for use by many. Close it.
type Verifier struct {
	issuers map[string]*source
	cache   *cache
	now     func() time.Time
}

// source is one issuer, with its keys.
type source struct {
	Issuer
	provider *oidc.Provider
}

// New makes a Verifier. No issuer is asked yet.
func New(ctx context.Context, issuers []Issuer, now func() time.Time) (*Verifier, error) {
	v := &Verifier{issuers: map[string]*source{}, cache: newCache(maxCached), now: now}
	labels := map[string]bool{}
	for _, i := range issuers {
		err := i.Check()
		i = i.orDefaults()
		switch {
		case err != nil:
		case v.issuers[i.URL] != nil:
			err = fmt.Errorf("issuer %s is given twice", i.URL)
		case labels[i.As]:
			err = fmt.Errorf("issuer %s: another has the label %q: give it one of its own, as in: as corp", i.URL, i.As)
		}
		var p *oidc.Provider
		if err == nil {
			p, err = oidc.New(ctx, oidc.Config{Issuer: i.URL, JWKS: i.JWKS}, now)
		}
		if err != nil {
			v.Close()
			return nil, err
		}
		labels[i.As] = true
		v.issuers[i.URL] = &source{i, p}
	}
	return v, nil
}

// Close ends what is being asked of issuers.
func (v *Verifier) Close() {
	for _, s := range v.issuers {
		s.provider.Close()
	}
}

// Claims tells whether a token says that it is by one of the issuers. Nothing of it is believed yet.
func (v *Verifier) Claims(raw string) bool {
	return len(raw) <= maxToken && v.issuers[oidc.IssuerOf(raw)] != nil
}

// Known returns the identity of a token that was verified before and still holds. It is shared: copy it to change it.
func (v *Verifier) Known(raw string) (*reqctx.Identity, bool) {
	if len(raw) > maxToken {
		return nil, false
	}
	e, ok := v.cache.get(sha256.Sum256([]byte(raw)))
	if !ok || !v.now().Before(e.id.Expires) || !e.source.provider.Holds(e.key) {
		return nil, false
	}
	return e.id, true
}

// Verify checks a token for which Claims holds. cert is the TLS client's certificate (DER), nil without one. Errors: token.ErrInvalid; ErrNoRole; anything else means that
// the issuer could not be asked.
func (v *Verifier) Verify(ctx context.Context, raw string, cert []byte) (*reqctx.Identity, error) {
	s := v.issuers[oidc.IssuerOf(raw)]
	if s == nil || len(raw) > maxToken {
		return nil, token.ErrInvalid
	}
	t, err := s.provider.Verify(ctx, raw, s.Algorithms)
	if errors.Is(err, oidc.ErrInvalid) {
		return nil, token.ErrInvalid
	}
	if err != nil {
		return nil, err
	}
	bound, ok := confirmed(t.Claims, cert)
	if !ok {
		return nil, token.ErrInvalid
	}
	id, err := s.identity(t, v.now())
	if err == nil && !bound { // a bound one is looked at each time: another connection may have brought it
		v.cache.put(sha256.Sum256([]byte(raw)), entry{id, t.Key, s}, v.now())
	}
	return id, err
}

// confirmed tells whether the token is bound to who brings it, and whether this is who brought it.
func confirmed(c oidc.Claims, cert []byte) (bound, ok bool) {
	cnf, bound := c["cnf"]
	if !bound {
		return false, true
	}
	m, _ := cnf.(map[string]any)
	want, _ := m["x5t#S256"].(string)
	if len(m) != 1 || want == "" || cert == nil {
		return true, false
	}
	sum := sha256.Sum256(cert)
	return true, subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(want)) == 1
}
