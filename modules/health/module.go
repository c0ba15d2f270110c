package health

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	_ "github.com/convosphere/gateway/modules/internal/order" // where gw_health stands
)

func init() {
	caddy.RegisterModule(Handler{})
	httpcaddyfile.RegisterHandlerDirective("gw_health", parse)
}

// Handler is http.handlers.gw_health.
type Handler struct {
	// Where it is told whether the process is alive. Default: /healthz.
	Live string `json:"live,omitempty"`

	// Where it is told whether requests should come here. Default: /readyz.
	Ready string `json:"ready,omitempty"`

	// Parts that must be well for readiness: one that is degraded by design is not ready, then, either. Default: none.
	Require []string `json:"require,omitempty"`

	// Everybody who asks learns how each part is, not only who asks from this machine. Default: false.
	Details bool `json:"details,omitempty"`

	ground *ground.Ground // nil: no gateway app
}

// CaddyModule returns the module's information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_health", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the parts.
func (h *Handler) Provision(ctx caddy.Context) error {
	if h.Live == "" {
		h.Live = "/healthz"
	}
	if h.Ready == "" {
		h.Ready = "/readyz"
	}
	g, err := host.Ground(ctx)
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil // alive or not, and shutting down or not, it can tell
	}
	if err != nil {
		return fmt.Errorf("gw_health: %w", err)
	}
	h.ground = g
	return nil
}

var partName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Validate refuses what can't be.
func (h *Handler) Validate() error {
	for _, path := range []string{h.Live, h.Ready} {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "*?# ") {
			return fmt.Errorf("gw_health: %q is no path: write one as /healthz", path)
		}
	}
	if h.Live == h.Ready {
		return fmt.Errorf("gw_health: both answers at %s", h.Live)
	}
	if len(h.Require) > 0 && h.ground == nil {
		return errors.New("gw_health: require needs the global option `gateway`, which has the parts")
	}
	for _, part := range h.Require {
		if !partName.MatchString(part) {
			return fmt.Errorf("gw_health: require: %q is no name of a part: `convosphere health` lists them", part)
		}
	}
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
