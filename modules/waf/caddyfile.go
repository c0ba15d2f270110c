package waf

import (
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() { httpcaddyfile.RegisterHandlerDirective("gw_waf", parse) }

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	w := new(Handler)
	return w, w.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads the directive:
//
//	gw_waf [<matcher>] {
//		mode          block | detect | off
//		paranoia      1 | 2 | 3 | 4
//		body_limit    <size>                 # 128KiB
//		upload_limit  <size>                 # 16MiB, multipart bodies
//		body_timeout  <duration>             # 30s, and 1s more for each 32 KiB received
//		rules_file    <path> [<path>…]       # SecLang, before the Core Rule Set; a relative path begins at the working directory
//		exclude       <rule id> [<rule id>…]
//		exclude_field <path> <field> [<field>…]
//	}
//
// mode, paranoia, the limits and the timeout may be given once; the others add up.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for d.NextBlock(0) {
		name, args := d.Val(), d.RemainingArgs()
		switch name {
		case "mode", "paranoia", "body_limit", "upload_limit", "body_timeout":
			if len(args) != 1 {
				return d.ArgErr()
			}
			if seen[name] {
				return d.Errf("%s is given twice", name)
			}
			seen[name] = true
			if err := h.single(d, name, args[0]); err != nil {
				return err
			}
		case "rules_file":
			if len(args) == 0 {
				return d.ArgErr()
			}
			h.RulesFiles = append(h.RulesFiles, args...)
		case "exclude":
			if len(args) == 0 {
				return d.ArgErr()
			}
			for _, a := range args {
				id, err := strconv.Atoi(a)
				if err != nil || id < 1 {
					return d.Errf("exclude %q: it is no rule id", a)
				}
				h.ExcludeRules = append(h.ExcludeRules, id)
			}
		case "exclude_field":
			if len(args) < 2 {
				return d.ArgErr()
			}
			x := FieldExclusion{Path: args[0], Fields: args[1:]}
			if err := x.validate(); err != nil {
				return d.WrapErr(err)
			}
			h.ExcludeFields = append(h.ExcludeFields, x)
		default:
			return d.Errf("unknown subdirective %q", name)
		}
		if d.NextBlock(1) {
			return d.Errf("%s takes no block", name)
		}
	}
	return nil
}

func (h *Handler) single(d *caddyfile.Dispenser, name, arg string) error {
	switch name {
	case "mode":
		if arg != Block && arg != Detect && arg != Off {
			return d.Errf("mode %q: it is block, detect or off", arg)
		}
		h.Mode = arg
	case "paranoia":
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 || n > 4 {
			return d.Errf("paranoia %q: it is 1 to 4", arg)
		}
		h.Paranoia = n
	case "body_limit", "upload_limit":
		n, err := humanize.ParseBytes(arg)
		if err != nil || n < 1 || n > maxLimit {
			return d.Errf("%s %q: it is a size as 1MiB, below 1GiB", name, arg)
		}
		if name == "body_limit" {
			h.BodyLimit = int64(n)
		} else {
			h.UploadLimit = int64(n)
		}
	case "body_timeout":
		t, err := caddy.ParseDuration(arg)
		if err != nil || t < time.Second {
			return d.Errf("body_timeout %q: it is a duration as 30s, at least 1s", arg)
		}
		h.BodyTimeout = caddy.Duration(t)
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
