package identity

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// mailBlock reads:
//
//	mail {
//		server   smtp://host[:587] | smtps://host[:465]
//		from     <address> | "Name <address>"
//		username <name>
//		password <password>
//		tls      off
//		ca       <file>
//		texts    <folder>
//		language en|de
//	}
func mailBlock(a *App, d *caddyfile.Dispenser) error {
	m := new(Mail)
	a.Mail = m
	of := func(v *string) func() error { return func() error { return text(d, v) } }
	err := block(d, "mail", map[string]func() error{
		"server": of(&m.Server), "from": of(&m.From), "username": of(&m.Username), "password": of(&m.Password),
		"tls": of(&m.TLS), "ca": of(&m.CA), "texts": of(&m.Texts), "language": of(&m.Language),
	})
	switch {
	case err != nil:
		return err
	case m.Server == "" || m.From == "":
		return d.Err("mail needs server and from")
	case m.TLS != "" && m.TLS != "off":
		return d.Errf("tls: %q: it is off, or left out", m.TLS)
	}
	return nil
}

// registration reads:
//
//	registration off|open|invitation|approval {
//		role    <role>
//		domains <domain>...
//	}
func registration(a *App, d *caddyfile.Dispenser) error {
	r := new(Registration)
	a.Registration = r
	if !d.Args(&r.Mode) {
		return d.ArgErr()
	}
	return block(d, "registration", map[string]func() error{
		"role":    func() error { return text(d, &r.Role) },
		"domains": func() error { return list(d, &r.Domains) },
	})
}

// passwords reads:
//
//	passwords {
//		min_length <characters>
//		max_length <characters>
//		strength   0..4
//		words      <word>...
//		history    <number>
//		max_age    <duration>
//		breached   <folder> | <https address>
//	}
func passwords(a *App, d *caddyfile.Dispenser) error {
	p := new(Passwords)
	a.Passwords = p
	count := func(v *int) func() error {
		return func() error {
			n, err := number(d, 31)
			*v = int(n)
			return err
		}
	}
	return block(d, "passwords", map[string]func() error{
		"min_length": count(&p.MinLength), "max_length": count(&p.MaxLength), "history": count(&p.History),
		"max_age":  func() error { return span(d, &p.MaxAge) },
		"breached": func() error { return text(d, &p.Breached) },
		"words":    func() error { return list(d, &p.Words) },
		"strength": func() error {
			var v string
			if err := text(d, &v); err != nil {
				return err
			}
			n, err := strconv.Atoi(v)
			if err != nil {
				return d.Errf("strength: %q is no number from 0 to 4", v)
			}
			p.Strength = &n
			return nil
		},
	})
}
