package identity

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// subdirectives reads each of its own; a block's reader stands in a file of its own.
var subdirectives = map[string]func(*App, *caddyfile.Dispenser) error{
	"issuer":          func(a *App, d *caddyfile.Dispenser) error { return text(d, &a.Issuer) },
	"audience":        func(a *App, d *caddyfile.Dispenser) error { return text(d, &a.Audience) },
	"label":           func(a *App, d *caddyfile.Dispenser) error { return text(d, &a.Label) },
	"access_lifetime": func(a *App, d *caddyfile.Dispenser) error { return span(d, &a.AccessLifetime) },
	"idle":            func(a *App, d *caddyfile.Dispenser) error { return span(d, &a.Idle) },
	"absolute":        func(a *App, d *caddyfile.Dispenser) error { return span(d, &a.Absolute) },
	"remember":        remember,
	"remember_device": rememberDevice,
	"max_sessions":    maxSessions,
	"provider":        readProvider,
	"throttle":        throttling,
	"argon2": func(a *App, d *caddyfile.Dispenser) error {
		a.Argon2 = new(Argon2)
		return a.Argon2.unmarshal(d)
	},
	"second_factor": func(a *App, d *caddyfile.Dispenser) error {
		a.SecondFactor = new(SecondFactor)
		return a.SecondFactor.unmarshal(d)
	},
	"webauthn": func(a *App, d *caddyfile.Dispenser) error {
		a.WebAuthn = new(WebAuthn)
		return a.WebAuthn.unmarshal(d)
	},
	"public_url":             func(a *App, d *caddyfile.Dispenser) error { return text(d, &a.PublicURL) },
	"mail":                   mailBlock,
	"registration":           registration,
	"passwords":              passwords,
	"service_token_lifetime": func(a *App, d *caddyfile.Dispenser) error { return span(d, &a.ServiceTokenLifetime) },
	"personal_tokens": func(a *App, d *caddyfile.Dispenser) error {
		a.PersonalTokens = new(PersonalTokens)
		return a.PersonalTokens.unmarshal(d)
	},
}

// UnmarshalCaddyfile reads the block `identity` of the global option `gateway`. Syntax:
//
//	identity {
//		issuer          <text>      # iss of access tokens; default gateway
//		audience        <text>      # aud of access tokens; default gateway
//		label           <text>      # the service's name in authenticator apps; default ConvoSphere
//		access_lifetime <duration>  # default 5m
//		idle            <duration>  # default 30m
//		absolute        <duration>  # default 12h
//		remember {                  # lets people stay signed in; default: nobody
//			idle     <duration>     # default 336h
//			absolute <duration>     # default 720h
//			except   <role>...
//		}
//		remember_device <duration>|off           # default 720h
//		max_sessions    <number> [oldest|refuse] # default 50 oldest
//		throttle {                  # wrong passwords: free tries, then the first wait, doubling to the longest
//			client    <free> [<first> [<longest>]]  # default 50 10s 5m
//			account   <free> [<first> [<longest>]]  # default 20 30s 1h
//			pair      <free> [<first> [<longest>]]  # default 5 30s 1h
//			device    <free> [<first> [<longest>]]  # default 10 30s 1h
//			challenge <number>                      # default 3
//			queue     <number>                      # default 100 for each core
//		}
//		public_url   <https address>             # what links in mails begin with
//		mail         { … }                       # see mailBlock
//		registration off|open|invitation|approval [{ … }] # see registration; default off
//		passwords    { … }                       # see passwords
//		argon2 {
//			memory  <KiB>           # default 19456
//			time    <passes>        # default 2
//			threads <number>        # default 1
//		}
//		second_factor required <role>... # roles that must have one; default none
//		webauthn {
//			rp_id   <domain>        # default: the host of each request
//			origins <origin>...     # default: the host of each request, where it is rp_id or below it
//		}
//		personal_tokens off         # or:
//		personal_tokens {
//			limit        <number>   # an account may have; default 20
//			max_lifetime <duration> # default 365d
//			scopes       <permission>... # that a token may be for; default any
//		}
//		service_token_lifetime <duration> # default 10m
//		provider <id> { … }         # an outside provider to sign in with; may be repeated (readProvider)
//	}
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the word identity
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for d.NextBlock(0) {
		name := d.Val()
		if seen[name] && name != "provider" {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		read, ok := subdirectives[name]
		if !ok {
			return d.Errf("unknown subdirective %q: identity knows %s", name, strings.Join(slices.Sorted(maps.Keys(subdirectives)), ", "))
		}
		if err := read(a, d); err != nil {
			return err
		}
	}
	// Checked here, too, where file and line are known. Defaults stay out of the JSON, so on a copy.
	filled := *a
	if a.Argon2 != nil {
		costs := *a.Argon2
		filled.Argon2 = &costs
	}
	filled.defaults()
	if err := errors.Join(filled.Argon2.check(), filled.checkAccounts(), filled.MaxSessions.check(), filled.config().Check()); err != nil {
		return d.Errf("identity: %v", err)
	}
	return nil
}

func (c *Argon2) unmarshal(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var n uint64
		var err error
		switch name := d.Val(); name {
		case "memory":
			if n, err = number(d, 32); err == nil {
				c.Memory = uint32(n)
			}
		case "time":
			if n, err = number(d, 32); err == nil {
				c.Time = uint32(n)
			}
		case "threads":
			if n, err = number(d, 8); err == nil {
				c.Threads = uint8(n)
			}
		default:
			err = d.Errf("unknown subdirective %q: argon2 knows memory, time and threads", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func text(d *caddyfile.Dispenser, to *string) error {
	if !d.Args(to) || *to == "" || d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

func span(d *caddyfile.Dispenser, to *caddy.Duration) error {
	name := d.Val()
	var v string
	if err := text(d, &v); err != nil {
		return err
	}
	dur, err := caddy.ParseDuration(v)
	if err != nil || dur <= 0 {
		return d.Errf("%s: %q is no duration such as 5m or 12h", name, v)
	}
	*to = caddy.Duration(dur)
	return nil
}

func number(d *caddyfile.Dispenser, bits int) (uint64, error) {
	name := d.Val()
	var v string
	if err := text(d, &v); err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(v, 10, bits)
	if err != nil || n == 0 {
		return 0, d.Errf("%s: %q is no whole number above 0", name, v)
	}
	return n, nil
}

var _ caddyfile.Unmarshaler = (*App)(nil)
