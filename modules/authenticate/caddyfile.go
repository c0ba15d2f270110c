package authenticate

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/authenticate/foreign"
)

func init() {
	caddy.RegisterModule(Handler{})
	httpcaddyfile.RegisterHandlerDirective("gw_authenticate", parse)
}

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads:
//
//	gw_authenticate [<matcher>] {
//		origins     <origin>...            # further origins that may open sockets and change things; may be repeated
//		login_url   <path>|off             # default /auth/login
//		fail_budget <burst> <per second>   # bad tokens a client may send; default 20 5
//		renewal     <duration>|off         # how long sockets wait for a refresh after their token's expiry; default 30s
//		issuer      <url> { … }            # tokens of other issuers; may be repeated (readIssuer)
//		certificate [<name>] { … }         # TLS clients with a certificate; may be repeated (readCertificate)
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] && name != "origins" {
			return d.Errf("%s is given twice", name)
		}
		read := h.option
		switch name {
		case "issuer", "certificate":
			read = h.block
		default:
			seen[name] = true
		}
		if err := read(d); err != nil {
			return err
		}
	}
	if err := foreign.CheckCertificates(h.Certificates, h.Issuers); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// block reads what may be there several times.
func (h *Handler) block(d *caddyfile.Dispenser) error {
	if d.Val() == "issuer" {
		i, err := readIssuer(d)
		h.Issuers = append(h.Issuers, i)
		return err
	}
	c, err := readCertificate(d)
	h.Certificates = append(h.Certificates, c)
	return err
}

func (h *Handler) option(d *caddyfile.Dispenser) error {
	name, args := d.Val(), d.RemainingArgs()
	switch name {
	case "origins":
		if len(args) == 0 {
			return d.ArgErr()
		}
		for _, a := range args {
			if _, ok := parseOrigin(a); !ok {
				return d.Errf("origins: %q is not an origin, as in: origins https://app.example.com", a)
			}
		}
		h.Origins = append(h.Origins, args...)
		return nil
	case "login_url":
		if len(args) != 1 {
			return d.ArgErr()
		}
		h.LoginURL = args[0]
		if !isLoginURL(h.LoginURL) {
			return d.Errf("login_url: %q is not a path of this site, as in: login_url /auth/login", h.LoginURL)
		}
		return nil
	case "fail_budget":
		if len(args) != 2 {
			return d.ArgErr()
		}
		burst, err := strconv.Atoi(args[0])
		if err != nil || burst < 1 {
			return d.Errf("fail_budget: %q is not a count, as in: fail_budget 20 5", args[0])
		}
		rate, err := strconv.ParseFloat(args[1], 64)
		if err != nil || !(rate > 0 && rate < 1e6) {
			return d.Errf("fail_budget: %q is not a number a second, as in: fail_budget 20 5", args[1])
		}
		h.FailBurst, h.FailRate = burst, rate
		return nil
	case "renewal":
		if len(args) != 1 {
			return d.ArgErr()
		}
		if args[0] == "off" {
			h.Renewal = -1
			return nil
		}
		span, err := caddy.ParseDuration(args[0])
		if err != nil || span <= 0 || span > maxRenewal {
			return d.Errf("renewal: %q is no duration up to %s, as in: renewal 30s", args[0], maxRenewal)
		}
		h.Renewal = caddy.Duration(span)
		return nil
	}
	return d.Errf("unknown subdirective %q: gw_authenticate knows origins, login_url, fail_budget, renewal, issuer and certificate", name)
}
