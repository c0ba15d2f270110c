package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/expiry"
	"github.com/convosphere/gateway/modules/internal/geo"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/health"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/risk"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/internal/tier"
	"github.com/convosphere/gateway/modules/internal/trial"
	"github.com/convosphere/gateway/modules/internal/view"
)

// resources are shared by the configurations that name the same: a reload takes them over, with all they hold.
var resources = caddy.NewUsagePool()

// resource is one entry of the pool.
type resource[T any] struct {
	value T
	close func() error
}

// Destruct implements caddy.Destructor.
func (r resource[T]) Destruct() error { return r.close() }

// acquire takes the resource from the pool, opening it for the first who asks. release gives it back.
func acquire[T any](kind, name string, open func() (T, func() error, error)) (value T, release func() error, err error) {
	key := kind + "\x00" + name
	v, _, err := resources.LoadOrNew(key, func() (caddy.Destructor, error) {
		value, close, err := open()
		if err != nil {
			return nil, err
		}
		return resource[T]{value, close}, nil
	})
	if err != nil {
		return value, nil, err
	}
	return v.(resource[T]).value, func() error {
		_, err := resources.Delete(key)
		return err
	}, nil
}

// base is a database with its feed: they live and end together.
type base struct {
	db   *database.DB
	feed *database.Feed
}

// open acquires everything that a names, or nothing.
func open(ctx context.Context, a *App) (*ground.Ground, error) {
	var releases []func() error
	logger := a.logger
	giveBack := func() {
		for i := len(releases) - 1; i >= 0; i-- {
			if err := releases[i](); err != nil {
				logger.Error("closing a resource", zap.Error(err))
			}
		}
	}
	g := &ground.Ground{DataDir: a.DataDir, Node: a.Node, Health: new(health.Set), Expiry: new(expiry.Set), Views: new(view.Set)}
	err := func() error {
		// Before the bus, and so given back after it: what is told last still reaches them.
		if err := a.openOutputs(&releases); err != nil {
			return err
		}
		fresh := false
		events, release, err := acquire("events", a.DataDir, func() (*event.Bus, func() error, error) {
			fresh = true
			b, err := event.Open(event.Options{Dir: filepath.Join(a.DataDir, "events"), Trial: trial.On()})
			if err != nil {
				return nil, nil, err
			}
			return b, b.Close, nil
		})
		if err != nil {
			return fmt.Errorf("gateway: data_dir %s: %w", a.DataDir, err)
		}
		g.Events, releases = events, append(releases, release)

		keys, release, err := acquire("keys", a.Keys, func() (*keyring.Ring, func() error, error) {
			r, err := a.openKeys(ctx)
			return r, func() error { return nil }, err
		})
		if err != nil {
			return fmt.Errorf("gateway: keys: %w", err)
		}
		g.Keys, releases = keys, append(releases, release)
		if fresh { // no configuration is in force yet: what this one tells while it loads is written as it says
			a.sealEvents(g)
		}
		stop := keys.Watch(observeKeys(events, logger))
		releases = append(releases, func() error {
			stop()
			return nil
		})

		if err := a.openTracing(g, &releases); err != nil {
			return err
		}

		b, release, err := acquire("database", a.Database, func() (base, func() error, error) { return openDatabase(ctx, a.Database, a.DataDir) })
		if err != nil {
			return fmt.Errorf("gateway: %w", err)
		}
		g.DB, g.Feed, releases = b.db, b.feed, append(releases, release)

		if err := openLog(ctx, a, g, &releases); err != nil {
			return err
		}
		if err := a.openVerifier(g, &releases); err != nil {
			return err
		}

		if g.DataKeys, err = openDataKeys(ctx, a, g, &releases); err != nil {
			return err
		}

		// A memory store is this data folder's: two configurations of one process share their counters.
		name := a.Store + " " + a.PlainLinks + " " + a.Keys // what is sealed there is so with the key ring
		if a.Store == "memory" {
			name = a.Store + " " + a.DataDir
		}
		s, release, err := acquire("store", name, func() (store.Store, func() error, error) {
			s, err := openStore(ctx, a.Store, keys, a.storeOptions())
			if err != nil {
				return nil, nil, err
			}
			return s, s.Close, nil
		})
		if err != nil {
			return fmt.Errorf("gateway: store: %w", err)
		}
		g.Store, releases = s, append(releases, release)

		tiers, release, err := acquire("tiers", a.DataDir, func() (*tier.Table, func() error, error) {
			return tier.New(time.Now), func() error { return nil }, nil
		})
		if err != nil {
			return err
		}
		g.Tiers, releases = tiers, append(releases, release)

		risks, release, err := acquire("risks", a.DataDir, func() (*risk.Table, func() error, error) {
			return risk.New(time.Now), func() error { return nil }, nil
		})
		if err != nil {
			return err
		}
		g.Risk, releases = risks, append(releases, release)

		if g.Drain, err = openDrain(a, &releases); err != nil {
			return err
		}
		if g.Bans, err = openBans(ctx, a, g, &releases); err != nil {
			return err
		}
		if g.Measures, err = openMeasures(ctx, a, g, &releases); err != nil {
			return err
		}
		if g.Abuse, err = openAbuse(a, g.Store, &releases); err != nil {
			return err
		}

		if g.Places, err = openPlaces("geoip", a.GeoIP, &releases); err != nil {
			return err
		}
		if g.Networks, err = openPlaces("asn", a.ASN, &releases); err != nil {
			return err
		}
		if fresh {
			g.Events.EnrichWith(enricher(g))
		}
		return nil
	}()
	if err != nil {
		giveBack()
		return nil, err
	}
	live.Add(1)
	return ground.New(g, func() {
		giveBack()
		live.Add(-1)
	}), nil
}

// live counts the grounds not yet given back.
var live atomic.Int64

// The process ends right after the apps have stopped. Sockets that were cut then still have their event to write.
func init() {
	caddy.OnExit(func(context.Context) {
		for end := time.Now().Add(5 * time.Second); live.Load() > 0 && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
	})
}

func openDatabase(ctx context.Context, name, dataDir string) (base, func() error, error) {
	c, err := database.Parse(name, dataDir)
	if err != nil {
		return base{}, nil, err
	}
	db, err := database.Open(ctx, c)
	if err != nil {
		return base{}, nil, err
	}
	feed, err := database.NewFeed(ctx, db)
	if err != nil {
		return base{}, nil, errors.Join(err, db.Close())
	}
	return base{db, feed}, func() error {
		feed.Close()
		return db.Close()
	}, nil
}

// openPlaces reads the file that an option names, unless another configuration has it open as it is now.
func openPlaces(option, path string, releases *[]func() error) (*geo.Reader, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("gateway: %s: %w", option, err)
	}
	r, release, err := acquire("geoip", fmt.Sprint(path, "\x00", info.Size(), "\x00", info.ModTime().UnixNano()), func() (*geo.Reader, func() error, error) {
		r, err := geo.Open(path)
		return r, func() error { return nil }, err
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: %s: %w", option, err)
	}
	*releases = append(*releases, release)
	return r, nil
}

func openStore(ctx context.Context, name string, keys *keyring.Ring, with []store.Option) (store.Store, error) {
	if name == "memory" {
		return store.NewMemory(0), nil
	}
	box, err := store.NewBox(keys.Derive("store"))
	if err != nil {
		return nil, err
	}
	r, err := store.OpenRedis(ctx, name, with...)
	if err != nil {
		return nil, err
	}
	return store.Seal(r, box), nil
}
