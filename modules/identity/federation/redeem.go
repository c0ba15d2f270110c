package federation

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/convosphere/gateway/modules/identity/oidc"
)

const (
	maxCode = 2048
	// tokenAge is how old an ID token may be: it was made a moment ago.
	tokenAge = 5 * time.Minute
	skew     = 30 * time.Second // of the provider's clock
	againAge = time.Minute      // how long ago a login may be that was asked for just now
)

// Person is whom a provider vouches for.
type Person struct {
	Provider      string // the id of the configuration
	Issuer        string
	Subject       string // at the issuer
	Email         string // as the provider has it; "" none
	EmailVerified bool   // and the provider says that it verified it
	Username      string // a proposal: the person may have chosen it
	DisplayName   string
	Locale        string
	AuthTime      time.Time // when they signed in there; zero: the provider does not say
	Multi         bool      // with a second factor, as the operator's rule tells
}

// redeem exchanges the code for an ID token and reads who it is of. Errors: ErrRefused; anything else means that the provider can't be asked.
func (p *provider) redeem(ctx context.Context, meta oidc.Metadata, f *flow, code string, now time.Time) (Person, error) {
	if len(code) > maxCode {
		return Person{}, fmt.Errorf("%w: a code of %d bytes", ErrRefused, len(code))
	}
	tokens, err := p.exchange(ctx, meta, f, code)
	if err != nil {
		return Person{}, err
	}
	t, err := p.issuer.Verify(ctx, tokens.ID, p.Algorithms)
	if errors.Is(err, oidc.ErrInvalid) {
		return Person{}, fmt.Errorf("%w: the ID token: %w", ErrRefused, err)
	}
	if err != nil {
		return Person{}, err
	}
	if err := p.check(t, f, now); err != nil {
		return Person{}, fmt.Errorf("%w: the ID token: %w", ErrRefused, err)
	}
	claims := t.Claims
	if _, told := claims["email"]; !told && meta.Userinfo != "" && strings.EqualFold(tokens.Type, "Bearer") && tokens.Access != "" {
		if claims, err = p.userinfo(ctx, meta.Userinfo, tokens.Access, claims); err != nil {
			return Person{}, err
		}
	}
	for _, m := range p.Require {
		if !m.holds(claims) {
			return Person{}, fmt.Errorf("%w: the claim %s keeps them out", ErrRefused, m.Claim)
		}
	}
	return p.person(claims), nil
}

// check holds an ID token to OpenID Connect Core 1.0 section 3.1.3.7.
func (p *provider) check(t *oidc.Token, f *flow, now time.Time) error {
	c := t.Claims
	if _, ok := c.Current(now); !ok {
		return errors.New("it is not for now")
	}
	if issued, given, ok := c.Time("iat"); !given || !ok || now.Sub(issued) > tokenAge {
		return errors.New("iat is missing, or long ago")
	}
	if t.Header.Type != "" && t.Header.Type != "jwt" {
		return fmt.Errorf("it is a %s", t.Header.Type)
	}
	audience := c.Audience()
	if !slices.Contains(audience, p.ClientID) {
		return errors.New("it is for another")
	}
	if azp, given := c["azp"]; given && azp != p.ClientID || !given && len(audience) > 1 {
		return errors.New("it was given to another")
	}
	if subtle.ConstantTimeCompare([]byte(c.Text("nonce")), []byte(f.Nonce)) != 1 {
		return errors.New("it is of another login")
	}
	if c.Subject() == "" {
		return errors.New("it has no subject")
	}
	at, given, ok := c.Time("auth_time")
	if !ok || given && at.After(now.Add(skew)) {
		return errors.New("auth_time is no time")
	}
	if f.Purpose == Again && (!given || now.Sub(at) > againAge+now.Sub(f.Begun)) {
		return errors.New("the person was not asked to sign in again")
	}
	return nil
}

// tokens is what the token endpoint answers.
type tokens struct {
	ID     string `json:"id_token"`
	Access string `json:"access_token"`
	Type   string `json:"token_type"`
}

func (p *provider) exchange(ctx context.Context, meta oidc.Metadata, f *flow, code string) (t tokens, err error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {f.Redirect}, "code_verifier": {f.Verifier},
	}
	basic := p.ClientSecret != "" && (len(meta.TokenAuth) == 0 || slices.Contains(meta.TokenAuth, "client_secret_basic")) // the default of RFC 8414
	if !basic {
		form.Set("client_id", p.ClientID)
		if p.ClientSecret != "" {
			form.Set("client_secret", p.ClientSecret)
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, meta.Token, strings.NewReader(form.Encode()))
	if err != nil {
		return t, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		r.SetBasicAuth(url.QueryEscape(p.ClientID), url.QueryEscape(p.ClientSecret)) // RFC 6749 section 2.3.1
	}
	status, body, err := p.issuer.Do(r)
	switch {
	case err != nil:
		return t, fmt.Errorf("%w: %s: redeeming a code: %w", oidc.ErrUnavailable, p.Issuer, err)
	case status == http.StatusUnauthorized:
		return t, fmt.Errorf("%w: %s does not take client_id and client_secret", oidc.ErrUnavailable, p.Issuer)
	case status >= 500:
		return t, fmt.Errorf("%w: %s: redeeming a code: the answer is %d", oidc.ErrUnavailable, p.Issuer, status)
	case status != http.StatusOK:
		return t, fmt.Errorf("%w: the code was not taken: the answer is %d", ErrRefused, status)
	}
	if err := json.Unmarshal(body, &t); err != nil || t.ID == "" {
		return t, fmt.Errorf("%w: no ID token came", ErrRefused)
	}
	return t, nil
}

// userinfo asks what the ID token does not tell. What the token does tell counts more.
func (p *provider) userinfo(ctx context.Context, endpoint, access string, claims oidc.Claims) (oidc.Claims, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+access)
	status, body, err := p.issuer.Do(r)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the answer is %d", status)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: userinfo: %w", oidc.ErrUnavailable, p.Issuer, err)
	}
	all := oidc.Claims{}
	if err := json.Unmarshal(body, (*map[string]any)(&all)); err != nil {
		return nil, fmt.Errorf("%w: userinfo can't be read", ErrRefused)
	}
	if all.Subject() != claims.Subject() { // section 5.3.2: else it may be about another
		return nil, fmt.Errorf("%w: userinfo is of another", ErrRefused)
	}
	for name, value := range claims {
		if name != "email_verified" { // it belongs to the address, which comes from here
			all[name] = value
		}
	}
	return all, nil
}

func (p *provider) person(c oidc.Claims) Person {
	verified, _ := c["email_verified"].(bool) // nothing but true: a provider that writes "true" may mean something else
	at, _, _ := c.Time("auth_time")
	return Person{
		Provider: p.ID, Issuer: p.Config.Issuer, Subject: c.Subject(), Email: c.Text("email"), EmailVerified: verified,
		Username: c.Text("preferred_username"), DisplayName: c.Text("name"), Locale: c.Text("locale"), AuthTime: at,
		Multi: p.SecondFactor != nil && p.SecondFactor.holds(c),
	}
}
