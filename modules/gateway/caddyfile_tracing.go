package gateway

import (
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parseTracing reads:
//
//	tracing off
//	tracing <endpoint> [{
//		sample  <part>|<percent>%|parent   # 10%; parent: only what a trusted proxy records
//		errors  on|off                     # on: of what ends with 5xx there is always a span
//		service <name>                     # convosphere-gateway
//		queue   <spans>                    # 8192
//		ca      <file>
//		client_certificate <certificate> <key>
//		header  <name> <value>             # may be repeated
//	}]
func (a *App) parseTracing(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) != 1 || args[0] == "" {
		return d.Err("tracing: write `tracing off` or `tracing https://collector:4318/v1/traces`, and a block if need be")
	}
	if args[0] == "off" {
		for nesting := d.Nesting(); d.NextBlock(nesting); {
			return d.Errf("tracing: off has no %s", d.Val())
		}
		return nil
	}
	t := &Tracing{Endpoint: args[0]}
	a.Tracing = t
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] && name != "header" {
			return d.Errf("tracing: %s is given twice", name)
		}
		seen[name] = true
		if err := t.parse(d, name); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tracing) parse(d *caddyfile.Dispenser, name string) error {
	switch name {
	case "sample":
		return t.parseSample(d)
	case "errors":
		var word string
		if err := one(d, &word); err != nil {
			return err
		}
		if word != "on" && word != "off" {
			return d.Errf("errors: %q is neither on nor off", word)
		}
		t.NoErrors = word == "off"
	case "service":
		return one(d, &t.Service)
	case "queue":
		var word string
		if err := one(d, &word); err != nil {
			return err
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < 512 || n > 1<<20 {
			return d.Errf("queue: %q is no number of spans from 512 to 1048576", word)
		}
		t.Queue = n
	case "ca":
		return one(d, &t.CA)
	case "client_certificate":
		if !d.AllArgs(&t.Certificate, &t.CertificateKey) {
			return d.ArgErr()
		}
	case "header":
		var key, value string
		if !d.AllArgs(&key, &value) {
			return d.ArgErr()
		}
		if t.Headers == nil {
			t.Headers = map[string]string{}
		}
		t.Headers[key] = value
	default:
		return d.Errf("unknown subdirective %q: tracing knows sample, errors, service, queue, ca, client_certificate and header", name)
	}
	return nil
}

// parseSample reads a part of one, a part of a hundred, or parent.
func (t *Tracing) parseSample(d *caddyfile.Dispenser) error {
	var word string
	if err := one(d, &word); err != nil {
		return err
	}
	n, whole := 0.0, 1.0
	if word != "parent" {
		number, percent := strings.CutSuffix(word, "%")
		if percent {
			whole = 100
		}
		var err error
		if n, err = strconv.ParseFloat(number, 64); err != nil || !(n >= 0 && n <= whole) {
			return d.Errf("sample: %q is no part as 0.1 or 10%%, nor parent", word)
		}
	}
	n /= whole
	t.Sample = &n
	return nil
}
