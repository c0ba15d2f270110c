package monitor

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/monitor/respond"
)

// parseRespond reads
//
//	respond off|propose|mild|automatic
//	respond {
//		mode    off|propose|mild|automatic
//		most    <count>
//		lasts   <action> <duration>
//		rule    <id> off|propose|mild|automatic
//		rule    <id> do <action> [<duration>]
//		spare   <subject>...
//		webhook <url> [<secret>]
//	}
//
// lasts, rule and spare may be repeated; of one rule, a mode and several actions.
func (a *App) parseRespond(d *caddyfile.Dispenser) error {
	a.Respond = new(Respond)
	if d.NextArg() {
		a.Respond.Mode = d.Val()
		if d.NextArg() || d.NextBlock(0) {
			return d.Err("respond: write `respond MODE`, or a block")
		}
		return a.Respond.check(d)
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] && name != "lasts" && name != "rule" && name != "spare" {
			return d.Errf("respond: %s is given twice", name)
		}
		seen[name] = true
		if err := a.Respond.parse(d, name, d.RemainingArgs()); err != nil {
			return err
		}
		if err := a.Respond.check(d); err != nil {
			return err
		}
	}
	return nil
}

func (r *Respond) parse(d *caddyfile.Dispenser, name string, args []string) error {
	switch {
	case name == "mode" && len(args) == 1:
		r.Mode = args[0]
	case name == "most" && len(args) == 1:
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 1 || n > respond.MostMost {
			return d.Errf("respond: most %q: it is a number from 1 to %d", args[0], respond.MostMost)
		}
		r.Most = n
	case name == "lasts" && len(args) == 2:
		t, err := respond.ParseDuration(args[1])
		if err != nil {
			return d.Errf("respond: lasts %s: %v", args[0], err)
		}
		if r.Lasts == nil {
			r.Lasts = map[string]caddy.Duration{}
		}
		if _, twice := r.Lasts[args[0]]; twice {
			return d.Errf("respond: lasts %s is given twice", args[0])
		}
		r.Lasts[args[0]] = caddy.Duration(t)
	case name == "rule" && len(args) >= 2:
		return r.parseRule(d, args)
	case name == "spare" && len(args) > 0:
		r.Spare = append(r.Spare, args...)
	case name == "webhook" && (len(args) == 1 || len(args) == 2):
		r.Webhook = &RespondHook{URL: args[0]}
		if len(args) == 2 {
			r.Webhook.Secret = args[1]
		}
	case name == "mode" || name == "most" || name == "lasts" || name == "rule" || name == "spare" || name == "webhook":
		return d.ArgErr()
	default:
		return d.Errf("unknown subdirective %q: respond knows mode, most, lasts, rule, spare and webhook", name)
	}
	return nil
}

func (r *Respond) parseRule(d *caddyfile.Dispenser, args []string) error {
	id := args[0]
	var rule *RespondRule
	for i := range r.Rules {
		if r.Rules[i].Rule == id {
			rule = &r.Rules[i]
		}
	}
	if rule == nil {
		r.Rules = append(r.Rules, RespondRule{Rule: id})
		rule = &r.Rules[len(r.Rules)-1]
	}
	switch {
	case args[1] == "do" && (len(args) == 3 || len(args) == 4):
		rule.Do = append(rule.Do, strings.Join(args[2:], " "))
	case args[1] != "do" && len(args) == 2 && rule.Mode == "":
		rule.Mode = args[1]
	default:
		return d.Errf("respond: write `rule ID MODE` or `rule ID do ACTION [DURATION]`")
	}
	return nil
}

// check says what can't be where file and line are known. Placeholders are filled in at load; until then they stand for an address.
func (r *Respond) check(d *caddyfile.Dispenser) error {
	probe := *r
	if probe.Webhook != nil && strings.Contains(probe.Webhook.URL, "{") {
		probe.Webhook = &RespondHook{URL: "https://example.org"}
	} else if probe.Webhook != nil {
		probe.Webhook = &RespondHook{URL: probe.Webhook.URL}
	} else {
		probe.Webhook = &RespondHook{URL: "https://example.org"} // it may stand further down
	}
	if _, err := probe.config(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}
