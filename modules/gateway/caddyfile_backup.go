package gateway

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile reads:
//
//	backup {
//		folder          <folder>
//		every           <duration>                                 # 24h
//		keep            last <count> [daily <count>] [weekly <count>]   # last 7 daily 7 weekly 4
//		key_file        <file>                                     # or
//		passphrase_file <file>
//		without_keys
//	}
func (b *Backup) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] {
			return d.Errf("backup: %s is given twice", name)
		}
		seen[name] = true
		var err error
		switch name {
		case "folder":
			err = one(d, &b.Folder)
		case "every":
			err = parseAge(d, &b.Every)
		case "keep":
			err = b.parseKeep(d)
		case "key_file":
			err = one(d, &b.KeyFile)
		case "passphrase_file":
			err = one(d, &b.PassphraseFile)
		case "without_keys":
			if b.WithoutKeys = true; d.NextArg() {
				err = d.ArgErr()
			}
		default:
			err = d.Errf("unknown subdirective %q: backup knows folder, every, keep, key_file, passphrase_file and without_keys", name)
		}
		if err != nil {
			return err
		}
	}
	if err := b.check(); err != nil {
		return d.Errf("backup: %v", err)
	}
	return nil
}

func (b *Backup) parseKeep(d *caddyfile.Dispenser) error {
	args := d.RemainingArgs()
	b.Keep = new(BackupKeep)
	to := map[string]*int{"last": &b.Keep.Last, "daily": &b.Keep.Daily, "weekly": &b.Keep.Weekly}
	if len(args) == 0 || len(args)%2 != 0 {
		return d.Err("keep: write `keep last 7 daily 7 weekly 4`")
	}
	for i := 0; i < len(args); i += 2 {
		n, err := strconv.Atoi(args[i+1])
		if to[args[i]] == nil || err != nil || n < 1 {
			return d.Errf("keep: %s %s: write `keep last 7 daily 7 weekly 4`, each at most once", args[i], args[i+1])
		}
		*to[args[i]] = n
		delete(to, args[i])
	}
	return nil
}
