package waf

import (
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

func (h *Handler) readMode(d *caddyfile.Dispenser, _ string, args []string) error {
	if len(args) == 1 {
		if m := args[0]; m != Block && m != Detect && m != Off {
			return d.Errf("mode %q: it is block, detect or off", m)
		}
		h.Mode = args[0]
		return nil
	}
	if args[1] != "at" {
		return d.Errf("mode %s %s: it is followed by at and paths, or by nothing", args[0], args[1])
	}
	m := ModeAt{Mode: args[0]}
	for _, p := range args[2:] {
		m.At = append(m.At, PathPattern(p))
	}
	if err := m.validate(); err != nil {
		return d.WrapErr(err)
	}
	h.Modes = append(h.Modes, m)
	return nil
}

func (h *Handler) readRaised(d *caddyfile.Dispenser, name string, args []string) error {
	if len(args) != 1 {
		return written(d, name)
	}
	if args[0] == "off" {
		h.RaisedParanoia = never
		return nil
	}
	return count(d, name, args[0], highestParanoia, &h.RaisedParanoia)
}

func (h *Handler) readParanoia(d *caddyfile.Dispenser, name string, args []string) error {
	if len(args) > 2 {
		return written(d, name)
	}
	if err := count(d, name, args[0], 4, &h.Paranoia); err != nil || len(args) == 1 {
		return err
	}
	if err := count(d, name, args[1], 4, &h.DetectionParanoia); err != nil {
		return err
	}
	if h.DetectionParanoia < h.Paranoia {
		return d.Errf("paranoia %s %s: the first is for blocking, the second for detection, which is no lower", args[0], args[1])
	}
	return nil
}

func (h *Handler) readThresholds(d *caddyfile.Dispenser, name string, args []string) error {
	if len(args) > 2 {
		return written(d, name)
	}
	if err := count(d, name, args[0], mostThreshold, &h.InboundThreshold); err != nil || len(args) == 1 {
		return err
	}
	return count(d, name, args[1], mostThreshold, &h.OutboundThreshold)
}

func (h *Handler) readLimit(d *caddyfile.Dispenser, name string, args []string) error {
	n, err := humanize.ParseBytes(args[0])
	if err != nil || n < 1 || n > maxLimit {
		return d.Errf("%s %q: it is a size as 1MiB, below 1GiB", name, args[0])
	}
	switch {
	case name == "upload_limit" && len(args) == 1:
		h.UploadLimit = int64(n)
		return nil
	case name == "upload_limit" || len(args) > 2:
		return written(d, name)
	}
	h.BodyLimit = int64(n)
	if len(args) == 1 {
		return nil
	}
	if args[1] != Reject && args[1] != Pass {
		return d.Errf("body_limit %s %q: what is longer is rejected or passed: write reject or pass", args[0], args[1])
	}
	h.OverLimit = args[1]
	return nil
}

func (h *Handler) readTimeout(d *caddyfile.Dispenser, name string, args []string) error {
	if len(args) != 1 {
		return written(d, name)
	}
	to, least, example := &h.BodyTimeout, time.Second, "30s"
	if name == "queue_timeout" {
		to, least, example = &h.QueueTimeout, time.Millisecond, "1s"
	}
	t, err := caddy.ParseDuration(args[0])
	if err != nil || t < least {
		return d.Errf("%s %q: it is a duration as %s, at least %s", name, args[0], example, least)
	}
	*to = caddy.Duration(t)
	return nil
}

func (h *Handler) readCount(d *caddyfile.Dispenser, name string, args []string) error {
	if len(args) != 1 {
		return written(d, name)
	}
	if name == "max_cookies" {
		return count(d, name, args[0], mostCookies, &h.MaxCookies)
	}
	return count(d, name, args[0], mostArguments, &h.MaxArguments)
}

func count(d *caddyfile.Dispenser, name, arg string, most int, to *int) error {
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 || n > most {
		return d.Errf("%s %q: it is 1 to %d", name, arg, most)
	}
	*to = n
	return nil
}

func (h *Handler) readScreen(d *caddyfile.Dispenser, _ string, args []string) error {
	if len(args) != 1 || args[0] != "on" && args[0] != "off" {
		return d.Errf("screen %s: it is on or off", strings.Join(args, " "))
	}
	h.ScreenOff = args[0] == "off"
	return nil
}

func (h *Handler) readSockets(d *caddyfile.Dispenser, _ string, args []string) error {
	if len(args) != 1 && (len(args) != 3 || args[1] != "binary") {
		return d.Errf("sockets %s: it is in, both or off, and perhaps binary pass or binary reject", strings.Join(args, " "))
	}
	h.Sockets = &Sockets{Inspect: args[0]}
	if len(args) == 3 {
		h.Sockets.Binary = args[2]
	}
	if err := h.Sockets.validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}
