package identity

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/identity/federation"
)

// readProvider reads:
//
//	provider <id> {
//		name          <text>
//		issuer        <url>
//		client_id     <text>
//		client_secret <text>
//		scopes        <scope>...
//		algorithms    <alg>...
//		link          verified_mail [any]
//		create        <role>...
//		require       <claim> <value>...   # may be repeated
//		second_factor <claim> <value>...
//	}
func readProvider(a *App, d *caddyfile.Dispenser) error {
	var c federation.Config
	if !d.Args(&c.ID) || d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] && name != "require" {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		if err := providerOption(&c, d); err != nil {
			return err
		}
	}
	a.Providers = append(a.Providers, c)
	if err := federation.Check(a.Providers); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func providerOption(c *federation.Config, d *caddyfile.Dispenser) error {
	switch name := d.Val(); name {
	case "name":
		return text(d, &c.Name)
	case "issuer":
		return text(d, &c.Issuer)
	case "client_id":
		return text(d, &c.ClientID)
	case "client_secret":
		return text(d, &c.ClientSecret)
	case "scopes":
		return list(d, &c.Scopes)
	case "algorithms":
		return list(d, &c.Algorithms)
	case "create":
		return list(d, &c.Create)
	case "link":
		c.Link = strings.Join(d.RemainingArgs(), "_")
		if c.Link != federation.LinkEmpty && c.Link != federation.LinkAny {
			return d.Errf("link: it is either `link verified_mail` or `link verified_mail any`")
		}
		return nil
	case "require":
		m, err := readMatch(d)
		c.Require = append(c.Require, m)
		return err
	case "second_factor":
		m, err := readMatch(d)
		c.SecondFactor = &m
		return err
	default:
		return d.Errf("unknown subdirective %q: provider knows name, issuer, client_id, client_secret, scopes, algorithms, link, create, require and second_factor", name)
	}
}

func readMatch(d *caddyfile.Dispenser) (m federation.Match, err error) {
	args := d.RemainingArgs()
	if len(args) < 2 {
		return m, d.ArgErr()
	}
	return federation.Match{Claim: args[0], Values: args[1:]}, nil
}
