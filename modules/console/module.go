package console

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"regexp"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	_ "github.com/convosphere/gateway/modules/internal/order" // where gw_console stands on the path
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/policy/engine"
)

const (
	defaultPath    = "/console/"
	defaultBrand   = "ConvoSphere"
	defaultStreams = 64
	defaultEach    = 4
	mostStreams    = 10_000
	defaultTimeout = 10 * time.Second
)

// policies is what it asks of the app gw_policy.
type policies interface {
	Decide(ctx context.Context, in *engine.Input) engine.Decision
}

// sessions is what it asks of the app gw_identity, for streams that may outlive a session.
type sessions interface {
	Watch(sid string, f func(reason string)) (cancel func())
	Deadline(ctx context.Context, sid string) (time.Time, error)
}

// Handler is gw_console.
type Handler struct {
	// Path is what it answers below. Default: /console/
	Path string `json:"path,omitempty"`
	// Brand is the name that the pages show. Default: ConvoSphere.
	Brand string `json:"brand,omitempty"`
	// From are the networks it is there for: all others get 404. Default: everywhere.
	From []string `json:"from,omitempty"`
	// Streams is how many live tables may be open at once; default 64. StreamsEach is how many of one person; default 4.
	Streams     int `json:"streams,omitempty"`
	StreamsEach int `json:"streams_each,omitempty"`
	// Export is the most rows of one export; default, and at most, 100,000.
	Export int `json:"export,omitempty"`
	// Timeout is how long a view may take to answer. Default: 10s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	from     []netip.Prefix
	pages    *template.Template
	policy   policies
	sessions sessions
	csrf     *http.CrossOriginProtection
	ground   *ground.Ground
	logger   *zap.Logger
	open     *streams

	beat, recheck time.Duration // of streams
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_console", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets the defaults and finds the apps.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	h.setDefaults()
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return fmt.Errorf("gw_console: %w", err)
	}
	if err := h.resolve(ctx); err != nil {
		return fmt.Errorf("gw_console: %w", err)
	}
	return h.prepare()
}

func (h *Handler) setDefaults() {
	h.csrf = http.NewCrossOriginProtection()
	if h.Path == "" {
		h.Path = defaultPath
	}
	if h.Brand == "" {
		h.Brand = defaultBrand
	}
	if h.Streams == 0 {
		h.Streams = defaultStreams
	}
	if h.StreamsEach == 0 {
		h.StreamsEach = min(defaultEach, h.Streams)
	}
	if h.Export == 0 {
		h.Export = view.MostExport
	}
	if h.Timeout == 0 {
		h.Timeout = caddy.Duration(defaultTimeout)
	}
}

// prepare makes what the settings say.
func (h *Handler) prepare() (err error) {
	if h.from, err = parseFrom(h.From); err != nil {
		return fmt.Errorf("gw_console: %w", err)
	}
	h.open = newStreams(h.Streams, h.StreamsEach)
	h.beat, h.recheck = beatEvery, recheckEvery
	h.ground.Views.Add(healthView(h.ground))
	if h.pages, err = parsePages(h.Path); err != nil {
		return fmt.Errorf("gw_console: %w", err)
	}
	return nil
}

func (h *Handler) resolve(ctx caddy.Context) (err error) {
	if h.ground, err = host.Ground(ctx); err != nil {
		return err
	}
	if h.sessions, err = host.App[sessions](ctx, "gw_identity"); err != nil {
		return err
	}
	h.policy, err = host.App[policies](ctx, "gw_policy")
	return err
}

var isPath = regexp.MustCompile(`^/([A-Za-z0-9_-]+/)+$`)

// Validate refuses what can't be.
func (h *Handler) Validate() error {
	switch {
	case !isPath.MatchString(h.Path):
		return fmt.Errorf("gw_console: path: %q is not like /console/", h.Path)
	case h.Path == "/auth/":
		return errors.New("gw_console: path: /auth/ is the portal's")
	case h.Streams < 1 || h.Streams > mostStreams || h.StreamsEach < 1 || h.StreamsEach > h.Streams:
		return fmt.Errorf("gw_console: streams: %d, %d of each: they are 1 to %d, and not more of one person than in all", h.Streams, h.StreamsEach, mostStreams)
	case h.Export < 1 || h.Export > view.MostExport:
		return fmt.Errorf("gw_console: export: %d: it is 1 to %d rows", h.Export, view.MostExport)
	case h.Timeout < caddy.Duration(time.Second) || h.Timeout > caddy.Duration(time.Minute):
		return fmt.Errorf("gw_console: timeout: %s: it is 1s to 1m", time.Duration(h.Timeout))
	}
	return nil
}

// Cleanup ends the streams: those who watch ask again, and get the new configuration's.
func (h *Handler) Cleanup() error {
	if h.open != nil { // else it was never prepared
		h.open.end()
	}
	return nil
}

func parseFrom(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, aerr := netip.ParseAddr(s)
			if aerr != nil {
				return nil, fmt.Errorf("from: %q is neither an address nor a prefix", s)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
