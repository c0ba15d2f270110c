package authorize

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// lifetime of an assertion. It is used for half of it, so that one which is about to end never goes out.
const lifetime = 60 * time.Second

// maxAssertions bounds each of the two generations that are remembered.
const maxAssertions = 4096

// asserter makes what the back end believes: a JWT (RFC 7519), ES256, of type gateway-assertion+jwt.
type asserter struct {
	issuer, audience string
	signer           func() (kid string, key *ecdsa.PrivateKey)
	now              func() time.Time

	mu         sync.Mutex
	young, old map[assertionKey]assertion
}

// assertionKey is all that an assertion says of a person.
type assertionKey struct{ kid, subject, name, roles string }

type assertion struct {
	token string
	until time.Time // it is not given out any more
}

type claims struct {
	Issuer   string   `json:"iss"`
	Audience string   `json:"aud"`
	Subject  string   `json:"sub,omitempty"`
	Name     string   `json:"name,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	ID       string   `json:"jti"`
}

// assert returns an assertion for the person, or for nobody.
func (a *asserter) assert(id *reqctx.Identity) (string, error) {
	kid, private := a.signer()
	key := assertionKey{kid: kid}
	c := claims{Issuer: a.issuer, Audience: a.audience}
	if id != nil {
		key.subject, key.name, key.roles = id.Subject, id.Name, strings.Join(id.Roles, ",")
		c.Subject, c.Name, c.Roles = id.Subject, id.Name, id.Roles
	}
	now := a.now()
	if token, ok := a.known(key, now); ok {
		return token, nil
	}
	c.IssuedAt, c.Expires, c.ID = now.Unix(), now.Add(lifetime).Unix(), rand.Text()
	token, err := sign(kid, private, c)
	if err != nil {
		return "", err
	}
	a.remember(key, assertion{token, now.Add(lifetime / 2)})
	return token, nil
}

func (a *asserter) known(key assertionKey, now time.Time) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.young[key]
	if !ok {
		s, ok = a.old[key]
	}
	return s.token, ok && now.Before(s.until)
}

// remember keeps two generations: a full one pushes out the one before, by then mostly past use.
func (a *asserter) remember(key assertionKey, s assertion) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.young == nil || len(a.young) >= maxAssertions {
		a.old, a.young = a.young, map[assertionKey]assertion{}
	}
	a.young[key] = s
}

// sign makes a compact JWS (RFC 7515) with ES256 (RFC 7518 section 3.4: R and S, 32 bytes each).
func sign(kid string, key *ecdsa.PrivateKey, c claims) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "ES256", "typ": "gateway-assertion+jwt", "kid": kid})
	if err != nil {
		return "", fmt.Errorf("signing the assertion: %w", err)
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("signing the assertion: %w", err)
	}
	b64 := base64.RawURLEncoding
	text := b64.EncodeToString(header) + "." + b64.EncodeToString(payload)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing the assertion: %w", err)
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + b64.EncodeToString(sig[:]), nil
}
