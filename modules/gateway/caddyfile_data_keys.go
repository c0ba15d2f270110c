package gateway

import (
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile sets up data keys from Caddyfile tokens. Syntax:
//
//	data_keys {
//		master keyring | file <path> | env <variable> | vault <url> <key> { … }
//		accept …          # another master key, as after master; may be repeated
//		cache  <count>
//		most   <count>
//	}
//
//	vault <url> <key> {
//		mount      <path>
//		token_env  <variable>
//		token_file <path>
//		namespace  <name>
//		ca         <file>
//		timeout    <duration>
//	}
func (k *DataKeys) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] && name != "accept" {
			return d.Errf("data_keys: %s is given twice", name)
		}
		seen[name] = true
		var err error
		switch name {
		case "master":
			k.Master = new(MasterKey)
			err = k.Master.unmarshal(d)
		case "accept":
			var m MasterKey
			err = m.unmarshal(d)
			k.Accept = append(k.Accept, m)
		case "cache":
			k.Cache, err = positive(d)
		case "most":
			k.Most, err = positive(d)
		default:
			err = d.Errf("unknown subdirective %q: data_keys knows master, accept, cache and most", name)
		}
		if err != nil {
			return err
		}
		if err := k.check(); err != nil {
			return d.Errf("data_keys: %v", err)
		}
	}
	return nil
}

func positive(d *caddyfile.Dispenser) (int, error) {
	name, v := d.Val(), ""
	if err := one(d, &v); err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(v)
	if err != nil || n <= 0 {
		return 0, d.Errf("data_keys: %s: write a number above 0, not %q", name, v)
	}
	return n, nil
}

func (m *MasterKey) unmarshal(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	m.Type = args[0]
	want := map[string][]*string{"keyring": {}, "file": {&m.File}, "env": {&m.Env}, "vault": {&m.URL, &m.Key}}[m.Type]
	if want == nil {
		return d.Errf("%q is no kind of master key: they are keyring, file, env and vault", m.Type)
	}
	if len(args)-1 != len(want) {
		return d.Errf("write: keyring, file PATH, env VARIABLE, or vault URL KEY")
	}
	for i, to := range want {
		*to = args[i+1]
	}
	return m.unmarshalBlock(d)
}

func (m *MasterKey) unmarshalBlock(d *caddyfile.Dispenser) error {
	known := map[string]*string{"mount": &m.Mount, "token_env": &m.TokenEnv, "token_file": &m.TokenFile, "namespace": &m.Namespace, "ca": &m.CA}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		to, timeout := known[name], ""
		switch {
		case m.Type != "vault":
			return d.Errf("a master key of the kind %s has no subdirectives", m.Type)
		case name == "timeout":
			to = &timeout
		case to == nil:
			return d.Errf("unknown subdirective %q: vault knows mount, token_env, token_file, namespace, ca and timeout", name)
		}
		if seen[name] {
			return d.Errf("vault: %s is given twice", name)
		}
		seen[name] = true
		if err := one(d, to); err != nil {
			return err
		}
		if name != "timeout" {
			continue
		}
		v, err := caddy.ParseDuration(timeout)
		if err != nil || v <= 0 {
			return d.Errf("vault: timeout: write a duration as 2s, not %q", timeout)
		}
		m.Timeout = caddy.Duration(v)
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*DataKeys)(nil)
