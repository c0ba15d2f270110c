package upload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	_ "github.com/convosphere/gateway/modules/internal/order" // the place of gw_upload on the path
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/upload/quarantine"
	"github.com/convosphere/gateway/modules/upload/spool"
)

func init() { caddy.RegisterModule(Handler{}) }

// Modes of the handler.
const (
	Block  = "block"  // refuse what must not be uploaded
	Report = "report" // record it, pass it on
	Off    = "off"    // look at nothing
)

// Which messages on sockets are looked at.
const (
	Binary = "binary" // those that are no text
	All    = "all"    // texts too, by the scanner alone
)

const defaultBodyTimeout = 30 * time.Second

// Handler looks at uploads.
type Handler struct {
	// What happens to what must not be uploaded: "block" (default), "report" or "off".
	Mode string `json:"mode,omitempty"`

	Rules

	// Other rules at some routes.
	Routes []*Route `json:"routes,omitempty"`

	// Which messages of clients are looked at: "binary" (default), "all" or "off".
	Sockets string `json:"sockets,omitempty"`

	// How long a client may take to send a body; default 30s. Each 32 KiB that arrive give it one more second.
	BodyTimeout caddy.Duration `json:"body_timeout,omitempty"`

	// Where uploads wait while they are looked at.
	Spool *Spool `json:"spool,omitempty"`

	// The ClamAV that scans files. Default: none.
	Scanner *Scanner `json:"scanner,omitempty"`

	// What is kept of what is refused. Default: nothing. Needs the app gateway.
	Quarantine *Quarantine `json:"quarantine,omitempty"`

	rules   *rule // where no route is
	router  route.Router[*rule]
	ground  *ground.Ground // nil: no app gateway
	spool   *spool.Store
	scanner *scanner         // nil: none
	book    *quarantine.Book // nil: no app gateway
	logger  *zap.Logger
	release []func() error
}

// Route has rules of its own.
type Route struct {
	// GET, POST …; none: all.
	Methods []string `json:"methods,omitempty"`
	// As /api/rooms/{room}/files; {rest...} at the end is any number of segments.
	Path string `json:"path"`
	// Every body here is a file, whatever it is declared as.
	Raw bool `json:"raw,omitempty"`
	// Nothing here is looked at.
	Off bool `json:"off,omitempty"`

	Rules
}

// Spool is where uploads wait.
type Spool struct {
	// Bytes of disk that all of them may take; default 4 GiB. Those of one client may take half of it.
	Quota int64 `json:"quota,omitempty"`
	// Bytes of the disk that stay free; default 512 MiB.
	Free int64 `json:"free,omitempty"`
}

// CaddyModule implements caddy.Module.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_upload", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets the defaults and opens what uploads need.
func (h *Handler) Provision(ctx caddy.Context) error {
	host.KeepConn(ctx)
	h.logger = ctx.Logger()
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	if err := h.settle(); err != nil {
		return fmt.Errorf("gw_upload: %w", err)
	}
	if h.Mode == Off {
		return nil
	}
	if err := h.open(ctx); err != nil {
		return fmt.Errorf("gw_upload: %w", err)
	}
	return h.compile()
}

func (h *Handler) open(ctx caddy.Context) error {
	g, err := host.Ground(ctx)
	dir := filepath.Join(caddy.AppDataDir(), "convosphere")
	switch {
	case err == nil:
		h.ground, dir = g, g.DataDir
	case !errors.Is(err, caddy.ErrNotConfigured):
		return err
	case h.Quarantine != nil:
		return fmt.Errorf("quarantine: %w", err)
	}
	if err := h.openSpool(filepath.Join(dir, "uploads")); err != nil {
		return err
	}
	if err := h.openScanner(ctx); err != nil {
		return err
	}
	return h.openQuarantine(ctx)
}

