package console

import (
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/view"
)

func init() {
	caddy.RegisterModule(Handler{})
	httpcaddyfile.RegisterHandlerDirective("gw_console", parse)
}

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads:
//
//	gw_console [<matcher>] {
//		path    <path>           # what it answers below; default /console/
//		brand   <name>           # what the pages call the place; default ConvoSphere
//		from    <network>…       # whom it is there for, as 10.0.0.0/8; all others get 404. Default: everywhere
//		streams <most> [<each>]  # live tables open at once, and of one person; default 64 4
//		export  <rows>           # the most of one export; default 100000
//		timeout <duration>       # how long a view may take to answer; default 10s
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	readers := map[string]func([]string) string{
		"path": h.readPath, "brand": h.readBrand, "from": h.readFrom, "streams": h.readStreams, "export": h.readExport, "timeout": h.readTimeout,
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		read, ok := readers[name]
		if !ok {
			return d.Errf("unknown subdirective %q: gw_console knows brand, export, from, path, streams, timeout", name)
		}
		if seen[name] {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		args := d.RemainingArgs()
		if len(args) == 0 || args[0] == "" {
			return d.ArgErr()
		}
		if wrong := read(args); wrong != "" {
			return d.Errf("%s: %s", name, wrong)
		}
	}
	return nil
}

// Each reader answers with what is wrong, "" nothing.

func (h *Handler) readPath(args []string) string {
	if h.Path = args[0]; len(args) != 1 || !isPath.MatchString(h.Path) || h.Path == "/auth/" {
		return "it is one path that ends in /, as /console/, and not the portal's"
	}
	return ""
}

func (h *Handler) readBrand(args []string) string {
	if h.Brand = args[0]; len(args) != 1 || len(h.Brand) > 64 {
		return "it is one name of at most 64 bytes"
	}
	return ""
}

func (h *Handler) readFrom(args []string) string {
	h.From = args
	if _, err := parseFrom(args); err != nil {
		return "it is networks, as 10.0.0.0/8 2001:db8::/32"
	}
	return ""
}

func (h *Handler) readStreams(args []string) string {
	var err, eachErr error
	h.Streams, err = strconv.Atoi(args[0])
	if len(args) == 2 {
		h.StreamsEach, eachErr = strconv.Atoi(args[1])
	}
	if err != nil || eachErr != nil || len(args) > 2 || h.Streams < 1 || h.Streams > mostStreams || len(args) == 2 && (h.StreamsEach < 1 || h.StreamsEach > h.Streams) {
		return "it is how many may be open at once, 1 to " + strconv.Itoa(mostStreams) + ", and how many of those by one person"
	}
	return ""
}

func (h *Handler) readExport(args []string) string {
	var err error
	if h.Export, err = strconv.Atoi(args[0]); err != nil || len(args) != 1 || h.Export < 1 || h.Export > view.MostExport {
		return "it is 1 to " + strconv.Itoa(view.MostExport) + " rows"
	}
	return ""
}

func (h *Handler) readTimeout(args []string) string {
	t, err := caddy.ParseDuration(args[0])
	if h.Timeout = caddy.Duration(t); err != nil || len(args) != 1 || t < time.Second || t > time.Minute {
		return "it is a duration of 1s to 1m"
	}
	return ""
}
