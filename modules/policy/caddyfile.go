package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/policy/source"
)

// UnmarshalCaddyfile sets up the app from Caddyfile tokens, inside the global option `gateway`. Syntax:
//
//	policy {
//		timeout <duration>
//		folder  <path>
//		bundle  <file>|<url>|s3://<bucket>/<key> { … }
//		allow <function>… {
//			hosts <host>…
//		}
//		decisions all|denied|off
//		break_glass <duration>
//		capture {                    # see parseCapture
//			sample all | [denied] [<number>%]
//			keep <duration>
//			max_size <size>
//		}
//		grants {                     # see parseGrants
//			memory      <size>
//			per_object  <number>
//			per_subject <number>
//		}
//		shadow <folder|bundle>
//	}
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // policy
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for d.NextBlock(0) {
		name := d.Val()
		if seen[name] {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		read, ok := subdirectives[name]
		if !ok {
			return d.Errf("unknown subdirective %q: policy knows %s", name, strings.Join(slices.Sorted(maps.Keys(subdirectives)), ", "))
		}
		if err := read(a, d); err != nil {
			return err
		}
		if d.NextArg() {
			return d.ArgErr()
		}
	}
	return nil
}

// subdirectives are read with the dispenser at their name.
var subdirectives = map[string]func(*App, *caddyfile.Dispenser) error{
	"timeout":   (*App).parseTimeout,
	"folder":    (*App).parseFolder,
	"bundle":    (*App).parseBundle,
	"allow":     (*App).parseAllow,
	"decisions": (*App).parseDecisions,
	"capture":   (*App).parseCapture,

	"break_glass": (*App).parseBreakGlass,
	"grants":      (*App).parseGrants,
	"shadow":      (*App).parseShadow,
}

func (a *App) parseTimeout(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.ArgErr()
	}
	dur, err := caddy.ParseDuration(d.Val())
	if err != nil || dur < time.Millisecond || dur > 10*time.Second {
		return d.Errf("policy timeout %q: write a duration from 1ms to 10s, as 100ms", d.Val())
	}
	a.Timeout = caddy.Duration(dur)
	return nil
}

func (a *App) parseFolder(d *caddyfile.Dispenser) error {
	if !d.Args(&a.Folder) || d.NextArg() {
		return d.ArgErr()
	}
	if err := a.readRevision(); err != nil {
		return d.Errf("policy: %v", err)
	}
	return nil
}

// readRevision keeps what the folder holds now, and says early what can't be read.
func (a *App) readRevision() error {
	folder, err := caddy.NewReplacer().ReplaceOrErr(a.Folder, true, true)
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	src, err := source.LoadFolder(folder)
	if err != nil {
		return err
	}
	a.FolderRevision, err = src.Revision()
	return err
}

var _ caddyfile.Unmarshaler = (*App)(nil)
