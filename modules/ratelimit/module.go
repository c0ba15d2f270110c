package ratelimit

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	_ "github.com/convosphere/gateway/modules/internal/order" // the place of gw_rate_limit on the path
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

func init() { caddy.RegisterModule(Handler{}) }

const (
	defaultSockets = 100
	defaultTimeout = 50 * time.Millisecond
	maxZones       = 32
)

// Handler limits requests, socket messages and open sockets.
type Handler struct {
	// The zones. Default ones apply beside them: login, mfa, passkey, register, provider, account, refresh, oauth, client, user, messages.
	Zones []*Zone `json:"zones,omitempty"`

	// Leaves the default zones out.
	NoDefaults bool `json:"no_defaults,omitempty"`

	// How many WebSockets one client may have open on this process; default 100, below 0: any number.
	Sockets int `json:"sockets,omitempty"`

	// How long Redis may take to answer; default 50ms.
	StoreTimeout caddy.Duration `json:"store_timeout,omitempty"`

	// The guard of the node itself; on by default.
	Shed *Shed `json:"shed,omitempty"`

	requests []*Zone    // compiled
	messages []*Zone    // compiled
	specs    [][]string // the distinct keys of all zones
	tiered   bool       // a zone has limits of tiers

	ground   *ground.Ground // nil: no gateway app
	state    *state
	limiter  *limit.Limiter
	logger   *zap.Logger
	acquired bool
	shed     *guard // nil: nobody is refused for the node's sake
	guardKey string
}

// CaddyModule implements caddy.Module.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_rate_limit", New: func() caddy.Module { return new(Handler) }}
}

// Provision compiles the zones and finds where to count.
func (h *Handler) Provision(ctx caddy.Context) error {
	host.KeepConn(ctx)
	h.logger = ctx.Logger()
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	if h.Sockets == 0 {
		h.Sockets = defaultSockets
	}
	if h.StoreTimeout == 0 {
		h.StoreTimeout = caddy.Duration(defaultTimeout)
	}
	if h.StoreTimeout < 0 {
		return errors.New("store_timeout can't be negative")
	}
	if err := h.compile(); err != nil {
		return err
	}
	if err := h.findGround(ctx); err != nil {
		return err
	}
	s, err := acquire()
	if err != nil {
		return err
	}
	h.state, h.acquired = s, true
	if err := h.acquireGuard(); err != nil {
		return err
	}
	o := limit.Options{Timeout: time.Duration(h.StoreTimeout), Observe: observeStore}
	if h.ground != nil {
		o.Redis = h.ground.Store.Redis() // nil where the store is memory
	}
	h.limiter = limit.NewLimiter(s.limits, o)
	return nil
}

func (h *Handler) compile() error {
	var base []*Zone
	if !h.NoDefaults {
		base = defaults()
	}
	zones, err := merge(base, h.Zones)
	if err != nil {
		return err
	}
	if len(zones) > maxZones {
		return fmt.Errorf("%d zones are more than %d", len(zones), maxZones)
	}
	for _, z := range zones {
		if err := z.compile(); err != nil {
			return err
		}
		z.spec = slices.IndexFunc(h.specs, func(s []string) bool { return slices.Equal(s, z.Key) })
		if z.spec < 0 {
			z.spec = len(h.specs)
			h.specs = append(h.specs, z.Key)
		}
		h.tiered = h.tiered || len(z.Tiers) > 0
		if z.Messages {
			h.messages = append(h.messages, z)
		} else {
			h.requests = append(h.requests, z)
		}
	}
	return nil
}

func (h *Handler) findGround(ctx caddy.Context) error {
	g, err := host.Ground(ctx)
	if errors.Is(err, caddy.ErrNotConfigured) {
		h.logger.Warn("no gateway app is configured: limits are counted in this process alone")
		return nil
	}
	if err != nil {
		return err
	}
	h.ground = g
	return nil
}

// Cleanup lets go of the counters, if this configuration had them.
func (h *Handler) Cleanup() error {
	if !h.acquired {
		return nil
	}
	return errors.Join(h.releaseGuard(), release())
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
