package upload

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/route"
)

func init() { httpcaddyfile.RegisterHandlerDirective("gw_upload", parse) }

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	u := new(Handler)
	return u, u.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile reads the directive:
//
//	gw_upload [<matcher>] {
//		mode         block | report | off
//		max_size     <size>                     # of a body; 100MiB
//		max_file     <size>                     # of one file; max_size
//		max_files    <count>                    # of a form; 20
//		max_fields   <count>                    # of a form, besides files; 100
//		max_field    <size>                     # of one of them; 64KiB
//		types        <type>…                    # what files may be, as image/* application/pdf; anything
//		opaque       <type>…                    # archives that may pass though nobody can look into them
//		allow        <finding>…                 # that refuse nothing
//		refuse       <finding>…                 # that refuse, though they would only be reported
//		strip_location                          # takes out of pictures and videos where they were made
//		image {
//			pixels   <count>                    # 100000000
//			side     <pixels>                   # 32768
//			frames   <count>                    # 1000
//		}
//		archive {
//			depth    <levels>                   # 3
//			entries  <count>                    # 10000
//			size     <size>                     # unpacked; 1GiB
//			ratio    <factor>                   # 200
//		}
//		route <methods> <path> {                # GET,POST or *; /api/rooms/{room}/files
//			raw                                 # every body is a file
//			off                                 # nothing is looked at
//			…                                   # max_size to archive, as above
//		}
//		sockets      binary | all | off         # which messages of clients; binary
//		body_timeout <duration>                 # 30s, and a second for each 32 KiB
//		spool {
//			quota    <size>                     # of disk, for all uploads; 4GiB
//			free     <size>                     # of disk that stays free; 512MiB
//		}
//		scanner <address> {                     # tcp://HOST:PORT or unix:///PATH of clamd
//			connections   <count>               # 8
//			timeout       <duration>            # 30s, and a second for each MiB
//			queue_timeout <duration>            # 5s
//			max_file      <size>                # 25MiB
//			on_failure    closed | open
//		}
//		quarantine {
//			keep     <duration>                 # 7d
//			max_size <size>                     # of all files; 1GiB
//			max_file <size>                     # of one; 64MiB
//			of       all | malware
//		}
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for d.NextBlock(0) {
		name := d.Val()
		if name != "route" {
			if seen[name] {
				return d.Errf("%s is given twice", name)
			}
			seen[name] = true
		}
		if err := h.setting(d, name); err != nil {
			return err
		}
		if d.NextBlock(1) {
			return d.Errf("%s takes no block", name)
		}
	}
	// Checked here, too, where file and line are known; on a copy, since defaults stay out of the JSON.
	c := &Handler{Mode: h.Mode, Rules: h.Rules, Routes: h.Routes, Sockets: h.Sockets, BodyTimeout: h.BodyTimeout, Spool: h.Spool, Scanner: h.Scanner, Quarantine: h.Quarantine}
	if err := c.settle(); err != nil {
		return d.Errf("gw_upload: %v", err)
	}
	return nil
}

func (h *Handler) setting(d *caddyfile.Dispenser, name string) error {
	switch name {
	case "mode":
		return word(d, &h.Mode, Block, Report, Off)
	case "sockets":
		return word(d, &h.Sockets, Binary, All, Off)
	case "body_timeout":
		return duration(d, &h.BodyTimeout)
	case "route":
		return h.parseRoute(d)
	case "spool":
		h.Spool = new(Spool)
		return block(d, 1, map[string]func() error{
			"quota": func() error { return size(d, &h.Spool.Quota) },
			"free":  func() error { return size(d, &h.Spool.Free) },
		})
	case "scanner":
		return h.parseScanner(d)
	case "quarantine":
		h.Quarantine = new(Quarantine)
		return block(d, 1, map[string]func() error{
			"keep":     func() error { return duration(d, &h.Quarantine.Keep) },
			"max_size": func() error { return size(d, &h.Quarantine.MaxSize) },
			"max_file": func() error { return size(d, &h.Quarantine.MaxFile) },
			"of":       func() error { return word(d, &h.Quarantine.Of, All, malware) },
		})
	}
	settings := h.Rules.settings(d, 1)
	if read, ok := settings[name]; ok {
		return read()
	}
	return d.Errf("unknown subdirective %q: gw_upload knows mode, sockets, body_timeout, route, spool, scanner, quarantine, %s", name, words(names(settings)))
}

