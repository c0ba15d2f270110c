package gateway

import (
	"math"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// parseOutput reads one output. Syntax:
//
//	output <name> file <path> | syslog <address> | webhook <address> | otlp <address> | redis_stream [<address>] {
//		format ecs|ocsf|cef
//		only   <category or action>...
//		level  informational|low|medium|high|critical
//		spool  <size>
//		ca     <file>
//		client_certificate <certificate> <key>
//		header <name> <value>                  # may be repeated
//		secret <value>
//		facility <name>
//		stream <key>
//		most   <entries>
//	}
func (e *Events) parseOutput(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) < 2 || len(args) > 3 {
		return d.Err("output: write `output NAME file|syslog|webhook|otlp|redis_stream ADDRESS`")
	}
	if e.Outputs == nil {
		e.Outputs = map[string]*EventOutput{}
	}
	if _, ok := e.Outputs[args[0]]; ok {
		return d.Errf("output %s is given twice", args[0])
	}
	if !outputName.MatchString(args[0]) {
		return d.Errf("output %q: a name is up to 32 of a-z, 0-9, - and _", args[0])
	}
	o := &EventOutput{Kind: args[1]}
	if len(args) == 3 {
		o.To = args[2]
	}
	e.Outputs[args[0]] = o
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] && name != "header" && name != "only" {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		if err := o.parse(d, name); err != nil {
			return err
		}
	}
	if err := o.fits(); err != nil {
		return d.Errf("output %s: %v", args[0], err)
	}
	return nil
}

func (o *EventOutput) parse(d *caddyfile.Dispenser, name string) error {
	texts := map[string]*string{
		"format": &o.Format, "level": &o.Level, "ca": &o.CA, "secret": &o.Secret, "facility": &o.Facility, "stream": &o.Stream,
	}
	if to, ok := texts[name]; ok {
		return one(d, to)
	}
	switch name {
	case "only":
		words := d.RemainingArgs()
		if len(words) == 0 {
			return d.ArgErr()
		}
		o.Only = append(o.Only, words...)
	case "spool":
		n, err := parseSize(d)
		o.Spool = n
		return err
	case "most":
		n, err := parseSize(d)
		o.Most = n
		return err
	case "client_certificate":
		if !d.AllArgs(&o.Certificate, &o.CertificateKey) {
			return d.ArgErr()
		}
	case "header":
		var key, value string
		if !d.AllArgs(&key, &value) {
			return d.ArgErr()
		}
		if o.Headers == nil {
			o.Headers = map[string]string{}
		}
		o.Headers[key] = value
	default:
		return d.Errf("unknown subdirective %q: output knows format, only, level, spool, ca, client_certificate, header, secret, facility, stream and most", name)
	}
	return nil
}

// parseSize reads a number, which may have a unit as 256MiB.
func parseSize(d *caddyfile.Dispenser) (int64, error) {
	var text string
	if err := one(d, &text); err != nil {
		return 0, err
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > math.MaxInt64/2 {
		return 0, d.Errf("%q is no size as 256MiB", text)
	}
	return int64(n), nil
}
