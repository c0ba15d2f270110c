package client

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	_ "github.com/convosphere/gateway/modules/internal/order" // where gw_client stands on the path
)

// Defaults of the limits.
const (
	defaultMaxBody        = 10 << 20
	defaultMaxURL         = 8 << 10
	defaultMaxHeaders     = 100
	defaultMaxHeaderBytes = 32 << 10
)

// Handler is gw_client.
type Handler struct {
	// Strip names further headers that only the gateway may set; a trailing * makes a prefix. Those that names.go lists
	// are always stripped.
	Strip []string `json:"strip,omitempty"`
	// MaxBody is the largest request body in bytes. Default: 10 MiB.
	MaxBody int64 `json:"max_body,omitempty"`
	// MaxURL is the longest request target in bytes. Default: 8 KiB.
	MaxURL int `json:"max_url,omitempty"`
	// MaxHeaders is how many header fields a request may have. Default: 100.
	MaxHeaders int `json:"max_headers,omitempty"`
	// MaxHeaderBytes is how many bytes their names and values may have together. Default: 32 KiB.
	MaxHeaderBytes int `json:"max_header_bytes,omitempty"`
	// Trailers names the request trailers that reach the back end, where they were announced. Default: none.
	Trailers []string `json:"trailers,omitempty"`

	names  names
	ground *ground.Ground // nil where no gateway app is configured: then no event is written
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_client", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets the defaults and finds the ground.
func (h *Handler) Provision(ctx caddy.Context) error {
	host.KeepConn(ctx)
	setDefault(&h.MaxBody, defaultMaxBody)
	setDefault(&h.MaxURL, defaultMaxURL)
	setDefault(&h.MaxHeaders, defaultMaxHeaders)
	setDefault(&h.MaxHeaderBytes, defaultMaxHeaderBytes)
	h.names = newNames(h.Strip)
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return fmt.Errorf("gw_client: %w", err)
	}
	g, err := host.Ground(ctx)
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("gw_client: %w", err)
	}
	h.ground = g
	return nil
}

func setDefault[T int | int64](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// Validate refuses limits that would refuse everything, and names that can't be headers.
func (h *Handler) Validate() error {
	if h.MaxBody < 0 || h.MaxURL < 0 || h.MaxHeaders < 0 || h.MaxHeaderBytes < 0 {
		return errors.New("gw_client: a limit is negative")
	}
	for _, name := range h.Strip {
		if !validPattern(name) {
			return fmt.Errorf("gw_client: strip: %q is not a header name, nor one with a * at its end", name)
		}
	}
	for _, name := range h.Trailers {
		if !validTrailer(name) || h.names.claim(name) != claimNothing {
			return fmt.Errorf("gw_client: trailers: %q can't be a trailer", name)
		}
	}
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
