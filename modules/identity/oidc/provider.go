package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	fresh      = 10 * time.Minute // then the issuer is asked again, beside the requests
	stale      = time.Hour        // then what it said holds no more
	pause      = 30 * time.Second // between two times of asking
	pauseError = 5 * time.Second  // after one that failed
)

// Metadata is what counts of a discovery document.
type Metadata struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	Userinfo      string   `json:"userinfo_endpoint"`
	JWKS          string   `json:"jwks_uri"`
	TokenAuth     []string `json:"token_endpoint_auth_methods_supported"`
	PKCE          []string `json:"code_challenge_methods_supported"`
	ResponseIss   bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
}

// Config is one issuer.
type Config struct {
	Issuer string // its identifier, `iss`; the discovery document stands below it
	JWKS   string // the address of its keys, for an issuer without discovery; "" discovers it
}

// Check refuses addresses that can't be asked.
func (c Config) Check() error {
	if err := CheckIssuer(c.Issuer); err != nil {
		return err
	}
	if c.JWKS != "" {
		return CheckURL(c.JWKS)
	}
	return nil
}

// Provider is one issuer and what is known of it. It is safe for use by many. Close it.
type Provider struct {
	Config
	client *http.Client
	now    func() time.Time
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	known  atomic.Pointer[known]

	mu     sync.Mutex
	flight *flight
	next   time.Time // when it may be asked again
	failed error     // of the last time
}

// known is what the issuer said. It is never changed.
type known struct {
	meta Metadata
	keys []*Key
	at   time.Time
}

type flight struct {
	done chan struct{}
	err  error
}

// New makes a Provider. Nothing is asked yet.
func New(ctx context.Context, c Config, now func() time.Time) (*Provider, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	p := &Provider{Config: c, client: newClient(), now: now}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx)) // ends with Close, not with the caller's context
	return p, nil
}

// Close ends what is being asked.
func (p *Provider) Close() {
	p.cancel()
	p.client.CloseIdleConnections()
}

// Metadata returns the discovery document. Errors: ErrUnavailable.
func (p *Provider) Metadata(ctx context.Context) (Metadata, error) {
	if k := p.usable(); k != nil {
		return k.meta, nil
	}
	err := p.refresh(ctx)
	if k := p.usable(); k != nil {
		return k.meta, nil
	}
	return Metadata{}, fmt.Errorf("%w: %s: %w", ErrUnavailable, p.Issuer, err)
}

// Token is a token whose signature is by the issuer. Its claims, but for `iss`, are still to be looked at.
type Token struct {
	Header Header
	Claims Claims
	Key    *Key // that signed it
}

// Verify checks a token's signature, by one of these algorithms, and its issuer. Errors: ErrInvalid, ErrUnavailable.
func (p *Provider) Verify(ctx context.Context, raw string, algs []string) (*Token, error) {
	t, ok := split(raw, algs)
	if !ok {
		return nil, ErrInvalid
	}
	keys, err := p.keys(ctx, t.header)
	if err != nil {
		return nil, err
	}
	a := algorithms[t.header.Algorithm]
	for _, k := range keys {
		if !a.verify(k.public, t.signed, t.sig) {
			continue
		}
		claims, ok := parseClaims(t.payload)
		if !ok || claims.Text("iss") != p.Issuer {
			return nil, ErrInvalid
		}
		return &Token{t.header, claims, k}, nil
	}
	return nil, ErrInvalid
}

// Holds tells whether a token that was verified by the key before still would be, as far as the key goes.
func (p *Provider) Holds(k *Key) bool { return !k.withdrawn.Load() && p.usable() != nil }

// keys finds the keys for a header. Errors: ErrInvalid where the issuer has none, ErrUnavailable.
func (p *Provider) keys(ctx context.Context, h Header) ([]*Key, error) {
	if k := p.usable(); k != nil {
		if found := candidates(k.keys, h); found != nil {
			return found, nil
		}
	}
	err := p.refresh(ctx)
	if k := p.usable(); k != nil {
		if found := candidates(k.keys, h); found != nil {
			return found, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, p.Issuer, err)
	}
	return nil, ErrInvalid
}

// usable is what the issuer said, nil where that is too long ago. What is getting old has it asked again, beside the caller.
func (p *Provider) usable() *known {
	k, now := p.known.Load(), p.now()
	if k == nil || now.Sub(k.at) >= stale {
		return nil
	}
	if now.Sub(k.at) >= fresh {
		p.start()
	}
	return k
}

// refresh asks the issuer, or waits for who does; too soon after the last time it returns what came of that.
func (p *Provider) refresh(ctx context.Context) error {
	f, err := p.start()
	if f == nil {
		return err
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Provider) start() (*flight, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flight == nil {
		if p.now().Before(p.next) {
			return nil, p.failed
		}
		p.flight = &flight{done: make(chan struct{})}
		go p.fly(p.flight)
	}
	return p.flight, nil
}

func (p *Provider) fly(f *flight) {
	ctx, cancel := context.WithTimeout(p.ctx, 2*patience) // two documents
	defer cancel()
	k, err := p.fetch(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flight, p.failed, p.next = nil, err, p.now().Add(pause)
	if err != nil {
		p.next = p.now().Add(pauseError)
	} else {
		p.adopt(k)
	}
	f.err = err
	close(f.done)
}

// adopt puts what the issuer says now in force: keys that stay remain the same, the others are withdrawn.
func (p *Provider) adopt(k *known) {
	if old := p.known.Load(); old != nil {
		for _, was := range old.keys {
			if i := slices.IndexFunc(k.keys, was.same); i >= 0 {
				k.keys[i] = was
			} else {
				was.withdrawn.Store(true)
			}
		}
	}
	p.known.Store(k)
}

func (p *Provider) fetch(ctx context.Context) (*known, error) {
	k := &known{at: p.now(), meta: Metadata{Issuer: p.Issuer, JWKS: p.JWKS}}
	if p.JWKS == "" {
		raw, err := p.get(ctx, strings.TrimSuffix(p.Issuer, "/")+"/.well-known/openid-configuration")
		if err != nil {
			return nil, err
		}
		if k.meta, err = p.parseMetadata(raw); err != nil {
			return nil, err
		}
	}
	raw, err := p.get(ctx, k.meta.JWKS)
	if err != nil {
		return nil, err
	}
	k.keys, err = parseKeys(raw)
	return k, err
}

func (p *Provider) parseMetadata(raw []byte) (m Metadata, err error) {
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("reading the discovery document: %w", err)
	}
	if m.Issuer != p.Issuer { // section 4.3: else one issuer could speak for another
		return m, fmt.Errorf("the discovery document is of %q", m.Issuer)
	}
	for name, address := range map[string]string{"authorization_endpoint": m.Authorization, "token_endpoint": m.Token, "userinfo_endpoint": m.Userinfo, "jwks_uri": m.JWKS} {
		if address == "" && name != "jwks_uri" {
			continue // an issuer of access tokens alone needs none
		}
		err := CheckURL(address)
		if err == nil && strings.HasPrefix(p.Issuer, "https:") && !strings.HasPrefix(address, "https:") {
			err = errors.New("it must be https, as the issuer is") // no way to this machine's own services
		}
		if err != nil {
			return m, fmt.Errorf("the discovery document's %s: %w", name, err)
		}
	}
	return m, nil
}
