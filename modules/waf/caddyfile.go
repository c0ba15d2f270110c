package waf

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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
//		mode          block | detect | off at <path> [<path>…]   # the first that names the path decides
//		paranoia      <blocking> [<detection>]                   # 1 to 4
//		raised_paranoia <level> | off                            # for whom a response has inspected more strictly; default: one above blocking
//		thresholds    <inbound> [<outbound>]                     # 5 4
//		body_limit    <size> [reject | pass]                     # 128KiB
//		upload_limit  <size>                 # 16MiB, multipart bodies
//		body_timeout  <duration>             # 30s, and 1s more for each 32 KiB received
//		max_arguments <count>                # 250
//		max_cookies   <count>                # 50
//		queue_timeout <duration>             # 1s
//		screen        on | off               # on: rules that can't match are not run
//		plugin        <folder> [<folder>…]   # *-config.conf, *-before.conf, *-after.conf
//		rules_file    <path> [<path>…]       # SecLang, before the Core Rule Set; a relative path begins at the working directory
//		rules_after   <path> [<path>…]       # SecLang, after it
//		exclude       <rule>… [on <variable>[,<variable>…]] [at <path>…]
//		exclude_field <path> <field> [<field>…]
//		responses     off | { … }            # which answers are inspected: caddyfile_response.go
//		sockets       in | both | off [binary pass | reject]
//		capture       { … }                  # see capture.go
//	}
//
// A rule is an id, a range <from>-<to>, or tag:<tag>. A path is a PathPattern.
// mode without at, paranoia, thresholds, the limits and the timeouts may be given once; the others add up.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.Err("gw_waf takes no arguments but a matcher: its options stand in a block, one a line")
	}
	seen, files := map[string]bool{}, lines{}
	for d.NextBlock(0) {
		at := d.Token()
		if d.Val() == "responses" {
			if err := h.unmarshalResponses(d); err != nil {
				return err
			}
			continue
		}
		name, args := d.Val(), d.RemainingArgs()
		if name == "capture" {
			if err := h.parseCapture(d, args); err != nil {
				return err
			}
			continue
		}
		read := h.subdirective(name)
		if read == nil {
			return d.Errf("unknown subdirective %q: gw_waf knows mode, paranoia, raised_paranoia, thresholds, body_limit, upload_limit, body_timeout, max_arguments, max_cookies, queue_timeout, screen, plugin, rules_file, rules_after, exclude, exclude_field, responses, sockets and capture", name)
		}
		if len(args) == 0 {
			return written(d, name)
		}
		if once := single(name, args); once && seen[name] {
			return d.Errf("%s is given twice", name)
		} else if once {
			seen[name] = true
		}
		if err := read(d, name, args); err != nil {
			return err
		}
		if name == "plugin" || name == "rules_file" || name == "rules_after" {
			files.add(at, args)
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
	return h.revise(&filled, &files)
}

// syntax is how an option is written.
var syntax = map[string]string{
	"mode":            "mode block|detect|off [at <path>…]",
	"paranoia":        "paranoia <blocking> [<detection>], as paranoia 1 2",
	"raised_paranoia": "raised_paranoia <level>|off, as raised_paranoia 3",
	"thresholds":      "thresholds <inbound> [<outbound>], as thresholds 5 4",
	"body_limit":      "body_limit <size> [reject|pass], as body_limit 128KiB",
	"upload_limit":    "upload_limit <size>, as upload_limit 16MiB",
	"body_timeout":    "body_timeout <duration>, as body_timeout 30s",
	"max_arguments":   "max_arguments <count>",
	"max_cookies":     "max_cookies <count>",
	"queue_timeout":   "queue_timeout <duration>, as queue_timeout 1s",
	"screen":          "screen on|off",
	"plugin":          "plugin <folder>…",
	"rules_file":      "rules_file <path>…",
	"rules_after":     "rules_after <path>…",
	"exclude":         "exclude <rule>… [on <variable>[,<variable>…]] [at <path>…], as exclude 942100 on ARGS:text at /api/rooms/*/messages",
	"exclude_field":   "exclude_field <path> <field>…, as exclude_field /api/queries/* statement",
	"responses":       "responses off, or responses { types <media type>…, limit <size>, stream watch|hold|pass }, one a line",
	"sockets":         "sockets in|both|off [binary pass|reject]",
	"capture":         "capture { sample all|blocked|detected|<number>%, keep <duration>, max_size <size> }, one a line",
}

// written is the error of an option with too few or too many arguments.
func written(d *caddyfile.Dispenser, option string) error {
	return d.Errf("%s has too few or too many arguments: it is written %s", option, syntax[option])
}

// single tells what may be given once.
func single(name string, args []string) bool {
	switch name {
	case "mode":
		return len(args) == 1
	case "plugin", "rules_file", "rules_after", "exclude", "exclude_field":
		return false
	}
	return true
}

// subdirective finds the reader of a line, nil for an unknown one.
func (h *Handler) subdirective(name string) func(d *caddyfile.Dispenser, name string, args []string) error {
	switch name {
	case "mode":
		return h.readMode
	case "paranoia":
		return h.readParanoia
	case "raised_paranoia":
		return h.readRaised
	case "thresholds":
		return h.readThresholds
	case "body_limit", "upload_limit":
		return h.readLimit
	case "body_timeout", "queue_timeout":
		return h.readTimeout
	case "max_arguments", "max_cookies":
		return h.readCount
	case "screen":
		return h.readScreen
	case "sockets":
		return h.readSockets
	case "plugin", "rules_file", "rules_after":
		return h.readFiles
	case "exclude":
		return h.readExclude
	case "exclude_field":
		return h.readExcludeField
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*Handler)(nil)
