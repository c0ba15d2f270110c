package federation

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/oidc"
	"github.com/convosphere/gateway/modules/internal/store"
)

const (
	// FlowLife is how long a person has to sign in at the provider.
	FlowLife  = 10 * time.Minute
	maxReturn = 1024 // bytes: the cookie has room for 4096
	maxCookie = 4096
)

// What a flow is for.
const (
	Login = "login"
	Link  = "link"  // a person who is signed in adds the provider
	Again = "again" // a person who is signed in proves to be there
)

// Start is what a flow is begun with, and what comes out at its end.
type Start struct {
	Purpose  string `json:"p"`
	Redirect string `json:"u"`           // this site's address for the provider's answer
	ReturnTo string `json:"r,omitempty"` // where to go at the end; one that is too long is forgotten
	Account  string `json:"a,omitempty"` // who is signed in, but for a login
	Session  string `json:"s,omitempty"`
}

// flow is what the cookie keeps.
type flow struct {
	Start
	State    string    `json:"t"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Begun    time.Time `json:"b"`
}

// Keys seals what browsers keep.
type Keys interface {
	Seal(plain []byte, place string) ([]byte, error)
	Unseal(sealed []byte, place string) ([]byte, error)
}

// Service is the providers of one configuration. It is safe for use by many. Close it.
type Service struct {
	keys      Keys
	now       func() time.Time
	providers map[string]*provider
	offers    []Offer
}

// Offer is a provider to choose.
type Offer struct{ ID, Name string }

type provider struct {
	Config
	issuer *oidc.Provider
}

// New makes a Service. No provider is asked yet.
func New(ctx context.Context, all []Config, keys Keys, now func() time.Time) (*Service, error) {
	if err := Check(all); err != nil {
		return nil, err
	}
	s := &Service{keys: keys, now: now, providers: map[string]*provider{}}
	for _, c := range all {
		c = c.orDefaults()
		p, err := oidc.New(ctx, oidc.Config{Issuer: c.Issuer}, now)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.providers[c.ID] = &provider{c, p}
		s.offers = append(s.offers, Offer{c.ID, c.Name})
	}
	return s, nil
}

// Close ends what is being asked of providers.
func (s *Service) Close() {
	for _, p := range s.providers {
		p.issuer.Close()
	}
}

// Offers are the providers, in the order of the configuration.
func (s *Service) Offers() []Offer { return s.offers }

// Provider returns how a provider is configured. Errors: ErrProvider.
func (s *Service) Provider(id string) (Config, error) {
	p, ok := s.providers[id]
	if !ok {
		return Config{}, ErrProvider
	}
	return p.Config, nil
}

func place(id string) string { return store.Key("oidc-flow", id) }

// Begin begins a flow: the browser goes to the address with the cookie. Errors: ErrProvider; anything else means that the provider can't be asked.
func (s *Service) Begin(ctx context.Context, id string, start Start) (address, cookie string, err error) {
	p, ok := s.providers[id]
	if !ok {
		return "", "", ErrProvider
	}
	meta, err := p.issuer.Metadata(ctx)
	if err != nil {
		return "", "", err
	}
	if meta.Authorization == "" || meta.Token == "" {
		return "", "", fmt.Errorf("%w: %s has no login", oidc.ErrUnavailable, p.Issuer)
	}
	if len(start.ReturnTo) > maxReturn {
		start.ReturnTo = ""
	}
	f := flow{Start: start, State: rand.Text(), Nonce: rand.Text(), Verifier: newVerifier(), Begun: s.now()}
	raw, err := json.Marshal(f)
	if err != nil {
		return "", "", fmt.Errorf("beginning a login: %w", err)
	}
	sealed, err := s.keys.Seal(raw, place(id))
	if err != nil {
		return "", "", fmt.Errorf("beginning a login: %w", err)
	}
	address, err = p.authorize(meta.Authorization, &f)
	return address, base64.RawURLEncoding.EncodeToString(sealed), err
}

// newVerifier is 256 random bits in 43 characters (RFC 7636 section 4.1).
func newVerifier() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(b)
}

// asLongAsYouLike is how old the provider's own login may be. It limits nothing: whoever names an age is told when the login was (OpenID Connect Core 3.1.2.1).
const asLongAsYouLike = 365 * 24 * time.Hour

func (p *provider) authorize(endpoint string, f *flow) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("%w: %s: its address for logins: %w", oidc.ErrUnavailable, p.Issuer, err)
	}
	challenge := sha256.Sum256([]byte(f.Verifier))
	q := u.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": p.ClientID, "redirect_uri": f.Redirect, "scope": strings.Join(p.Scopes, " "), "state": f.State, "nonce": f.Nonce,
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
		"max_age": strconv.Itoa(int(asLongAsYouLike.Seconds())),
	} {
		q.Set(name, value)
	}
	switch f.Purpose {
	case Again:
		q.Set("prompt", "login")
		q.Set("max_age", "0")
	case Link:
		q.Set("prompt", "login") // whoever is at the keyboard says which account it will be
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// Finish ends a flow with the query that the provider sent the browser back with, and the browser's cookie. Where the flow is known, what it was begun with is returned
// with an error, too. Errors: ErrProvider, ErrFlow, ErrDenied, ErrRefused; anything else means that the provider can't be asked.
func (s *Service) Finish(ctx context.Context, id string, query url.Values, cookie string) (Person, Start, error) {
	p, ok := s.providers[id]
	if !ok {
		return Person{}, Start{}, ErrProvider
	}
	f, err := s.open(id, cookie)
	if err != nil {
		return Person{}, Start{}, err
	}
	state, ok := single(query, "state")
	if !ok || subtle.ConstantTimeCompare([]byte(state), []byte(f.State)) != 1 {
		return Person{}, Start{}, ErrFlow // not to be believed: it may be another's flow that this browser is sent through
	}
	meta, err := p.issuer.Metadata(ctx)
	if err != nil {
		return Person{}, f.Start, err
	}
	if _, given := query["iss"]; given || meta.ResponseIss {
		if iss, ok := single(query, "iss"); !ok || iss != p.Issuer {
			return Person{}, f.Start, fmt.Errorf("%w: iss is another's, or missing", ErrRefused)
		}
	}
	if _, given := query["error"]; given {
		return Person{}, f.Start, ErrDenied
	}
	code, ok := single(query, "code")
	if !ok || code == "" {
		return Person{}, f.Start, fmt.Errorf("%w: no code, or several", ErrRefused)
	}
	person, err := p.redeem(ctx, meta, f, code, s.now())
	return person, f.Start, err
}

// open reads the cookie. Errors: ErrFlow.
func (s *Service) open(id, cookie string) (*flow, error) {
	if cookie == "" || len(cookie) > maxCookie {
		return nil, ErrFlow
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil {
		return nil, ErrFlow
	}
	raw, err := s.keys.Unseal(sealed, place(id))
	if err != nil {
		return nil, ErrFlow // of another provider, of a key ring that is gone, or made up
	}
	var f flow
	if json.Unmarshal(raw, &f) != nil || f.State == "" || f.Nonce == "" || f.Verifier == "" {
		return nil, ErrFlow
	}
	if age := s.now().Sub(f.Begun); age < 0 || age > FlowLife {
		return nil, ErrFlow
	}
	return &f, nil
}

func single(q url.Values, name string) (string, bool) {
	if v := q[name]; len(v) == 1 {
		return v[0], true
	}
	return "", false
}
