package federation

import (
	"errors"
	"fmt"
	"slices"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/oidc"
)

// Config is one provider.
type Config struct {
	// What it is called in addresses: a-z, 0-9 and dashes. Its redirect address is https://<host>/auth/oidc/<id>/callback.
	ID string `json:"id"`
	// What people read on the button. Default: the id.
	Name string `json:"name,omitempty"`
	// The provider's identifier: https, or http on loopback.
	Issuer string `json:"issuer"`
	// What the provider calls this gateway.
	ClientID string `json:"client_id"`
	// The secret that it gave out for that; placeholders such as {env.NAME} and {file.PATH} are filled in. Default: none, for a public client.
	ClientSecret string `json:"client_secret,omitempty"`
	// What is asked for. Default: openid, email and profile.
	Scopes []string `json:"scopes,omitempty"`
	// The algorithms that ID tokens may be signed by. Default: ES256 and RS256.
	Algorithms []string `json:"algorithms,omitempty"`
	// Which accounts are linked to a person whose mail address the provider has verified, and the account has: "" none, LinkEmpty, LinkAny.
	Link string `json:"link,omitempty"`
	// Roles of the account that a person gets who has none. Default: no account is made.
	Create []string `json:"create,omitempty"`
	// What a person must have to be let in.
	Require []Match `json:"require,omitempty"`
	// What tells that the provider asked for a second factor: none is asked for here then. Default: nothing does.
	SecondFactor *Match `json:"second_factor,omitempty"`
}

// What Config.Link may be. A person who is signed in may always link.
const (
	LinkEmpty = "verified_mail"     // accounts without a password and without a second factor, which only providers get at
	LinkAny   = "verified_mail_any" // all: whoever holds the address at the provider holds the account, but for its second factor
)

// Match is a claim that is, or lists, one of some values. Claim is a name, or a place such as /realm_access/roles.
type Match struct {
	Claim  string   `json:"claim"`
	Values []string `json:"values"`
}

func (m Match) holds(c oidc.Claims) bool {
	return slices.ContainsFunc(m.Values, func(v string) bool { return c.Has(m.Claim, v) })
}

func (c Config) orDefaults() Config {
	if c.Name == "" {
		c.Name = c.ID
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"openid", "email", "profile"}
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = oidc.DefaultAlgorithms
	}
	return c
}

// Check refuses what can't work.
func (c Config) Check() error {
	c = c.orDefaults()
	fail := func(format string, args ...any) error {
		return fmt.Errorf("provider %s: %w", c.ID, fmt.Errorf(format, args...))
	}
	switch {
	case !isID(c.ID):
		return fmt.Errorf("provider: %q is no id of 1 to 32 of a-z, 0-9 and dashes", c.ID)
	case len(c.Name) > 64:
		return fail("the name is longer than 64 bytes")
	case c.ClientID == "":
		return fail("client_id is missing")
	case !slices.Contains(c.Scopes, "openid"):
		return fail("scopes must have openid: without it the provider says nothing of who signed in")
	case c.Link != "" && c.Link != LinkEmpty && c.Link != LinkAny:
		return fail("link: %q is neither %s nor %s", c.Link, LinkEmpty, LinkAny)
	}
	if err := oidc.CheckIssuer(c.Issuer); err != nil {
		return fail("issuer %w", err)
	}
	if err := oidc.CheckAlgorithms(c.Algorithms); err != nil {
		return fail("%w", err)
	}
	if len(c.Create) > 0 {
		if err := account.CheckRoles(c.Create); err != nil {
			return fail("create: %w", err)
		}
	}
	all := slices.Clone(c.Require)
	if c.SecondFactor != nil {
		all = append(all, *c.SecondFactor)
	}
	for _, m := range all {
		if m.Claim == "" || len(m.Values) == 0 {
			return fail("require and second_factor need a claim and values, as in: require hd corp.example")
		}
	}
	return nil
}

// Check refuses providers that can't be, and two of one id.
func Check(all []Config) error {
	for i, c := range all {
		if err := c.Check(); err != nil {
			return err
		}
		if slices.ContainsFunc(all[:i], func(o Config) bool { return o.ID == c.ID }) {
			return errors.New("provider " + c.ID + " is given twice")
		}
	}
	return nil
}

func isID(s string) bool {
	if s == "" || len(s) > 32 {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
