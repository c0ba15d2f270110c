package authenticate

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/authenticate/foreign"
)

// readIssuer reads:
//
//	issuer <url> {
//		audience      <name>...
//		as            <label>
//		algorithms    <alg>...
//		types         <typ>...
//		jwks          <url>
//		name          <claim>
//		roles         <role>...
//		map           <claim> <value> <role>...   # may be repeated
//		require       <claim> <value>...          # may be repeated
//		second_factor <claim> <value>...
//		scopes
//	}
func readIssuer(d *caddyfile.Dispenser) (i foreign.Issuer, err error) {
	if i.URL, err = onlyArg(d); err != nil {
		return i, err
	}
	err = readBlock(d, []string{"map", "require"}, func(name string, args []string) error {
		if name == "scopes" {
			i.Scopes = true
			return count(d, args, 0, 0)
		}
		if err := count(d, args, 1, -1); err != nil {
			return err
		}
		switch name {
		case "audience":
			i.Audience = args
		case "algorithms":
			i.Algorithms = args
		case "types":
			i.Types = args
		case "roles":
			i.Roles = args
		case "as":
			i.As = args[0]
			return count(d, args, 1, 1)
		case "jwks":
			i.JWKS = args[0]
			return count(d, args, 1, 1)
		case "name":
			i.Name = args[0]
			return count(d, args, 1, 1)
		case "map":
			if err := count(d, args, 3, -1); err != nil {
				return err
			}
			i.Map = append(i.Map, foreign.Mapping{Claim: args[0], Value: args[1], Roles: args[2:]})
		case "require":
			i.Require = append(i.Require, foreign.Match{Claim: args[0], Values: args[1:]})
			return count(d, args, 2, -1)
		case "second_factor":
			i.SecondFactor = &foreign.Match{Claim: args[0], Values: args[1:]}
			return count(d, args, 2, -1)
		default:
			return d.Errf("unknown subdirective %q: issuer knows audience, as, algorithms, types, jwks, name, roles, map, require, second_factor and scopes", name)
		}
		return nil
	})
	if err == nil {
		if err = i.Check(); err != nil {
			err = d.WrapErr(err)
		}
	}
	return i, err
}

// readCertificate reads:
//
//	certificate [<name>] {
//		name_from cn|dns|email|uri
//		as        <label>
//		subject   <DN>...
//		san       <kind>:<name>...
//		issuer    <DN>|sha256:<fingerprint>...
//		roles     <role>...
//		kind      service|foreign
//	}
func readCertificate(d *caddyfile.Dispenser) (c foreign.Certificate, err error) {
	if args := d.RemainingArgs(); len(args) > 0 {
		c.Name = args[0]
		if err := count(d, args, 1, 1); err != nil {
			return c, err
		}
	}
	err = readBlock(d, nil, func(name string, args []string) error {
		if err := count(d, args, 1, -1); err != nil {
			return err
		}
		switch name {
		case "subject":
			c.Subjects = args
		case "san":
			c.SANs = args
		case "issuer":
			c.Issuers = args
		case "roles":
			c.Roles = args
		case "name_from":
			c.NameFrom = args[0]
			return count(d, args, 1, 1)
		case "as":
			c.As = args[0]
			return count(d, args, 1, 1)
		case "kind":
			c.Kind = args[0]
			return count(d, args, 1, 1)
		default:
			return d.Errf("unknown subdirective %q: certificate knows name_from, as, subject, san, issuer, roles and kind", name)
		}
		return nil
	})
	if err == nil {
		if err = c.Check(); err != nil {
			err = d.WrapErr(err)
		}
	}
	return c, err
}

// readBlock calls read for each line of a block; a name is given once, but for the repeated ones.
func readBlock(d *caddyfile.Dispenser, repeated []string, read func(name string, args []string) error) error {
	seen := map[string]bool{}
	for _, name := range repeated {
		seen[name] = false
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] {
			return d.Errf("%s is given twice", name)
		}
		if _, many := seen[name]; !many {
			seen[name] = true
		}
		if err := read(name, d.RemainingArgs()); err != nil {
			return err
		}
	}
	return nil
}

func onlyArg(d *caddyfile.Dispenser) (string, error) {
	args := d.RemainingArgs()
	return append(args, "")[0], count(d, args, 1, 1)
}

// count refuses fewer than least arguments, and more than most; most -1 is any number.
func count(d *caddyfile.Dispenser, args []string, least, most int) error {
	if len(args) < least || most >= 0 && len(args) > most {
		return d.ArgErr()
	}
	return nil
}
