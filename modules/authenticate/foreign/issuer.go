package foreign

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/identity/oidc"
)

// Issuer is one issuer of access tokens, and what its tokens mean here.
type Issuer struct {
	// The issuer's identifier, `iss`: https, or http on loopback. Its keys are found by OpenID Connect Discovery.
	URL string `json:"url"`
	// The label that ends subjects and names of its people: "ada@corp". Default: the host of the address.
	As string `json:"as,omitempty"`
	// The audiences: a token must be for one of them.
	Audience []string `json:"audience"`
	// The algorithms that tokens may be signed by. Default: ES256 and RS256.
	Algorithms []string `json:"algorithms,omitempty"`
	// The `typ` that tokens may have. Default: at+jwt (RFC 9068). An issuer that writes JWT there may give ID tokens the same, for another audience.
	Types []string `json:"types,omitempty"`
	// The address of the issuer's keys, where it has no discovery.
	JWKS string `json:"jwks,omitempty"`
	// The claim that names the person: unique, and not of the person's own choice. Default: sub.
	Name string `json:"name,omitempty"`
	// The roles of everybody.
	Roles []string `json:"roles,omitempty"`
	// Roles of those with a claim.
	Map []Mapping `json:"map,omitempty"`
	// What a token must have to be taken at all.
	Require []Match `json:"require,omitempty"`
	// What tells that a second factor was given.
	SecondFactor *Match `json:"second_factor,omitempty"`
	// Whether the token's scopes limit what it may do here.
	Scopes bool `json:"scopes,omitempty"`
}

// Match is a claim that has one of some values. Claim is a name, or a place such as /realm_access/roles.
type Match struct {
	Claim  string   `json:"claim"`
	Values []string `json:"values"`
}

// Mapping gives roles to those whose claim is, or lists, the value.
type Mapping struct {
	Claim string   `json:"claim"`
	Value string   `json:"value"`
	Roles []string `json:"roles"`
}

func (m Match) holds(c oidc.Claims) bool {
	return slices.ContainsFunc(m.Values, func(v string) bool { return c.Has(m.Claim, v) })
}

// orDefaults fills what is not given.
func (i Issuer) orDefaults() Issuer {
	if i.As == "" {
		if u, err := url.Parse(i.URL); err == nil {
			i.As = strings.ToLower(u.Hostname())
		}
	}
	if len(i.Algorithms) == 0 {
		i.Algorithms = oidc.DefaultAlgorithms
	}
	if len(i.Types) == 0 {
		i.Types = []string{"at+jwt"}
	}
	if i.Name == "" {
		i.Name = "sub"
	}
	return i
}

// Check refuses what can't work, or would take more tokens than its writer thinks.
func (i Issuer) Check() error {
	i = i.orDefaults()
	if err := (oidc.Config{Issuer: i.URL, JWKS: i.JWKS}).Check(); err != nil {
		return fmt.Errorf("issuer %w", err)
	}
	fail := func(err error) error { return fmt.Errorf("issuer %s: %w", i.URL, err) }
	if err := oidc.CheckAlgorithms(i.Algorithms); err != nil {
		return fail(err)
	}
	switch {
	case len(i.Audience) == 0:
		return fail(errors.New("audience is missing: without one, tokens that were made for others would be taken"))
	case slices.Contains(i.Audience, ""):
		return fail(errors.New("audience is empty"))
	case !isLabel(i.As):
		return fail(fmt.Errorf("as: %q is no label of a-z, 0-9, dots and dashes, as in: as corp", i.As))
	case len(i.Roles) == 0 && len(i.Map) == 0:
		return fail(errors.New("roles are missing: nobody would get one"))
	case slices.Contains(i.Types, ""):
		return fail(errors.New("types: empty"))
	}
	if err := checkRoles(i.Roles); err != nil {
		return fail(err)
	}
	for _, m := range i.Map {
		if m.Claim == "" || m.Value == "" || len(m.Roles) == 0 {
			return fail(errors.New("map needs a claim, a value and roles, as in: map groups staff moderator"))
		}
		if err := checkRoles(m.Roles); err != nil {
			return fail(err)
		}
	}
	all := i.Require
	if i.SecondFactor != nil {
		all = append(slices.Clone(all), *i.SecondFactor)
	}
	for _, m := range all {
		if m.Claim == "" || len(m.Values) == 0 {
			return fail(errors.New("require and second_factor need a claim and values, as in: require azp my-client"))
		}
	}
	return nil
}

func isLabel(s string) bool {
	if s == "" || len(s) > 63 || strings.Trim(s, ".-") != s {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

// checkRoles holds roles to the spelling of accounts' roles, since they stand in the same headers and policies.
func checkRoles(roles []string) error {
	for _, r := range roles {
		ok := len(r) > 0 && len(r) <= 32 && r[0] >= 'a' && r[0] <= 'z'
		for _, c := range r {
			ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-')
		}
		if !ok {
			return fmt.Errorf("%q is no role: 1 to 32 letters a-z, digits, underscores or dashes, a letter first", r)
		}
	}
	return nil
}
