package authorize

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	_ "github.com/convosphere/gateway/modules/internal/order"
	"github.com/convosphere/gateway/modules/policy/classify"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

func init() { caddy.RegisterModule(Handler{}) }

// Handler asks the policy about every request, socket handshake and socket message, tells the back end who the user is, and
// learns grants from the back end's answers.
type Handler struct {
	// Who the assertion is for: the back end's name for itself. Default: "backend".
	Audience string `json:"audience,omitempty"`

	// Who the assertion is from. Default: "gateway".
	Issuer string `json:"issuer,omitempty"`

	// The most bytes of an answer that is held back, to be filtered or because it changes grants. Default: 8 MiB.
	MaxAnswer int64 `json:"max_answer,omitempty"`

	// How much memory the bodies may take together that policies are asked about, and socket messages of many values. What finds no room is 503, and
	// closes a socket with 1013. Default: 64 MiB.
	BodyMemory int64 `json:"body_memory,omitempty"`

	// What requests need. A path that is not listed needs somebody signed in (app:read, app:write).
	Routes []Route `json:"routes,omitempty"`

	// What WebSockets need.
	Sockets []Socket `json:"sockets,omitempty"`

	// Further in gw_protect encrypts, so that what asks for that may pass. Without it, it is refused.
	Protected bool `json:"protected,omitempty"`

	ground    *ground.Ground
	policy    policy
	router    *router
	bodies    bodies
	incidents *incidents
	masks     *masks
	patrol    *patrol
	asserter  *asserter
	logger    *zap.Logger
	now       func() time.Time
}

// policy is what the handler needs of the app gw_policy.
type policy interface {
	Decide(context.Context, *engine.Input) engine.Decision
	// Filter decides a list: what it returns is called for each element, and when the list is over.
	Filter(context.Context, *engine.Input) (decide func(context.Context, *engine.Input) engine.Decision, end func())
	// IDs lists objects of a type: whether all are allowed, or else which, and whether there may be more.
	IDs(ctx context.Context, in *engine.Input, limit int) (ids []string, all, more bool, err error)
	Apply(ctx context.Context, add, remove []grant.Grant, first ...grant.Grant) error
	Stamp(objects ...string) uint64
	// Fields says what the fields of requests, answers and messages are.
	Fields() *classify.Table
	Revision() string
}

// defaultMaxAnswer is far above what a list for people holds, and bounds memory.
const defaultMaxAnswer = 8 << 20

// CaddyModule returns the module's information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_authorize", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the apps and compiles the routes.
func (h *Handler) Provision(ctx caddy.Context) error {
	host.KeepConn(ctx)
	g, err := host.Ground(ctx)
	if err != nil {
		return fmt.Errorf("gw_authorize: %w", err)
	}
	p, err := host.App[policy](ctx, "gw_policy")
	if err != nil {
		return fmt.Errorf("gw_authorize: %w", err)
	}
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	if err := h.setup(g, p, ctx.Logger(), time.Now); err != nil {
		return err
	}
	if e, ok := p.(explainer); ok {
		e.OnExplain(h.Audience, h.explain)
	}
	return nil
}

// setup is Provision without Caddy.
func (h *Handler) setup(g *ground.Ground, p policy, logger *zap.Logger, now func() time.Time) (err error) {
	if h.Audience == "" {
		h.Audience = "backend"
	}
	if h.Issuer == "" {
		h.Issuer = "gateway"
	}
	if h.MaxAnswer == 0 {
		h.MaxAnswer = defaultMaxAnswer
	}
	if h.MaxAnswer < 0 {
		return fmt.Errorf("gw_authorize: max_answer must not be negative")
	}
	if h.BodyMemory == 0 {
		h.BodyMemory = defaultBodyMemory
	}
	if h.BodyMemory < largestBody {
		return fmt.Errorf("gw_authorize: body_memory must be at least %d bytes", largestBody)
	}
	h.bodies = newBodies(h.BodyMemory)
	if h.router, err = compileRoutes(h.Routes, h.Sockets); err != nil {
		return fmt.Errorf("gw_authorize: %w", err)
	}
	h.ground, h.policy, h.logger, h.now = g, p, logger, now
	h.incidents, h.patrol = &incidents{}, newPatrol(patrolEvery)
	h.masks = &masks{key: sync.OnceValue(func() []byte { return g.Keys.Derive("masks of answers") })}
	h.asserter = &asserter{issuer: h.Issuer, audience: h.Audience, signer: g.Keys.Signer, now: now}
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
