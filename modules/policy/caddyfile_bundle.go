package policy

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parseBundle reads
//
//	bundle <file>|<url>|s3://<bucket>/<key> {
//		key         <file> [<algorithm>]   # again for another
//		scope       <name>
//		unsigned                           # in place of key
//		every       <duration>
//		header      <name> <value>         # again for another
//		ca          <file>
//		region      <name>                 # of s3, as the rest
//		endpoint    <url>
//		credentials environment|profile|web_identity|metadata
//	}
func (a *App) parseBundle(d *caddyfile.Dispenser) error {
	b := &Bundle{}
	if !d.Args(&b.From) || d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		read, ok := bundleSubdirectives[name]
		switch {
		case !ok:
			return d.Errf("unknown subdirective %q: bundle knows %s", name, strings.Join(slices.Sorted(maps.Keys(bundleSubdirectives)), ", "))
		case seen[name] && name != "key" && name != "header":
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		if err := read(b, d); err != nil {
			return err
		}
		if d.NextArg() {
			return d.ArgErr()
		}
	}
	switch {
	case b.Unsigned == (len(b.Keys) > 0):
		return d.Errf("bundle %s: name the key that it is signed with, or write unsigned", b.From)
	case b.S3 != nil && !strings.HasPrefix(b.From, "s3://"):
		return d.Errf("bundle %s: region, endpoint and credentials are of s3://BUCKET/KEY", b.From)
	}
	a.Bundle = b
	return nil
}

// bundleSubdirectives are read with the dispenser at their name.
var bundleSubdirectives = map[string]func(*Bundle, *caddyfile.Dispenser) error{
	"key":    (*Bundle).parseKey,
	"header": (*Bundle).parseHeader,
	"every":  (*Bundle).parseEvery,
	"unsigned": func(b *Bundle, _ *caddyfile.Dispenser) error {
		b.Unsigned = true
		return nil
	},
	"scope":       func(b *Bundle, d *caddyfile.Dispenser) error { return word(d, &b.Scope) },
	"ca":          func(b *Bundle, d *caddyfile.Dispenser) error { return word(d, &b.CA) },
	"region":      func(b *Bundle, d *caddyfile.Dispenser) error { return word(d, &b.s3().Region) },
	"endpoint":    func(b *Bundle, d *caddyfile.Dispenser) error { return word(d, &b.s3().Endpoint) },
	"credentials": func(b *Bundle, d *caddyfile.Dispenser) error { return word(d, &b.s3().Credentials) },
}

func (b *Bundle) s3() *BundleS3 {
	if b.S3 == nil {
		b.S3 = &BundleS3{}
	}
	return b.S3
}

func word(d *caddyfile.Dispenser, to *string) error {
	if !d.NextArg() || d.Val() == "" {
		return d.ArgErr()
	}
	*to = d.Val()
	return nil
}

func (b *Bundle) parseKey(d *caddyfile.Dispenser) error {
	k := BundleKey{}
	if err := word(d, &k.File); err != nil {
		return err
	}
	if d.NextArg() {
		k.Algorithm = d.Val()
	}
	b.Keys = append(b.Keys, k)
	return nil
}

func (b *Bundle) parseHeader(d *caddyfile.Dispenser) error {
	var name, value string
	if !d.Args(&name, &value) {
		return d.ArgErr()
	}
	if b.Headers == nil {
		b.Headers = map[string]string{}
	}
	if _, twice := b.Headers[name]; twice {
		return d.Errf("header %s is given twice", name)
	}
	b.Headers[name] = value
	return nil
}

func (b *Bundle) parseEvery(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	dur, err := caddy.ParseDuration(d.Val())
	if err != nil || dur < time.Second || dur > 24*time.Hour {
		return d.Errf("bundle every %q: write a duration from 1s to 24h, as 1m", d.Val())
	}
	b.Every = caddy.Duration(dur)
	return nil
}