// settings are the lines that rules are made of. Their blocks are at the level.
func (r *Rules) settings(d *caddyfile.Dispenser, level int) map[string]func() error {
	return map[string]func() error{
		"max_size":       func() error { return size(d, &r.MaxSize) },
		"max_file":       func() error { return size(d, &r.MaxFile) },
		"max_files":      func() error { return count(d, &r.MaxFiles) },
		"max_fields":     func() error { return count(d, &r.MaxFields) },
		"max_field":      func() error { return size(d, &r.MaxField) },
		"types":          func() error { return some(d, &r.Types) },
		"opaque":         func() error { return some(d, &r.Opaque) },
		"allow":          func() error { return some(d, &r.Allow) },
		"refuse":         func() error { return some(d, &r.Refuse) },
		"strip_location": func() error { return flag(d, &r.StripLocation) },
		"image": func() error {
			return block(d, level, map[string]func() error{
				"pixels": func() error { return count(d, &r.ImagePixels) },
				"side":   func() error { return count(d, &r.ImageSide) },
				"frames": func() error { return count(d, &r.ImageFrames) },
			})
		},
		"archive": func() error {
			return block(d, level, map[string]func() error{
				"depth":   func() error { return count(d, &r.ArchiveDepth) },
				"entries": func() error { return count(d, &r.ArchiveEntries) },
				"size":    func() error { return size(d, &r.ArchiveSize) },
				"ratio":   func() error { return count(d, &r.ArchiveRatio) },
			})
		},
	}
}

func (h *Handler) parseRoute(d *caddyfile.Dispenser) error {
	r := new(Route)
	var methods string
	if !d.AllArgs(&methods, &r.Path) {
		return d.Errf("write route <methods> <path>, as: route POST /api/rooms/{room}/files")
	}
	r.Methods = route.ParseMethods(methods)
	settings := r.Rules.settings(d, 2)
	settings["raw"] = func() error { return flag(d, &r.Raw) }
	settings["off"] = func() error { return flag(d, &r.Off) }
	if err := block(d, 1, settings); err != nil {
		return err
	}
	h.Routes = append(h.Routes, r)
	return nil
}

func (h *Handler) parseScanner(d *caddyfile.Dispenser) error {
	s := new(Scanner)
	if !d.AllArgs(&s.Address) {
		return d.Err("write scanner <address>, as: scanner unix:///run/clamav/clamd.ctl")
	}
	h.Scanner = s
	return block(d, 1, map[string]func() error{
		"connections":   func() error { return count(d, &s.Connections) },
		"timeout":       func() error { return duration(d, &s.Timeout) },
		"queue_timeout": func() error { return duration(d, &s.QueueTimeout) },
		"max_file":      func() error { return size(d, &s.MaxFile) },
		"on_failure":    func() error { return word(d, &s.OnFailure, Closed, Open) },
	})
}

func names(settings map[string]func() error) []string {
	var all []string
	for name := range settings {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// block reads a block of lines, each once.
func block(d *caddyfile.Dispenser, level int, settings map[string]func() error) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for d.NextBlock(level) {
		line := d.Val()
		read, ok := settings[line]
		switch {
		case !ok:
			return d.Errf("unknown subdirective %q: it knows %s", line, words(names(settings)))
		case seen[line]:
			return d.Errf("%s is given twice", line)
		}
		seen[line] = true
		if err := read(); err != nil {
			return err
		}
		if d.NextBlock(level + 1) {
			return d.Errf("%s takes no block", line)
		}
	}
	return nil
}

// flag reads a line that is a word alone.
func flag(d *caddyfile.Dispenser, to *bool) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	*to = true
	return nil
}

// word reads one of a few words.
func word(d *caddyfile.Dispenser, to *string, may ...string) error {
	name := d.Val()
	if !d.AllArgs(to) || !slices.Contains(may, *to) {
		return d.Errf("%s: write %s", name, strings.Join(may, " or "))
	}
	return nil
}

// some reads a list of words, at least one.
func some(d *caddyfile.Dispenser, to *[]string) error {
	if *to = d.RemainingArgs(); len(*to) == 0 {
		return d.ArgErr()
	}
	return nil
}

func duration(d *caddyfile.Dispenser, to *caddy.Duration) error {
	name, arg := d.Val(), ""
	if !d.AllArgs(&arg) {
		return d.ArgErr()
	}
	t, err := caddy.ParseDuration(arg)
	if err != nil || t <= 0 {
		return d.Errf("%s %q: write a time, as 30s", name, arg)
	}
	*to = caddy.Duration(t)
	return nil
}
