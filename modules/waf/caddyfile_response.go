package waf

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// unmarshalResponses reads the subdirective:
//
//	responses off
//	responses {
//		types  <media type> [<media type>…]  # text/html, text/* or application/*+json; takes the place of the default list
//		limit  <size>                        # 128KiB
//		stream watch | hold | pass
//	}
func (h *Handler) unmarshalResponses(d *caddyfile.Dispenser) error {
	if h.Responses != nil {
		return d.Err("responses is given twice")
	}
	h.Responses = new(Responses)
	args := d.RemainingArgs()
	switch {
	case len(args) == 1 && args[0] == "off":
		h.Responses.Off = true
	case len(args) > 0:
		return d.Errf("responses %s: it is off, or a block", strings.Join(args, " "))
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if h.Responses.Off {
			return d.Err("responses off takes no block")
		}
		name, args := d.Val(), d.RemainingArgs()
		if known := name == "types" || name == "limit" || name == "stream"; known && (len(args) == 0 || len(args) > 1 && name != "types") {
			return written(d, "responses")
		}
		if seen[name] {
			return d.Errf("responses: %s is given twice", name)
		}
		seen[name] = true
		switch name {
		case "types":
			for _, t := range args {
				h.Responses.Types = append(h.Responses.Types, strings.ToLower(t))
			}
		case "limit":
			n, err := humanize.ParseBytes(args[0])
			if err != nil || n < overlap || n > mostResponseLimit {
				return d.Errf("responses: limit %q: it is a size as 128KiB, 4KiB to 16MiB", args[0])
			}
			h.Responses.Limit = int64(n)
		case "stream":
			h.Responses.Stream = args[0]
		default:
			return d.Errf("unknown subdirective %q: responses knows types, limit and stream", name)
		}
	}
	if err := h.Responses.filled().validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}
