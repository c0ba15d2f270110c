package foreign

import (
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/oidc"
	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const (
	maxName  = 64  // bytes of a name before it is spelled: what comes of it fits where names are kept
	maxText  = 128 // bytes of what else is taken over
	maxRoles = 16
	maxTexts = 32 // of amr, and of scopes
)

// identity is whom a token stands for. Errors: token.ErrInvalid, ErrNoRole.
func (i *Issuer) identity(t *oidc.Token, now time.Time) (*reqctx.Identity, error) {
	c := t.Claims
	expires, current := c.Current(now)
	typed := slices.ContainsFunc(i.Types, func(typ string) bool { return oidc.MediaType(typ) == t.Header.Type })
	intended := slices.ContainsFunc(c.Audience(), func(a string) bool { return slices.Contains(i.Audience, a) })
	authTime, _, timed := c.Time("auth_time")
	subject, name := c.Subject(), c.Text(i.Name)
	if !current || !typed || !intended || !timed || subject == "" || len(subject) > maxText || !nameable(name) {
		return nil, token.ErrInvalid
	}
	for _, m := range i.Require {
		if !m.holds(c) {
			return nil, token.ErrInvalid
		}
	}
	roles := i.roles(c)
	if len(roles) == 0 {
		return nil, ErrNoRole
	}
	id := &reqctx.Identity{
		Subject: spell(subject) + "@" + i.As, Name: spell(name) + "@" + i.As, Roles: roles, Kind: reqctx.KindForeign, Issuer: i.URL,
		TokenID: cut(c.Text("jti"), maxText), Methods: some(c.Texts("amr")), ACR: reqctx.ACRSingle, AuthTime: authTime, Expires: expires,
	}
	if i.SecondFactor != nil && i.SecondFactor.holds(c) {
		id.ACR, id.MFATime = reqctx.ACRMulti, authTime
	}
	if i.Scopes {
		id.Scopes = append([]string{}, some(c.Texts("scope"))...) // none is a limit, too: to nothing
	}
	return id, nil
}

// roles are everybody's and those of the mapping, each once, in the order of the configuration.
func (i *Issuer) roles(c oidc.Claims) []string {
	var roles []string
	add := func(more []string) {
		for _, r := range more {
			if !slices.Contains(roles, r) && len(roles) < maxRoles {
				roles = append(roles, r)
			}
		}
	}
	add(i.Roles)
	for _, m := range i.Map {
		if c.Has(m.Claim, m.Value) {
			add(m.Roles)
		}
	}
	return roles
}

func some(texts []string) []string {
	var kept []string
	for _, s := range texts {
		if len(s) <= maxText && len(kept) < maxTexts {
			kept = append(kept, s)
		}
	}
	return kept
}

func cut(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}

func nameable(s string) bool { return s != "" && len(s) <= maxName }

// spell writes a name in the one way that names no other: what is not a-z, 0-9, dot, underscore or dash becomes %XX.
func spell(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}
