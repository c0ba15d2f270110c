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
	defaultTimeout = 20 * time.Millisecond
	maxZones       = 32
)

// Handler limits requests, socket messages and open sockets.
type Handler struct {
	// The zones. Default ones apply beside them: login, login-user, mfa, passkey, register, provider, account, refresh, oauth, client, user, messages.
	Zones []*Zone `json:"zones,omitempty"`

	// Leaves the default zones out.
	NoDefaults bool `json:"no_defaults,omitempty"`

	// Whom no zone counts, and whose sockets are not counted either.
	Exempt *Exempt `json:"exempt,omitempty"`

	// How addresses are counted together where a zone's key says client; default 32 bits of IPv4, 64 of IPv6.
	ClientPrefix *Prefix `json:"client_prefix,omitempty"`

	// How many WebSockets one client may have open, on all processes that share a Redis; default 100, below 0: any number.
	Sockets int `json:"sockets,omitempty"`

	// How many messages of a socket that are over its limit are dropped in a minute, each with a warning to the client, before the socket closes; default
	// 5, below 0: it closes at the first.
	Warn int `json:"warn,omitempty"`

	// How long Redis may take to answer; default 20ms.
	StoreTimeout caddy.Duration `json:"store_timeout,omitempty"`

	// The guard of the node itself; on by default.
	Shed *Shed `json:"shed,omitempty"`

	// What clients have to do whose score asks for it; on by default.
	Challenge *Challenge `json:"challenge,omitempty"`

	requests   []*Zone  // compiled
	messages   []*Zone  // compiled
	handshakes []*Zone  // compiled: what counts open sockets
	specs      [][]part // the distinct keys of all zones
	prefix     Prefix
	tiered     bool // something depends on the tier of who is asking
	tierNames  map[string]bool
	sized      bool // messages are charged by their size

	ground   *ground.Ground // nil: no gateway app
	state    *state
	limiter  *limit.Limiter
	logger   *zap.Logger
	acquired bool
	letGo    func() // of the ground; nil: there is none
	shed     *guard // nil: nobody is refused for the node's sake
	guardKey string

	gatekeeper *gatekeeper // nil: nobody is challenged
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
	if h.Warn == 0 {
		h.Warn = defaultWarn
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
	h.warn()
	if err := h.openGate(); err != nil {
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
		o.Changed, o.Tokens = h.modeChanged, observeTokens
		h.letGo = h.ground.Hold() // Close has last words for Redis
	}
	h.limiter = limit.NewLimiter(s.limits, o)
	setAvailable(!h.limiter.Lost())
	s.registry.add(h)
	if h.ground != nil {
		h.ground.Views.Add(limitsView())
	}
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
		if z.Name == socketsZone {
			return fmt.Errorf("zone %s: that is what the setting %s counts", z.Name, z.Name)
		}
	}
	if h.Sockets > 0 {
		zones = append(zones, socketZone(int64(h.Sockets)))
	}
	h.prefix = defaultPrefix
	if h.ClientPrefix != nil {
		h.prefix = *h.ClientPrefix
	}
	if err := errors.Join(h.prefix.validate(), h.Exempt.compile()); err != nil {
		return err
	}
	h.tiered = h.Exempt.tiered()
	for _, z := range zones {
		if err := z.compile(h.prefix); err != nil {
			return err
		}
		h.add(z)
	}
	h.nameTiers(zones)
	return nil
}

// add puts a compiled zone where requests find it.
func (h *Handler) add(z *Zone) {
	z.spec = len(h.specs)
	if !has(z.key, byRoute) { // else what is counted is the zone's own
		if i := slices.IndexFunc(h.specs, func(s []part) bool { return slices.EqualFunc(s, z.key, part.same) }); i >= 0 {
			z.spec = i
		}
	}
	if z.spec == len(h.specs) {
		h.specs = append(h.specs, z.key)
	}
	h.tiered = h.tiered || len(z.Tiers) > 0 || z.Exempt.tiered() || has(z.key, byTier)
	switch {
	case z.Name == socketsZone:
		h.handshakes = append(h.handshakes, z)
	case z.Messages:
		h.sized = h.sized || z.Cost.bySize()
		h.messages = append(h.messages, z)
	default:
		h.requests = append(h.requests, z)
	}
}

// clone is the configuration alone, of which compile may change what it likes.
func (h *Handler) clone() *Handler {
	c := &Handler{NoDefaults: h.NoDefaults, Exempt: h.Exempt, ClientPrefix: h.ClientPrefix, Sockets: h.Sockets}
	for _, z := range h.Zones {
		zone := *z
		c.Zones = append(c.Zones, &zone)
	}
	return c
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

// warn says which zones count by what nobody tells here, and which will surprise whoever wrote them.
func (h *Handler) warn() {
	places := h.ground != nil && h.ground.Places != nil
	for _, z := range slices.Concat(h.requests, h.messages, h.handshakes) {
		if burst := z.limit.Limit.Burst; burst > 0 && z.Cost.of(0) > burst {
			h.logger.Warn("a request costs more than the zone's burst, so that it admits none but those of a tier with a larger one: raise burst, or lower cost",
				zap.String("zone", z.Name), zap.Int64("cost", z.Cost.of(0)), zap.Int64("burst", burst))
		}
		if has(z.key, byCountry) && !places {
			h.logger.Warn("the zone counts by country, but the gateway has no country file: it counts by client", zap.String("zone", z.Name))
		}
	}
}

// Cleanup lets go of the counters, if this configuration had them.
func (h *Handler) Cleanup() error {
	if !h.acquired {
		return nil
	}
	h.state.registry.remove(h)
	if h.limiter != nil {
		h.limiter.Close()
	}
	if h.letGo != nil {
		h.letGo()
	}
	return errors.Join(h.releaseGuard(), release())
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
