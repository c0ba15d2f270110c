package audit

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	_ "github.com/convosphere/gateway/modules/internal/order" // where gw_audit stands
)

func init() {
	caddy.RegisterModule(Handler{})
	httpcaddyfile.RegisterHandlerDirective("gw_audit", parse)
}

// Handler is http.handlers.gw_audit. It has no options.
type Handler struct {
	ground *ground.Ground // nil: no gateway app
	logger *zap.Logger
}

// CaddyModule returns the module's information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_audit", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds where events go.
func (h *Handler) Provision(ctx caddy.Context) error {
	host.KeepConn(ctx)
	h.logger = ctx.Logger()
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	g, err := host.Ground(ctx)
	if errors.Is(err, caddy.ErrNotConfigured) {
		h.logger.Warn("no gateway app is configured: security events go to this log and not to a file of their own")
		return nil
	}
	if err != nil {
		return fmt.Errorf("gw_audit: %w", err)
	}
	h.ground = g
	return nil
}

// emit hands the event over; it never waits.
func (h *Handler) emit(e *event.Event) {
	if h.ground != nil {
		h.ground.Events.Emit(e)
		return
	}
	h.logger.Info("event", zap.Inline(e))
}

func parse(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	a := new(Handler)
	return a, a.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	gw_audit
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the directive's name
	if d.NextArg() {
		return d.ArgErr()
	}
	for d.NextBlock(0) {
		return d.Errf("unknown subdirective %q: gw_audit has none", d.Val())
	}
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
