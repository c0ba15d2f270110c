package portal

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/portal/brand"
)

func init() {
	caddy.RegisterModule(Handler{})
	httpcaddyfile.RegisterHandlerDirective("gw_portal", parse)
}

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads:
//
//	gw_portal [<matcher>] {
//		brand <name> {               # what the pages call the place; default ConvoSphere. The block may be left out
//			logo  <file> [<dark>]    # a picture in place of ours, and one for dark pages
//			hide_name                # the logo holds the name
//			color <rrggbb> [<dark>]  # of buttons and links, and the one for dark pages
//		}
//		home  <path>                 # where a login leads that came from nowhere; default /
//		texts <file>…                # messages of one's own, as de.json
//		link  <text> <address>       # in the footer; may be given several times
//		security_txt {               # whom to tell of a weakness of this site, at /.well-known/security.txt
//			contact <address>…       # mailto:, https: or tel:, the preferred one first
//			policy <https address>
//			encryption <address>
//			acknowledgments <https address>
//			languages <tag>…
//		}
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	return eachOnce(d, "gw_portal", map[string]func(*caddyfile.Dispenser) error{
		"brand": h.readBrand, "home": h.readHome, "texts": h.readTexts, "link": h.readLink, "security_txt": h.readSecurityText,
	}, "link")
}

// eachOnce reads a block of subdirectives, each given once, those of several as often as one likes.
func eachOnce(d *caddyfile.Dispenser, of string, readers map[string]func(*caddyfile.Dispenser) error, several ...string) error {
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] && !slices.Contains(several, name) {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		read, ok := readers[name]
		if !ok {
			return d.Errf("unknown subdirective %q: %s knows %s", name, of, strings.Join(slices.Sorted(maps.Keys(readers)), ", "))
		}
		if err := read(d); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) readBrand(d *caddyfile.Dispenser) error {
	if !d.Args(&h.Brand) || h.Brand == "" || d.NextArg() {
		return d.ArgErr()
	}
	t := &h.Theme
	return eachOnce(d, "brand", map[string]func(*caddyfile.Dispenser) error{
		"logo": func(d *caddyfile.Dispenser) error { return oneOrTwo(d, &t.Logo, &t.LogoDark) },
		"hide_name": func(d *caddyfile.Dispenser) error {
			if d.NextArg() {
				return d.ArgErr()
			}
			t.HideName = true
			return nil
		},
		"color": func(d *caddyfile.Dispenser) error {
			if err := oneOrTwo(d, &t.Color, &t.ColorDark); err != nil {
				return err
			}
			if _, err := brand.NewPalette(t.Color, t.ColorDark); err != nil { // here, too, where file and line are known
				return d.Errf("color: %v", err)
			}
			return nil
		},
	})
}

func oneOrTwo(d *caddyfile.Dispenser, first, second *string) error {
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 || slices.Contains(args, "") {
		return d.ArgErr()
	}
	*first = args[0]
	if len(args) == 2 {
		*second = args[1]
	}
	return nil
}

func (h *Handler) readHome(d *caddyfile.Dispenser) error {
	if !d.Args(&h.Home) || d.NextArg() {
		return d.ArgErr()
	}
	if safeReturn(h.Home, "") == "" {
		return d.Errf("home: %q is not a path of this site, as in: home /rooms", h.Home)
	}
	return nil
}

func (h *Handler) readTexts(d *caddyfile.Dispenser) error {
	h.Texts = d.RemainingArgs()
	if len(h.Texts) == 0 || slices.Contains(h.Texts, "") {
		return d.ArgErr()
	}
	return nil
}

func (h *Handler) readLink(d *caddyfile.Dispenser) error {
	var l Link
	if !d.Args(&l.Text, &l.Address) || d.NextArg() {
		return d.ArgErr()
	}
	if err := l.check(); err != nil {
		return d.Err(err.Error())
	}
	h.Links = append(h.Links, l)
	return nil
}
