package monitor

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/internal/ship"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/monitor/detect/correlate"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/fleet"
)

// Fleet says how gateways that share a Redis count together.
type Fleet struct {
	// Each gateway counts for itself.
	Off bool `json:"off,omitempty"`

	// How many bytes of hits may wait on the disk while Redis is away, at least 1 MiB. Default: 64 MiB.
	Spool int64 `json:"spool,omitempty"`

	// How long after others events are still counted in their place, at least 10s: hits that waited while Redis was away for longer count for windows
	// alone that are as long. Default: 10m.
	Lateness caddy.Duration `json:"lateness,omitempty"`
}

const (
	defaultSpool  = 64 << 20
	leastSpool    = 1 << 20
	leastLateness = 10 * time.Second
	ownLateness   = 30 * time.Second // of a gateway's own events, which come nearly in order
)

// Windows says what correlations may take.
type Windows struct {
	// How much memory what they count may take, in bytes, at least 1 MiB. Default: 256 MiB, for more than a million groups.
	Memory int64 `json:"memory,omitempty"`
}

const defaultWindows = 256 << 20

func (w *Windows) memory() int64 {
	if w == nil || w.Memory == 0 {
		return defaultWindows
	}
	return w.Memory
}

func (w *Windows) check() error {
	if w != nil && w.Memory != 0 && w.Memory < leastMemory {
		return errors.New("windows: memory is 1MiB at least")
	}
	return nil
}

func (f *Fleet) check() error {
	switch {
	case f == nil:
		return nil
	case f.Spool != 0 && f.Spool < leastSpool:
		return errors.New("fleet: spool is 1MiB at least")
	case f.Lateness != 0 && time.Duration(f.Lateness) < leastLateness:
		return fmt.Errorf("fleet: lateness is %s at least", leastLateness)
	}
	return nil
}

// members are this process's parts in fleets, by data folder and Redis: what they count outlives a reload.
var members = caddy.NewUsagePool()

// member is this gateway's part in a fleet.
type member struct {
	fleet *fleet.Fleet
	spool *ship.Spool
}

// openFleet joins the gateways that have the same Redis.
func (a *App) openFleet(ctx caddy.Context) error {
	if err := metrics.Register(ctx.GetMetricsRegistry(), counting{a.live}); err != nil {
		return err
	}
	if err := a.Windows.check(); err != nil {
		return err
	}
	if err := a.Fleet.check(); err != nil {
		return err
	}
	client := a.ground.Store.Redis()
	switch {
	case a.Fleet != nil && a.Fleet.Off:
		return nil
	case client == nil && a.Fleet != nil:
		return errors.New("fleet: gateways count together over Redis: name one as store, or leave this out")
	case client == nil:
		return nil
	}
	spool, lateness := int64(defaultSpool), time.Duration(0)
	if f := a.Fleet; f != nil {
		lateness = time.Duration(f.Lateness)
		if f.Spool != 0 {
			spool = f.Spool
		}
	}
	key := fmt.Sprintf("%s\x00%p", a.ground.DataDir, a.ground.Store) // which a reload that names the same takes over
	v, _, err := members.LoadOrNew(key, func() (caddy.Destructor, error) { return a.join(client, spool) })
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	a.member = v.(*member)
	a.give = append(a.give, func() error {
		_, err := members.Delete(key)
		return err
	})
	a.limits = func() { // set by the configuration that is in force
		a.member.spool.Bound(spool)
		a.member.fleet.Limit(a.Windows.memory(), lateness)
	}
	return nil
}

func (a *App) join(client redis.UniversalClient, spool int64) (*member, error) {
	m := new(member)
	// A folder for each Redis: hits of one fleet are not another's.
	where := sha256.Sum256([]byte(addresses(client)))
	dir := filepath.Join(a.ground.DataDir, "monitor", "fleet-"+hex.EncodeToString(where[:6]))
	var err error
	if m.spool, _, err = ship.OpenSpool(dir, spool); err != nil { // what a crash tore off is one hit at most
		return nil, err
	}
	l, logger := a.live, a.logger
	bus := a.ground.Events
	o := fleet.Options{Spool: m.spool, Box: store.BoxOf(a.ground.Store), Changed: func(err error) { tellFleet(bus, logger, err) }}
	m.fleet = fleet.New(client, l.engine.Rules, o, func(f *finding.Finding) { l.queue <- &seen{found: f} })
	return m, nil
}

// Destruct implements caddy.Destructor: what waits is sent or kept.
func (m *member) Destruct() error {
	m.fleet.Close()
	_, err := m.spool.Close()
	return err
}

func addresses(client redis.UniversalClient) string {
	switch c := client.(type) {
	case *redis.Client:
		return c.Options().Addr + "/" + fmt.Sprint(c.Options().DB)
	case *redis.ClusterClient:
		return strings.Join(c.Options().Addrs, ",")
	}
	return ""
}

// tellFleet says that Redis went away, or is back.
func tellFleet(bus *event.Bus, logger *zap.Logger, err error) {
	if err != nil {
		logger.Warn("monitoring: Redis is away: this gateway counts for itself, and keeps what is to be counted together", zap.Error(err))
		bus.Emit(&event.Event{Category: "process", Action: "fleet-apart", Outcome: event.Failure, Reason: "Redis is away: each gateway counts for itself"})
		return
	}
	logger.Info("monitoring: Redis is back, what waited is counted together")
	bus.Emit(&event.Event{Category: "process", Action: "fleet-together", Outcome: event.Success})
}

// count has correlations counted by the fleet of the configuration in force, within its bounds.
func (l *live) count(a *App) {
	l.engine.Windows().Limit(a.Windows.memory(), ownLateness)
	if a.limits != nil {
		a.limits()
	}
	l.fleet.Store(a.member)
}

// route has the fleet count hits of correlations, where there is one.
func (l *live) route(h *correlate.Hit) bool {
	m := l.fleet.Load()
	return m != nil && m.fleet.Route(h)
}

// tellOwn tells what this gateway found alone.
func (l *live) tellOwn(f *finding.Finding) {
	if m := l.fleet.Load(); m != nil {
		m.fleet.Told(f)
	}
	l.tell(f)
}
