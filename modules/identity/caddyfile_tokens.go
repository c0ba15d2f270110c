package identity

import (
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/identity/session"
)

// PersonalTokens says what personal access tokens there may be.
type PersonalTokens struct {
	// Off: nobody makes any, and those that were made are refused.
	Off bool `json:"off,omitempty"`

	// How many an account may have at a time, 1 to 1000. Default: 20.
	Limit int `json:"limit,omitempty"`

	// How long one may live, at least 24h. Default: 8760h (365 days).
	MaxLifetime caddy.Duration `json:"max_lifetime,omitempty"`

	// The permissions that a token may be for. Default: any, but never those to the account itself (account:…).
	Scopes []string `json:"scopes,omitempty"`
}

func (p *PersonalTokens) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		if d.Val() != "off" || d.NextArg() {
			return d.ArgErr()
		}
		p.Off = true
		if nesting := d.Nesting(); d.NextBlock(nesting) {
			return d.Err("personal_tokens: off and a block contradict each other")
		}
		return nil
	}
	return block(d, "personal_tokens", map[string]func() error{
		"limit": func() error {
			n, err := number(d, 16)
			p.Limit = int(n)
			return err
		},
		"max_lifetime": func() error { return span(d, &p.MaxLifetime) },
		"scopes":       func() error { return list(d, &p.Scopes) },
	})
}

// rules fills what is not given with the defaults; nil: there are to be none.
func (p *PersonalTokens) rules() *session.TokenRules {
	r := &session.TokenRules{Limit: 20, MaxLife: 365 * 24 * time.Hour}
	switch {
	case p == nil:
		return r
	case p.Off:
		return nil
	}
	if p.Limit != 0 {
		r.Limit = p.Limit
	}
	if p.MaxLifetime != 0 {
		r.MaxLife = time.Duration(p.MaxLifetime)
	}
	r.Scopes = p.Scopes
	return r
}
