package gateway

import (
	"encoding/json"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() { httpcaddyfile.RegisterGlobalOption("gateway", parse) }

func parse(d *caddyfile.Dispenser, _ any) (any, error) {
	var a App
	if err := a.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "gateway", Value: caddyconfig.JSON(a, nil)}, nil
}

// UnmarshalCaddyfile sets up the app from Caddyfile tokens. Syntax:
//
//	gateway {
//		data_dir <folder>
//		store    memory | redis <address> { … }          # see parseLink
//		database sqlite [<file>] | postgres <url> { … }  # likewise
//		plain_links refuse|warn
//		keys     <folder>
//		key_rotation <duration>|off
//		geoip    <file>
//		asn      <file>
//		node     <name>
//		file_modes refuse|warn
//		drain    <duration>|off
//		events {
//			encrypt
//			output <name> … { … }   # see parseOutput; may be repeated
//			log off | { … }  # see UnmarshalCaddyfile of EventLog
//		}
//		data_keys { … }   # see UnmarshalCaddyfile of DataKeys
//		allow    <address or prefix>|private_ranges...   # may be repeated
//		bans {
//			most     <count>
//			remember <duration>
//		}
//		tracing  off | <endpoint> { … }  # see parseTracing
//		abuse    off | { … }  # see UnmarshalCaddyfile of Abuse
//		backup   { … }    # see UnmarshalCaddyfile of Backup
//		identity { … }    # see modules/identity
//		policy   { … }    # see modules/policy
//		monitor  off | { … }    # see modules/monitor
//	}
//
// <address> is redis://, redis+unix://, redis+sentinel:// or redis+cluster:// (rediss… for TLS). Each value may be a placeholder that is
// filled in at load, as {env.GW_REDIS} or {file./run/secrets/redis}: a password then stays out of the configuration.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the option's name
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for d.NextBlock(0) {
		name := d.Val()
		if seen[name] && name != "allow" {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		var err error
		switch name {
		case "data_dir":
			err = one(d, &a.DataDir)
		case "keys":
			err = one(d, &a.Keys)
		case "geoip":
			err = one(d, &a.GeoIP)
		case "asn":
			err = one(d, &a.ASN)
		case "node":
			err = a.parseNode(d)
		case "key_rotation":
			err = a.parseRotation(d)
		case "file_modes":
			err = a.parseFileModes(d)
		case "plain_links":
			err = a.parsePlainLinks(d)
		case "drain":
			err = a.parseDrain(d)
		case "events":
			err = a.parseEvents(d)
		case "data_keys":
			a.DataKeys = new(DataKeys)
			err = a.DataKeys.UnmarshalCaddyfile(d)
		case "store":
			err = a.parseStore(d)
		case "database":
			err = a.parseDatabase(d)
		case "allow":
			err = a.parseAllow(d)
		case "bans":
			err = a.parseBans(d)
		case "tracing":
			err = a.parseTracing(d)
		case "abuse":
			a.Abuse = new(Abuse)
			err = a.Abuse.UnmarshalCaddyfile(d)
		case "backup":
			a.Backup = new(Backup)
			err = a.Backup.UnmarshalCaddyfile(d)
		case "identity":
			a.Identity, err = parseApp(d, "gw_identity")
		case "policy":
			a.Policy, err = parseApp(d, "gw_policy")
		case "monitor":
			a.Monitor, err = parseApp(d, "gw_monitor")
		default:
			err = d.Errf("unknown subdirective %q: gateway knows data_dir, store, database, plain_links, keys, key_rotation, geoip, asn, node, data_keys, file_modes, drain, events, allow, bans, abuse, backup, tracing, identity, policy and monitor", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func one(d *caddyfile.Dispenser, to *string) error {
	if !d.Args(to) || *to == "" {
		return d.ArgErr()
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

func (a *App) parseStore(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	switch {
	case len(args) == 1 && args[0] == "memory":
		a.Store = "memory"
	case len(args) == 2 && args[0] == "redis" && (strings.HasPrefix(args[1], "redis") || strings.HasPrefix(args[1], "{")):
		a.Store = args[1]
	case len(args) == 2 && args[0] == "redis":
		return d.Err("store: the address must begin with redis://, rediss://, redis+unix://, redis+sentinel:// or redis+cluster://")
	default:
		return d.Err("store: write `store memory` or `store redis redis://host:port`")
	}
	t, err := parseLink(d, "store")
	if t != nil && a.Store == "memory" {
		return d.Err("store: memory is no link, and has no block")
	}
	a.StoreTLS = t
	return err
}

func (a *App) parseDatabase(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	switch {
	case len(args) == 1 && args[0] == "sqlite":
		a.Database = "sqlite"
	case len(args) == 2 && args[0] == "sqlite" && args[1] != "":
		a.Database = "sqlite:" + args[1]
	case len(args) == 2 && args[0] == "postgres" &&
		(strings.HasPrefix(args[1], "postgres://") || strings.HasPrefix(args[1], "postgresql://") || strings.HasPrefix(args[1], "{")):
		a.Database = args[1]
	default:
		return d.Err("database: write `database sqlite`, `database sqlite FILE` or `database postgres postgres://user@host/name`")
	}
	t, err := parseLink(d, "database")
	if t != nil && args[0] == "sqlite" {
		return d.Err("database: sqlite is no link, and has no block")
	}
	a.DatabaseTLS = t
	return err
}

// parseApp lets the app's own module read its block.
func parseApp(d *caddyfile.Dispenser, id string) (json.RawMessage, error) {
	info, err := caddy.GetModule(id)
	if err != nil {
		return nil, d.Errf("%s: %v", d.Val(), errNoModule)
	}
	module := info.New()
	u, ok := module.(caddyfile.Unmarshaler)
	if !ok {
		return nil, d.Errf("%s can't be configured in a Caddyfile", d.Val())
	}
	if err := u.UnmarshalCaddyfile(d.NewFromNextSegment()); err != nil {
		return nil, err
	}
	return caddyconfig.JSON(module, nil), nil
}

var _ caddyfile.Unmarshaler = (*App)(nil)
