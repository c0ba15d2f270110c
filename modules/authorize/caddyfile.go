package authorize

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"

	"github.com/convosphere/gateway/modules/internal/route"
)

func init() { httpcaddyfile.RegisterHandlerDirective("gw_authorize", parse) }

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	a := new(Handler)
	return a, a.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	gw_authorize [<matcher>] {
//		audience   <name>
//		issuer     <name>
//		max_answer <size>
//		body_memory <size>
//		protected
//
//		public [<methods>] <path>...
//
//		route <methods> <path> {
//			permission <permission>
//			resource   <object> [in <object>]
//			target     <name>
//			classification public | internal | confidential | restricted
//			body       [<size>]
//			filter     <member> <permission> <object> [in <object>]
//			ids        <header> <type> <permission>
//			on <status> grant  <relation> <object> [to <subject>] [if <value> == <text>]
//			on <status> revoke [<relation>] <object> [from <subject>] [if <value> == <text>]
//		}
//
//		socket [GET] <path> {
//			permission <permission>
//			resource   <object> [in <object>]
//			type       <member>
//			in <type>... {
//				permission <permission>
//				resource   <object> [in <object>]
//				target     <name>
//				classification …
//				body       [<size>]
//				drop
//			}
//			out <type>... {
//				permission <permission>
//				resource   <object> [in <object>]
//				drop
//				grant  <relation> <object> [to <subject>] [if <value> == <text>]
//				revoke [<relation>] <object> [from <subject>] [if <value> == <text>]
//			}
//			pass <type>...
//		}
//	}
//
// <methods> is one method, several with commas between, or *; of public, GET by default. A <path> is /rooms/{room}, with {name...}
// at the end for the rest. An <object> is type:id, as room:{room}. Variables are those of the path; behind `on`, also
// {http.gw.response.json.MEMBER}; behind `filter`, members of the element; in `in` and `out`, members of the message.
// A <subject> is a name or *, or for the relation parent an object; without one it is the caller (grant) or anyone (revoke).
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		if err := h.parseOne(d); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) parseOne(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "audience":
		return one(d, &h.Audience)
	case "issuer":
		return one(d, &h.Issuer)
	case "max_answer":
		return parseSize(d, &h.MaxAnswer, 1)
	case "body_memory":
		return parseSize(d, &h.BodyMemory, largestBody)
	case "protected":
		if h.Protected {
			return d.Err("protected is given twice")
		}
		h.Protected = true
		return end(d)
	case "public":
		return h.parsePublic(d)
	case "route":
		return h.parseRoute(d)
	case "socket":
		return h.parseSocket(d)
	}
	return d.Errf("unknown subdirective %q: gw_authorize knows audience, issuer, max_answer, body_memory, protected, public, route and socket", d.Val())
}

func one(d *caddyfile.Dispenser, to *string) error {
	name := d.Val()
	if *to != "" {
		return d.Errf("%s is given twice", name)
	}
	if !d.NextArg() || d.Val() == "" {
		return d.ArgErr()
	}
	*to = d.Val()
	return end(d)
}

// end refuses further arguments.
func end(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

func parseSize(d *caddyfile.Dispenser, to *int64, least uint64) error {
	name := d.Val()
	if *to != 0 {
		return d.Errf("%s is given twice", name)
	}
	if !d.NextArg() {
		return d.ArgErr()
	}
	n, err := humanize.ParseBytes(d.Val())
	if err != nil || n < least || n > 1<<30 {
		return d.Errf("%s %q: write a size up to 1GiB, as 8MiB, and at least %s", name, d.Val(), humanize.IBytes(least))
	}
	*to = int64(n)
	return end(d)
}

// parseBody reads what stands behind body.
func parseBody(d *caddyfile.Dispenser, to **Body) error {
	if *to != nil {
		return d.Err("body is given twice")
	}
	*to = new(Body)
	args := d.RemainingArgs()
	if len(args) == 0 {
		return nil
	}
	n, err := humanize.ParseBytes(args[0])
	if err != nil || n == 0 || n > largestBody || len(args) > 1 {
		return d.Err("write `body`, or `body <size>` up to 1MiB, as `body 16KiB`")
	}
	(*to).Max = int64(n)
	return nil
}

func (h *Handler) parsePublic(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	methods := []string{http.MethodGet}
	if len(args) > 0 && !strings.HasPrefix(args[0], "/") {
		methods = route.ParseMethods(args[0])
		args = args[1:]
	}
	if len(args) == 0 {
		return d.ArgErr()
	}
	for _, path := range args {
		if err := h.addRoute(d, Route{Methods: methods, Path: path, Rule: Rule{Permission: permissionPublic}}); err != nil {
			return err
		}
	}
	return nil
}

// addRoute checks the route here, so that a mistake names file and line.
func (h *Handler) addRoute(d *caddyfile.Dispenser, r Route) error {
	if err := route.CheckMethods(r.Methods); err != nil {
		return d.WrapErr(err)
	}
	if _, err := r.compile(); err != nil {
		return d.WrapErr(err)
	}
	h.Routes = append(h.Routes, r)
	if _, err := compileRoutes(h.Routes, h.Sockets); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
