package validate

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"
)

func init() { httpcaddyfile.RegisterHandlerDirective("gw_validate", parse) }

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	v := new(Handler)
	return v, v.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads the directive:
//
//	gw_validate [<matcher>] {
//		openapi        <file>                  # OpenAPI 3.0 or 3.1, YAML or JSON; a relative path begins at the working directory
//		scope          <path> [<path>…]        # what the document speaks for, as /api/{rest...}; default: all
//		requests       enforce | report | off  # enforce
//		responses      report | enforce | off  # report
//		messages       in enforce | report | off   # enforce
//		messages       out report | drop | off     # report
//		body_limit     <size>                  # 1MiB, of JSON and forms
//		response_limit <size>                  # 1MiB
//		depth          <count>                 # 64
//		values         <count>                 # 65536
//		memory         <size>                  # 64MiB
//	}
//
// Everything but scope may be given once.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.Err("gw_validate takes no arguments but a matcher: its options stand in a block, one a line")
	}
	seen := map[string]bool{}
	lines := map[string]caddyfile.Token{} // where each option stands
	for d.NextBlock(0) {
		at := d.Token()
		name, args := d.Val(), d.RemainingArgs()
		read := h.subdirective(name)
		if read == nil {
			return d.Errf("unknown subdirective %q: gw_validate knows openapi, scope, requests, responses, messages, body_limit, response_limit, depth, values and memory", name)
		}
		once := name
		if name == "messages" && len(args) > 0 {
			once += " " + args[0]
		}
		if seen[once] && name != "scope" {
			return d.Errf("%s is given twice", once)
		}
		seen[once] = true
		if len(args) == 0 {
			return written(d, name)
		}
		if err := read(d, name, args); err != nil {
			return err
		}
		lines[name] = at
		if d.NextBlock(1) {
			return d.Errf("%s takes no block", name)
		}
	}
	// Checked here, too, where file and line are known; on a copy, since defaults stay out of the JSON.
	filled := *h
	if err := filled.setup(); err != nil {
		return blame(d, lines, err)
	}
	h.Revision = filled.Revision
	return nil
}

// blame gives the error the file and line of the option that it is about, which is its first word, or else of the document.
func blame(d *caddyfile.Dispenser, lines map[string]caddyfile.Token, err error) error {
	option, _, _ := strings.Cut(err.Error(), " ")
	at, known := lines[strings.TrimSuffix(option, ":")]
	if !known {
		at, known = lines["openapi"]
	}
	if known {
		d = caddyfile.NewDispenser([]caddyfile.Token{at})
		d.Next()
	}
	return d.Errf("gw_validate: %w", err)
}

// syntax is how an option is written.
var syntax = map[string]string{
	"openapi":        "openapi <file>",
	"scope":          "scope <path> [<path>…], as scope /api/{rest...}",
	"requests":       "requests enforce|report|off",
	"responses":      "responses report|enforce|off",
	"messages":       "messages in enforce|report|off, or messages out report|drop|off",
	"body_limit":     "body_limit <size>, as body_limit 1MiB",
	"response_limit": "response_limit <size>, as response_limit 1MiB",
	"depth":          "depth <count>",
	"values":         "values <count>",
	"memory":         "memory <size>, as memory 64MiB",
}

func written(d *caddyfile.Dispenser, option string) error {
	return d.Errf("%s has too few or too many arguments: it is written %s", option, syntax[option])
}

// subdirective finds the reader of a line, nil for an unknown one.
func (h *Handler) subdirective(name string) func(d *caddyfile.Dispenser, name string, args []string) error {
	switch name {
	case "openapi":
		return word(&h.OpenAPI)
	case "requests":
		return word(&h.Requests)
	case "responses":
		return word(&h.Responses)
	case "scope":
		return func(_ *caddyfile.Dispenser, _ string, args []string) error {
			h.Scope = append(h.Scope, args...)
			return nil
		}
	case "messages":
		return h.readMessages
	case "body_limit":
		return size(&h.BodyLimit)
	case "response_limit":
		return size(&h.ResponseLimit)
	case "memory":
		return size(&h.Memory)
	case "depth":
		return count(&h.Depth)
	case "values":
		return count(&h.Values)
	}
	return nil
}

func (h *Handler) readMessages(d *caddyfile.Dispenser, name string, args []string) error {
	to := map[string]*string{"in": &h.MessagesIn, "out": &h.MessagesOut}[args[0]]
	if to == nil || len(args) != 2 {
		return written(d, name)
	}
	*to = args[1]
	return nil
}

type reader = func(d *caddyfile.Dispenser, name string, args []string) error

func word(to *string) reader {
	return func(d *caddyfile.Dispenser, name string, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return written(d, name)
		}
		*to = args[0]
		return nil
	}
}

func size(to *int64) reader {
	return func(d *caddyfile.Dispenser, name string, args []string) error {
		n, err := humanize.ParseBytes(args[0])
		if len(args) != 1 || err != nil || n < 1 || n > 1<<40 {
			return d.Errf("%s: it is written %s", name, syntax[name])
		}
		*to = int64(n)
		return nil
	}
}

func count(to *int) reader {
	return func(d *caddyfile.Dispenser, name string, args []string) error {
		n, err := strconv.Atoi(args[0])
		if len(args) != 1 || err != nil || n < 1 {
			return d.Errf("%s: it is written %s, a number above 0", name, syntax[name])
		}
		*to = n
		return nil
	}
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