// settle sets the defaults and checks what can be checked without opening anything.
func (h *Handler) settle() error {
	if h.Mode == "" {
		h.Mode = Block
	}
	if h.Sockets == "" {
		h.Sockets = Binary
	}
	if h.BodyTimeout == 0 {
		h.BodyTimeout = caddy.Duration(defaultBodyTimeout)
	}
	switch {
	case !slices.Contains([]string{Block, Report, Off}, h.Mode):
		return fmt.Errorf("mode %q: it is block, report or off", h.Mode)
	case !slices.Contains([]string{Binary, All, Off}, h.Sockets):
		return fmt.Errorf("sockets %q: it is binary, all or off", h.Sockets)
	case h.BodyTimeout < 0:
		return fmt.Errorf("body_timeout %s: it can't be negative", time.Duration(h.BodyTimeout))
	}
	if s := h.Spool; s != nil && (s.Quota < 0 || s.Free < 0 || s.Quota > 0 && s.Quota < leastQuota) {
		return errors.New("spool: the quota is at least 1 MiB, and what stays free not negative")
	}
	return errors.Join(h.Rules.over(defaults).validate(), h.Scanner.validate(), h.Quarantine.validate(), h.routes())
}

const leastQuota = 1 << 20

// routes checks the routes: their rules stand over the handler's.
func (h *Handler) routes() error {
	base, seen := h.Rules.over(defaults), new(route.Router[bool])
	if err := h.holds(base); err != nil {
		return err
	}
	for _, r := range h.Routes {
		p, err := r.pattern()
		if err == nil && r.Off && r.Raw {
			err = errors.New("it is raw and off at once")
		}
		if err == nil {
			err = r.Rules.over(base).validate()
		}
		if err == nil {
			err = h.holds(r.Rules.over(base))
		}
		if err == nil {
			err = each(r.Methods, func(m string) error { return seen.Add(m, p, r.Path, true) })
		}
		if err != nil {
			return fmt.Errorf("route %s: %w", r.Path, err)
		}
	}
	return nil
}

// holds refuses a size for which there will never be room.
func (h *Handler) holds(r Rules) error {
	quota := int64(spool.DefaultQuota)
	if h.Spool != nil {
		quota = cmp.Or(h.Spool.Quota, quota)
	}
	if h.Mode != Off && !spool.Holds(quota, r.MaxSize) {
		return fmt.Errorf("max_size %d: one client's uploads may take half of the spool's quota, which is %d: raise it (spool { quota … })", r.MaxSize, quota)
	}
	return nil
}

func (r *Route) pattern() (*route.Pattern, error) {
	if err := route.CheckMethods(r.Methods); err != nil {
		return nil, err
	}
	return route.ParsePattern(r.Path)
}

// each calls f with every method, with "" where there is none: that is all.
func each(methods []string, f func(string) error) error {
	if len(methods) == 0 {
		return f("")
	}
	for _, m := range methods {
		if err := f(m); err != nil {
			return err
		}
	}
	return nil
}

// compile makes the checkers of the handler's rules and of the routes'.
func (h *Handler) compile() (err error) {
	base := h.Rules.over(defaults)
	if h.rules, err = h.rule(base); err != nil {
		return err
	}
	for _, r := range h.Routes {
		p, err := r.pattern()
		if err != nil {
			return err
		}
		compiled, err := h.rule(r.Rules.over(base))
		if err != nil {
			return err
		}
		compiled.raw, compiled.off = r.Raw, r.Off
		if err := each(r.Methods, func(m string) error { return h.router.Add(m, p, r.Path, compiled) }); err != nil {
			return err
		}
	}
	return nil
}

// stores are shared by the configurations, in turn, that spool into one folder: a reload forgets nothing of what is on disk.
var stores = caddy.NewUsagePool()

type storeKey struct {
	dir string
	Spool
}

type pooledStore struct{ *spool.Store }

// Destruct implements caddy.Destructor: there is nothing to close.
func (pooledStore) Destruct() error { return nil }

func (h *Handler) openSpool(dir string) error {
	key := storeKey{dir: dir}
	if h.Spool != nil {
		key.Spool = *h.Spool
	}
	v, _, err := stores.LoadOrNew(key, func() (caddy.Destructor, error) {
		s, err := spool.Open(spool.Options{Dir: dir, Quota: key.Quota, Free: key.Free})
		return pooledStore{s}, err
	})
	if err != nil {
		return err
	}
	h.spool = v.(pooledStore).Store
	h.release = append(h.release, func() error {
		_, err := stores.Delete(key)
		return err
	})
	return nil
}

// Cleanup gives back what Provision took, the last first.
func (h *Handler) Cleanup() error {
	var failed error
	for _, f := range slices.Backward(h.release) {
		failed = errors.Join(failed, f())
	}
	h.release = nil
	return failed
}

// words writes a list for people.
func words(list []string) string { return strings.Join(list, ", ") }

// background is the context of what outlives a request, which has so long.
func background(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
