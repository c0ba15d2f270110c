package secure

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	_ "github.com/convosphere/gateway/modules/internal/order" // where gw_secure stands
)

func init() { httpcaddyfile.RegisterDirective("gw_secure", parse) }

// path is the whole path, outermost first, by the names of the sub-directives. All values of one directive sort
// alike in Caddy, so the order is ours to keep; it is that of internal/order, with encode at its place.
var path = []string{"headers", "audit", "client", "authenticate", "rate_limit", "encode", "waf", "portal", "console", "authorize", "validate", "upload", "protect"}

// module gives the handler that a sub-directive configures.
func module(part string) string {
	if part == "encode" {
		return "encode"
	}
	return "gw_" + part
}

// parse sets up the path from Caddyfile tokens. Syntax:
//
//	gw_secure [<matcher>] {
//		without      <part>…      # leave parts out
//		headers      { … }        # see headers.go
//		client       { … }        # each as its own directive, gw_client and so on
//		authenticate { … }
//		rate_limit   { … }
//		waf          { … }
//		portal       { … }
//		console      { … }        # left out, too, where nobody can sign in: without authenticate or portal
//		authorize    { … }
//		validate     { … }
//		upload       { … }
//		protect      { … }
//		encode       …            # as Caddy's encode
//	}
func parse(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	h.Next() // the directive's name: a matcher may follow it
	matcher, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}
	parts, err := parseParts(h.Dispenser)
	if err != nil {
		return nil, err
	}
	var handlers []json.RawMessage
	for _, part := range path {
		if raw, ok := parts[part]; ok {
			handlers = append(handlers, raw)
		}
	}
	route := caddyhttp.Route{HandlersRaw: handlers}
	if matcher != nil {
		route.MatcherSetsRaw = []caddy.ModuleMap{matcher}
	}
	return []httpcaddyfile.ConfigValue{{Class: "route", Value: route}}, nil
}

// parseParts returns the JSON of every part that is not left out.
func parseParts(d *caddyfile.Dispenser) (map[string]json.RawMessage, error) {
	d.Next() // the directive's name
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	parts := map[string]json.RawMessage{}
	without := map[string]bool{}
	for d.NextBlock(0) {
		name := d.Val()
		switch {
		case name == "without":
			args := d.RemainingArgs()
			if len(args) == 0 {
				return nil, d.ArgErr()
			}
			for _, a := range args {
				if !slices.Contains(path, a) {
					return nil, d.Errf("there is no part %q to leave out: gw_secure has %s", a, strings.Join(path, ", "))
				}
				without[a] = true
			}
		case slices.Contains(path, name):
			if parts[name] != nil {
				return nil, d.Errf("%s is given twice", name)
			}
			raw, err := load(name, d.NewFromNextSegment())
			if err != nil {
				return nil, err
			}
			parts[name] = raw
		default:
			return nil, d.Errf("unknown subdirective %q: gw_secure knows without, %s", name, strings.Join(path, ", "))
		}
	}
	if parts["console"] == nil && (without["authenticate"] || without["portal"]) {
		without["console"] = true // who can't sign in has no use for it
	}
	for _, name := range path {
		switch {
		case without[name] && parts[name] != nil:
			return nil, d.Errf("%s is configured and left out at once", name)
		case without[name] || parts[name] != nil:
			continue
		}
		raw, err := load(name, caddyfile.NewTestDispenser(name))
		if err != nil {
			return nil, fmt.Errorf("gw_secure: %s: %w", name, err)
		}
		parts[name] = raw
	}
	if err := tellProtected(parts); err != nil {
		return nil, err
	}
	return parts, letStaffWrite(parts)
}

// letStaffWrite keeps the WAF from matching what is typed in at the console: who works on an attack searches for it and writes it down. The console
// reads none of it before it knows that a person of the staff sent it, and shows all of it as text.
func letStaffWrite(parts map[string]json.RawMessage) error {
	if parts["console"] == nil || parts["waf"] == nil {
		return nil
	}
	var console struct{ Path string }
	if err := json.Unmarshal(parts["console"], &console); err != nil {
		return err
	}
	var waf map[string]any
	if err := json.Unmarshal(parts["waf"], &waf); err != nil {
		return err
	}
	path := cmp.Or(console.Path, "/console/")
	list, _ := waf["exclusions"].([]any)
	waf["exclusions"] = append(list, map[string]any{
		"rules": []string{"tag:OWASP_CRS"},
		"on":    []string{"ARGS", "QUERY_STRING", "REQUEST_URI", "REQUEST_URI_RAW", "REQUEST_BODY", "REQUEST_LINE"},
		"at":    []string{path + "*", path + "*/*", path + "*/*/*"},
	})
	raw, err := json.Marshal(waf)
	parts["waf"] = raw
	return err
}

// tellProtected has authorize know that protect stands behind it: what the policy wants encrypted may pass.
func tellProtected(parts map[string]json.RawMessage) error {
	if parts["protect"] == nil || parts["authorize"] == nil {
		return nil
	}
	var members map[string]any
	if err := json.Unmarshal(parts["authorize"], &members); err != nil {
		return err
	}
	members["protected"] = true
	raw, err := json.Marshal(members)
	parts["authorize"] = raw
	return err
}

// load lets the part's own handler read its tokens, whose first is the part's name.
func load(part string, d *caddyfile.Dispenser) (json.RawMessage, error) {
	id := "http.handlers." + module(part)
	info, err := caddy.GetModule(id)
	if err != nil {
		return nil, d.Errf("this build has no module %s: leave it out with `without %s`", id, part)
	}
	m := info.New()
	u, ok := m.(caddyfile.Unmarshaler)
	if !ok {
		return nil, d.Errf("%s can't be configured in a Caddyfile", part)
	}
	if err := u.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	var warnings []caddyconfig.Warning
	raw := caddyconfig.JSONModuleObject(m, "handler", module(part), &warnings)
	if len(warnings) > 0 {
		return nil, d.Errf("%s: %s", part, warnings[0].Message)
	}
	return raw, nil
}
