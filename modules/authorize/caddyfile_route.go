package authorize

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/policy/grant"
)

func (h *Handler) parseRoute(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 2 {
		return d.Err("write `route <methods> <path> { … }`, as `route GET,POST /api/rooms { … }`, or * for all methods")
	}
	r := Route{Methods: route.ParseMethods(args[0]), Path: args[1]}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "body":
			err = parseBody(d, &r.Body)
		case "filter":
			err = r.parseFilter(d)
		case "ids":
			err = r.parseIDs(d)
		case "on":
			err = r.parseOn(d)
		default:
			var known bool
			if known, err = r.Rule.parseOne(d); err == nil && !known {
				err = d.Errf("unknown subdirective %q: route knows permission, resource, target, classification, body, filter, ids and on", d.Val())
			}
		}
		if err != nil {
			return err
		}
	}
	return h.addRoute(d, r)
}

// parseOne reads what rules of all kinds have; false where it is something else.
func (r *Rule) parseOne(d *caddyfile.Dispenser) (known bool, err error) {
	switch d.Val() {
	case "permission":
		return true, one(d, &r.Permission)
	case "target":
		return true, one(d, &r.Target)
	case "classification":
		return true, one(d, &r.Classification)
	case "resource":
		if r.Resource != "" {
			return true, d.Err("resource is given twice")
		}
		return true, r.parseResource(d, d.RemainingArgs())
	}
	return false, nil
}

// parseResource reads <object> [in <object>].
func (r *Rule) parseResource(d *caddyfile.Dispenser, args []string) error {
	switch {
	case len(args) == 1:
		r.Resource = args[0]
	case len(args) == 3 && args[1] == "in":
		r.Resource, r.Parent = args[0], args[2]
	default:
		return d.Err("write an object, as room:{room}, or one in another, as message:{id} in room:{room}")
	}
	return nil
}

func (r *Route) parseFilter(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if r.Filter != nil || len(args) < 3 {
		return d.Err("write `filter <member> <permission> <object>` once, as `filter rooms room:read room:{id}`")
	}
	r.Filter = &Filter{Member: args[0], Rule: Rule{Permission: args[1]}}
	return r.Filter.parseResource(d, args[2:])
}

func (r *Route) parseIDs(d *caddyfile.Dispenser) error {
	var i IDs
	if !d.Args(&i.Header, &i.Type, &i.Permission) {
		return d.Err("write `ids <header> <type> <permission>`, as `ids X-Room-Ids room room:read`")
	}
	r.IDs = append(r.IDs, i)
	return end(d)
}

func (r *Route) parseOn(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 3 {
		return d.Err("write `on <status> grant <relation> <object>` or `on <status> revoke <object>`")
	}
	status, err := strconv.Atoi(args[0])
	if err != nil {
		return d.Errf("on %q: it is no status", args[0])
	}
	e, err := parseEffect(d, args[1], args[2:])
	if err != nil {
		return err
	}
	e.Status = status
	if err := checkStatus(status); err != nil {
		return d.WrapErr(err)
	}
	r.On = append(r.On, e)
	return nil
}

// parseEffect reads what stands behind grant or revoke.
func parseEffect(d *caddyfile.Dispenser, do string, args []string) (e Effect, err error) {
	word := map[string]string{"grant": "to", "revoke": "from"}[do]
	if word == "" {
		return e, d.Errf("%q: write grant or revoke", do)
	}
	e.Do = do
	if n := len(args); n > 4 && args[n-4] == "if" {
		if args[n-2] != "==" {
			return e, d.Err("write the condition as `if <value> == <text>`")
		}
		e.If = &Condition{Value: args[n-3], Equals: args[n-1]}
		args = args[:n-4]
	}
	if n := len(args); n > 2 && args[n-2] == word {
		e.Subject = args[n-1]
		args = args[:n-2]
	}
	if n := len(args); do == "grant" && n == 3 && args[2] == "new" {
		e.New, args = true, args[:2]
	}
	switch {
	case len(args) == 2:
		e.Relation, e.Object = args[0], args[1]
	case len(args) == 1 && do == "revoke":
		e.Object = args[0]
	case do == "grant":
		return e, d.Err("write `grant <relation> <object> [new] [to <subject>] [if <value> == <text>]`")
	default:
		return e, d.Err("write `revoke [<relation>] <object> [from <subject>] [if <value> == <text>]`")
	}
	if do == "revoke" && e.Subject == "" && e.Relation == grant.Everyone {
		return e, d.Err("leave the relation out to revoke every one")
	}
	return e, nil
}
