package protect

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() { httpcaddyfile.RegisterHandlerDirective("gw_protect", parse) }

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	p := new(Handler)
	return p, p.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	gw_protect [<matcher>] {
//		max_body   <size>
//		max_answer <size>
//		plain      refuse | pass
//
//		output … # see parseOutput
//		detect … # see parseDetect
//
//		route <methods> <path> {
//			key_set <template>
//			record  <type> [<pointer>] [request | answer] [{
//				key_set <template>
//				id      <member> | <template>
//				mint    $.<member> ulid
//				encrypt <member> [as <name>]
//				index   <member> <into member>
//			}]
//			id, mint, encrypt, index: as in a record's braces, where there is one record alone
//			index query <parameter> [<member>]
//			size    <pointer>…
//		}
//		socket <path> {
//			type <member>
//			in   <type>… { as a route, but for queries and sizes }
//			out  <type>… { as a route, but for queries }
//		}
//		file <methods> <path> {
//			key_set <template>
//			record  <type> [<id>]
//			mint    header <name> ulid
//			part    <field>…
//		}
//	}
//
// <methods> is one method, several with commas between, or *. A <template> is text with {name} for a variable of the path and {.member} for a member of
// the record: room/{room}. A <pointer> is a JSON pointer with * for each element of an array. A <member> is a name, names with dots between, or
// a JSON pointer; all begin at the record.
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
	case "max_body":
		return parseSize(d, &h.MaxBody)
	case "max_answer":
		return parseSize(d, &h.MaxAnswer)
	case "plain":
		if err := one(d, &h.Plain); err != nil {
			return err
		}
		if h.Plain != PlainRefuse && h.Plain != PlainPass {
			return d.Errf("plain is %s or %s", PlainRefuse, PlainPass)
		}
		return nil
	case "route":
		return h.parseRoute(d)
	case "socket":
		return h.parseSocket(d)
	case "file":
		return h.parseFile(d)
	case "output":
		return parseOutput(d, &h.Output)
	case "detect":
		return h.parseDetect(d)
	}
	return d.Errf("unknown subdirective %q: gw_protect knows max_body, max_answer, plain, route, socket, file, output and detect", d.Val())
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

func parseSize(d *caddyfile.Dispenser, to *int64) error {
	name := d.Val()
	if *to != 0 {
		return d.Errf("%s is given twice", name)
	}
	if !d.NextArg() {
		return d.ArgErr()
	}
	n, err := humanize.ParseBytes(d.Val())
	if err != nil || n < 1 || n > largest {
		return d.Errf("%s %q: write a size up to 64MiB, as 1MiB", name, d.Val())
	}
	*to = int64(n)
	return end(d)
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
