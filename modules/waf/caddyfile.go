package waf

import (
	"strconv"
	"strings"
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
//		max_arguments <count>                # 250
//		max_cookies   <count>                # 50
//		queue_timeout <duration>             # 1s
//		rules_file    <path> [<path>…]       # SecLang, before the Core Rule Set; a relative path begins at the working directory
//		exclude       <rule id> [<rule id>…]
//		exclude_field <path> <field> [<field>…]
//		capture       { … }                  # see capture.go
//	}
//
// mode, paranoia, the limits and the timeouts may be given once; the others add up.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for d.NextBlock(0) {
		name, args := d.Val(), d.RemainingArgs()
		switch name {
		case "mode", "paranoia", "body_limit", "upload_limit", "body_timeout", "max_arguments", "max_cookies", "queue_timeout":
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
		case "capture":
			if err := h.parseCapture(d, args); err != nil {
				return err
			}
		default:
			return d.Errf("unknown subdirective %q: gw_waf knows mode, paranoia, body_limit, upload_limit, body_timeout, max_arguments, max_cookies, queue_timeout, rules_file, exclude, exclude_field and capture", name)
		}
		if d.NextBlock(1) {
			return d.Errf("%s takes no block", name)
		}
	}
	// Checked here, too, where file and line are known; on a copy, since defaults stay out of the JSON.
	filled := *h
	filled.defaults()
	if err := filled.Validate(); err != nil {
		return d.Errf("gw_waf: %v", err)
	}
	if len(h.RulesFiles) == 0 {
		return nil
	}
	var err error
	if h.RulesRevision, err = filesRevision(filled.directives()); err != nil {
		return d.Errf("gw_waf: rules_file %s: %v", strings.Join(h.RulesFiles, " "), err)
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
	case "queue_timeout":
		t, err := caddy.ParseDuration(arg)
		if err != nil || t < time.Millisecond {
			return d.Errf("queue_timeout %q: it is a duration as 1s, at least 1ms", arg)
		}
		h.QueueTimeout = caddy.Duration(t)
	case "max_arguments":
		return count(d, name, arg, mostArguments, &h.MaxArguments)
	case "max_cookies":
		return count(d, name, arg, mostCookies, &h.MaxCookies)
	}
	return nil
}

func count(d *caddyfile.Dispenser, name, arg string, most int, to *int) error {
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 || n > most {
		return d.Errf("%s %q: it is 1 to %d", name, arg, most)
	}
	*to = n
	return nil
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
