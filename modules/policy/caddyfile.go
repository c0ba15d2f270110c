package policy

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile sets up the app from Caddyfile tokens, inside the global option `gateway`. Syntax:
//
//	policy {
//		timeout <duration>
//		folder  <path>
//	}
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // policy
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for d.NextBlock(0) {
		if seen[d.Val()] {
			return d.Errf("%s is given twice", d.Val())
		}
		seen[d.Val()] = true
		switch d.Val() {
		case "timeout":
			if !d.NextArg() {
				return d.ArgErr()
			}
			dur, err := caddy.ParseDuration(d.Val())
			if err != nil || dur < time.Millisecond || dur > 10*time.Second {
				return d.Errf("policy timeout %q: write a duration from 1ms to 10s, as 100ms", d.Val())
			}
			a.Timeout = caddy.Duration(dur)
		case "folder":
			if !d.Args(&a.Folder) || d.NextArg() {
				return d.ArgErr()
			}
			if err := a.readRevision(); err != nil {
				return d.Errf("policy: %v", err)
			}
		default:
			return d.Errf("unknown subdirective %q: policy knows timeout and folder", d.Val())
		}
		if d.NextArg() {
			return d.ArgErr()
		}
	}
	return nil
}

// readRevision keeps what the folder holds now, and says early what can't be read.
func (a *App) readRevision() error {
	folder, err := caddy.NewReplacer().ReplaceOrErr(a.Folder, true, true)
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	src, err := loadFolder(folder)
	if err != nil {
		return err
	}
	a.FolderRevision, err = src.Revision()
	return err
}

var _ caddyfile.Unmarshaler = (*App)(nil)
