package monitor

import (
	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parseAlerts reads
//
//	alert {
//		channel <name> webhook|slack|syslog <address> | mail <address>... {
//			level  low|medium|high|critical
//			later
//			quiet  <from>-<to> <zone>
//			header <name> <value>              # may be repeated
//			secret <value>
//			ca     <file>
//			client_certificate <certificate> <key>
//			facility <name>
//			server smtp://<host>|smtps://<host>
//			from   <address>
//			login  <user> <password>
//			tls    off
//		}
//		group    incident|subject|rule
//		wait     <duration>
//		interval <duration>
//		escalate <after> <channel>...              # may be repeated
//		quiet    <from>-<to> <zone>
//		closed
//		give_up  <duration>
//		link     <address>
//	}
func (a *App) parseAlerts(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	a.Alerts = new(Alerts)
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] && name != "channel" && name != "escalate" {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		if err := a.Alerts.parse(d, name); err != nil {
			return err
		}
	}
	return nil
}

func (a *Alerts) parse(d *caddyfile.Dispenser, name string) (err error) {
	switch name {
	case "channel":
		return a.parseChannel(d)
	case "group":
		return oneArg(d, &a.Group)
	case "wait":
		a.Wait, err = durationArg(d)
	case "interval":
		a.Interval, err = durationArg(d)
	case "give_up":
		a.GiveUp, err = durationArg(d)
	case "quiet":
		a.Quiet, err = quietArgs(d)
	case "link":
		return oneArg(d, &a.Link)
	case "closed":
		a.Closed = true
		return noArg(d)
	case "escalate":
		args := d.RemainingArgs()
		if len(args) < 2 {
			return d.Err("escalate: write `escalate 15m CHANNEL...`")
		}
		after, err := caddy.ParseDuration(args[0])
		if err != nil || after <= 0 {
			return d.Errf("escalate: %q is no duration as 15m", args[0])
		}
		a.Escalate = append(a.Escalate, AlertStep{caddy.Duration(after), args[1:]})
	default:
		return d.Errf("unknown subdirective %q: alert knows channel, group, wait, interval, escalate, quiet, closed, give_up and link", name)
	}
	return err
}

func (a *Alerts) parseChannel(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 3 {
		return d.Err("channel: write `channel NAME webhook|slack|mail|syslog ADDRESS`")
	}
	c := &AlertChannel{Name: args[0], Kind: args[1], To: args[2:]}
	if !channelName.MatchString(c.Name) {
		return d.Errf("channel %q: a name is up to 32 of a-z, 0-9, - and _", c.Name)
	}
	for _, other := range a.Channels {
		if other.Name == c.Name {
			return d.Errf("channel %s is given twice", c.Name)
		}
	}
	a.Channels = append(a.Channels, c)
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] && name != "header" {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		if err := c.parse(d, name); err != nil {
			return err
		}
	}
	if err := c.fits(); err != nil {
		return d.Errf("channel %s: %v", c.Name, err)
	}
	return nil
}

func (c *AlertChannel) parse(d *caddyfile.Dispenser, name string) (err error) {
	texts := map[string]*string{
		"level": &c.Level, "secret": &c.Secret, "ca": &c.CA, "facility": &c.Facility, "server": &c.Server, "from": &c.From, "tls": &c.TLS,
	}
	if to, ok := texts[name]; ok {
		return oneArg(d, to)
	}
	switch name {
	case "later":
		c.Later = true
		return noArg(d)
	case "quiet":
		c.Quiet, err = quietArgs(d)
		return err
	case "login":
		if !d.AllArgs(&c.Username, &c.Password) {
			return d.ArgErr()
		}
	case "client_certificate":
		if !d.AllArgs(&c.Certificate, &c.CertificateKey) {
			return d.ArgErr()
		}
	case "header":
		var key, value string
		if !d.AllArgs(&key, &value) {
			return d.ArgErr()
		}
		if c.Headers == nil {
			c.Headers = map[string]string{}
		}
		c.Headers[key] = value
	default:
		return d.Errf("unknown subdirective %q: channel knows level, later, quiet, header, secret, ca, client_certificate, facility, server, from, login and tls", name)
	}
	return nil
}

func oneArg(d *caddyfile.Dispenser, to *string) error {
	if !d.Args(to) || *to == "" || d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

func noArg(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

func durationArg(d *caddyfile.Dispenser) (caddy.Duration, error) {
	name, text := d.Val(), ""
	if err := oneArg(d, &text); err != nil {
		return 0, err
	}
	t, err := caddy.ParseDuration(text)
	if err != nil || t <= 0 {
		return 0, d.Errf("%s: %q is no duration as 5m", name, text)
	}
	return caddy.Duration(t), nil
}

func quietArgs(d *caddyfile.Dispenser) (*AlertQuiet, error) {
	q := new(AlertQuiet)
	if !d.AllArgs(&q.Hours, &q.Zone) {
		return nil, d.Err("quiet: write `quiet 22:00-07:00 Europe/Berlin`")
	}
	if _, err := q.parse(); err != nil {
		return nil, d.WrapErr(err)
	}
	return q, nil
}
