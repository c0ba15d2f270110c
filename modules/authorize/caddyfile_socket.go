package authorize

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

func (h *Handler) parseSocket(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 2 && args[0] == "GET" {
		args = args[1:]
	}
	if len(args) != 1 {
		return d.Err("write `socket GET <path> { … }`")
	}
	s := Socket{Path: args[0]}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := s.parseOne(d); err != nil {
			return err
		}
	}
	if _, err := s.compile(); err != nil {
		return d.WrapErr(err)
	}
	h.Sockets = append(h.Sockets, s)
	if _, err := compileRoutes(h.Routes, h.Sockets); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (s *Socket) parseOne(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "type":
		return one(d, &s.Type)
	case "in":
		m, err := parseMessage(d, false)
		s.In = append(s.In, m)
		return err
	case "out":
		m, err := parseMessage(d, true)
		s.Out = append(s.Out, m)
		return err
	case "pass":
		types := d.RemainingArgs()
		if len(types) == 0 {
			return d.ArgErr()
		}
		s.Pass = append(s.Pass, types...)
		return nil
	}
	known, err := s.Rule.parseOne(d)
	if err == nil && !known {
		err = d.Errf("unknown subdirective %q: socket knows permission, resource, target, classification, type, in, out and pass", d.Val())
	}
	return err
}

func parseMessage(d *caddyfile.Dispenser, out bool) (m MessageRule, err error) {
	if m.Types = d.RemainingArgs(); len(m.Types) == 0 {
		return m, d.Err("name the types of messages, as `in message { … }`")
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := m.parseOne(d, out); err != nil {
			return m, err
		}
	}
	return m, nil
}

func (m *MessageRule) parseOne(d *caddyfile.Dispenser, out bool) error {
	switch do := d.Val(); {
	case do == "drop":
		m.Drop = true
		return end(d)
	case do == "body":
		return parseBody(d, &m.Body)
	case out && (do == "grant" || do == "revoke"):
		e, err := parseEffect(d, do, d.RemainingArgs())
		m.Do = append(m.Do, e)
		return err
	}
	known, err := m.Rule.parseOne(d)
	if err == nil && !known {
		what := "in knows permission, resource, target, classification, body and drop"
		if out {
			what = "out knows permission, resource, target, classification, body, drop, grant and revoke"
		}
		err = d.Errf("unknown subdirective %q: %s", d.Val(), what)
	}
	return err
}
