package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/ground"
)

// Bans are the settings of bans.
type Bans struct {
	// How many there may be at once. Default: 1,000,000; at most 2,000,000.
	Most int `json:"most,omitempty"`

	// For how long after its end a ban makes the next one longer. Default: 720h (30 days).
	Remember caddy.Duration `json:"remember,omitempty"`
}

func (a *App) parseBans(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	b := new(Bans)
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name, v := d.Val(), ""
		if seen[name] {
			return d.Errf("bans: %s is given twice", name)
		}
		seen[name] = true
		if name != "most" && name != "remember" {
			return d.Errf("unknown subdirective %q: bans knows most and remember", name)
		}
		if err := one(d, &v); err != nil {
			return err
		}
		var err error
		if name == "most" {
			b.Most, err = strconv.Atoi(v)
		} else {
			var life time.Duration
			life, err = caddy.ParseDuration(v)
			b.Remember = caddy.Duration(life)
		}
		if err == nil && b.Most == 0 && name == "most" {
			err = errors.New("it must be above 0")
		}
		if err == nil {
			err = b.check()
		}
		if err != nil {
			return d.Errf("bans: %s %q: %v", name, v, err)
		}
	}
	a.Bans = b
	return nil
}

const longestMemory = 10 * 365 * 24 * time.Hour

func (b *Bans) check() error {
	switch {
	case b.Most < 0 || b.Most > ban.MaxBans:
		return fmt.Errorf("it must be from 1 to %d", ban.MaxBans)
	case b.Remember < 0 || time.Duration(b.Remember) > longestMemory:
		return errors.New("it must be a time of at most ten years, as 30d")
	}
	return nil
}

// banOptions are what the configuration says of bans.
func (a *App) banOptions() (o ban.Options, err error) {
	if o.Allow, err = a.allowed(); err != nil || a.Bans == nil {
		return o, err
	}
	if err := a.Bans.check(); err != nil {
		return o, fmt.Errorf("gateway: bans: %w", err)
	}
	o.Most, o.Remember = a.Bans.Most, time.Duration(a.Bans.Remember)
	return o, nil
}

// openBans reads the bans of g's database, unless another configuration has them in memory.
func openBans(ctx context.Context, a *App, g *ground.Ground, releases *[]func() error) (*ban.List, error) {
	options, err := a.banOptions()
	if err != nil {
		return nil, err
	}
	book, release, err := acquire("bans", a.Database+"\x00"+a.DataDir, func() (*ban.Book, func() error, error) {
		b, err := ban.Open(ctx, ban.Sources{DB: g.DB, Feed: g.Feed, Events: g.Events, Now: time.Now})
		if err != nil {
			return nil, nil, err
		}
		return b, b.Close, nil
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	*releases = append(*releases, release)
	return book.View(options), nil
}
