package monitor

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
)

// Incidents says which findings are worked as one.
type Incidents struct {
	// Keeps none.
	Off bool `json:"off,omitempty"`

	// From which level on a finding begins an incident: informational, low, medium (default), high or critical. Lower ones join those about the same.
	Least string `json:"least,omitempty"`

	// How long after the last event of an incident a finding about the same subject and technique joins it. Default: 6h.
	Within caddy.Duration `json:"within,omitempty"`

	// The same of a finding about the subject, but of another technique. Default: 1h.
	Chain caddy.Duration `json:"chain,omitempty"`

	// A folder of playbooks, *.yml, besides those that are built in. Default: none.
	Playbooks string `json:"playbooks,omitempty"`

	// How long an incident stays after it was closed, or, where nobody closes it, after its last event. Default: 8760h (365 days).
	Keep caddy.Duration `json:"keep,omitempty"`
}

// options are nil where none are kept.
func (i *Incidents) options() (*incident.Options, error) {
	o := &incident.Options{Least: finding.Medium}
	if i == nil {
		return o, nil
	}
	if i.Off {
		return nil, nil
	}
	if i.Least != "" {
		level, ok := finding.ParseLevel(i.Least)
		if !ok {
			return nil, fmt.Errorf("incidents: least %q is none of informational, low, medium, high and critical", i.Least)
		}
		o.Least = level
	}
	o.Within, o.Chain, o.Keep = time.Duration(i.Within), time.Duration(i.Chain), time.Duration(i.Keep)
	if o.Within != 0 && (o.Within < time.Minute || o.Within > 30*24*time.Hour) {
		return nil, fmt.Errorf("incidents: within %s: it is 1m to 30d", o.Within)
	}
	if o.Chain != 0 && (o.Chain < time.Minute || o.Chain > 30*24*time.Hour) {
		return nil, fmt.Errorf("incidents: chain %s: it is 1m to 30d", o.Chain)
	}
	if o.Chain > cmp.Or(o.Within, 6*time.Hour) {
		return nil, fmt.Errorf("incidents: chain %s: it is within's time at most", o.Chain)
	}
	if o.Keep != 0 && (o.Keep < time.Hour || o.Keep > 10*365*24*time.Hour) {
		return nil, fmt.Errorf("incidents: keep %s: it is 1h to 3650d", o.Keep)
	}
	return o, nil
}

// parseIncidents reads
//
//	incidents off
//	incidents {
//		least  informational|low|medium|high|critical
//		within <duration>
//		chain  <duration>
//		keep   <duration>
//		playbooks <folder>
//	}
func (a *App) parseIncidents(d *caddyfile.Dispenser) error {
	i := new(Incidents)
	a.Incidents = i
	if d.NextArg() {
		if i.Off = d.Val() == "off"; !i.Off || d.NextArg() {
			return d.Err("incidents: write `incidents off`, or a block")
		}
		return nil
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name, value := d.Val(), ""
		if seen[name] {
			return d.Errf("incidents: %s is given twice", name)
		}
		seen[name] = true
		if !d.Args(&value) || d.NextArg() {
			return d.ArgErr()
		}
		switch name {
		case "least":
			i.Least = value
		case "playbooks":
			i.Playbooks = value
		case "within", "chain", "keep":
			t, err := caddy.ParseDuration(value)
			if err != nil || t <= 0 {
				return d.Errf("incidents: %s %q: it is a duration as 6h", name, value)
			}
			*map[string]*caddy.Duration{"within": &i.Within, "chain": &i.Chain, "keep": &i.Keep}[name] = caddy.Duration(t)
		default:
			return d.Errf("unknown subdirective %q: incidents knows least, within, chain, keep and playbooks", name)
		}
	}
	if _, err := i.options(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// FalseAlarms are the newest events since then, most at most and as lines of JSON, of incidents that somebody took for false alarms. Other apps and handlers ask for them by
// this method.
func (a *App) FalseAlarms(ctx context.Context, since time.Time, most int) (lines []string, err error) {
	if a.work == nil || a.work.incidents == nil {
		return nil, nil
	}
	all, err := a.work.incidents.FalseAlarms(ctx, since, most)
	for _, e := range all {
		if e.Line != "" {
			lines = append(lines, e.Line)
		}
	}
	return lines, err
}
