package client

import (
	"math"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() {
	caddy.RegisterModule(Handler{})
	httpcaddyfile.RegisterHandlerDirective("gw_client", parse)
}

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads:
//
//	gw_client [<matcher>] {
//		strip       <header[*]>...    # further headers that only the gateway may set; may be repeated
//		max_body    <size>            # default 10MiB
//		max_url     <size>            # default 8KiB
//		max_headers <count> [<size>]  # default 100 32KiB
//		trailers    <name>...         # request trailers that reach the back end; default none; may be repeated
//	}
//
// A size is in bytes or has a unit (KiB, MiB, …).
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if name := d.Val(); seen[name] && name != "strip" && name != "trailers" {
			return d.Errf("%s is given twice", name)
		}
		seen[d.Val()] = true
		if err := h.option(d); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) option(d *caddyfile.Dispenser) error {
	name, args := d.Val(), d.RemainingArgs()
	switch name {
	case "strip":
		if len(args) == 0 {
			return d.ArgErr()
		}
		for _, a := range args {
			if !validPattern(a) {
				return d.Errf("strip: %q is not a header name, nor one with a * at its end", a)
			}
		}
		h.Strip = append(h.Strip, args...)
		return nil
	case "max_body", "max_url":
		if len(args) != 1 {
			return d.ArgErr()
		}
		n, err := size(d, name, args[0])
		if name == "max_body" {
			h.MaxBody = n
		} else {
			h.MaxURL = int(n)
		}
		return err
	case "max_headers":
		return h.maxHeaders(d, args)
	case "trailers":
		if len(args) == 0 {
			return d.ArgErr()
		}
		h.Trailers = append(h.Trailers, args...)
		return nil
	}
	return d.Errf("unknown subdirective %q: gw_client knows strip, trailers, max_body, max_url and max_headers", name)
}

func (h *Handler) maxHeaders(d *caddyfile.Dispenser, args []string) error {
	if len(args) == 0 || len(args) > 2 {
		return d.ArgErr()
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n <= 0 {
		return d.Errf("max_headers: %q is not a count, as in: max_headers 100 32KiB", args[0])
	}
	h.MaxHeaders = n
	if len(args) == 2 {
		bytes, err := size(d, "max_headers", args[1])
		h.MaxHeaderBytes = int(bytes)
		return err
	}
	return nil
}

// size reads a size that is above 0 and fits an int.
func size(d *caddyfile.Dispenser, option, s string) (int64, error) {
	n, err := humanize.ParseBytes(s)
	if err != nil || n == 0 || n > math.MaxInt32 {
		return 0, d.Errf("%s: %q is not a size up to 2GiB, as in: %s 8KiB", option, s, option)
	}
	return int64(n), nil
}
