package protect

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	_ "github.com/convosphere/gateway/modules/internal/order" // the place of gw_protect on the path
	"github.com/convosphere/gateway/modules/protect/output"
)

func init() { caddy.RegisterModule(Handler{}) }

// Handler encrypts and decrypts fields.
type Handler struct {
	// What is encrypted on requests for a path.
	Routes []Route `json:"routes,omitempty"`

	// What is encrypted in messages of sockets.
	Sockets []Socket `json:"sockets,omitempty"`

	// Where whole bodies are encrypted.
	Files []File `json:"files,omitempty"`

	// The most bytes of a body in which fields are encrypted. Default: 1 MiB.
	MaxBody int64 `json:"max_body,omitempty"`

	// The most bytes of an answer that is held back to be decrypted whole. Of a longer one that is a list, each element is. Default: 8 MiB.
	MaxAnswer int64 `json:"max_answer,omitempty"`

	// What becomes of a field in an answer that is no token though it should be: "refuse" (default), 502, or "pass", for what was stored before
	// it was encrypted.
	Plain string `json:"plain,omitempty"`

	// What is done with every answer, and with messages of the back end.
	Output output.Options `json:"output,omitzero"`

	// What is looked for in them.
	Detect []output.Rule `json:"detect,omitempty"`

	output  *output.Filter
	told    *told
	ground  *ground.Ground // nil where nothing is encrypted and there is no gateway app
	sets    sets
	planner *planner
	router  *router
	sockets *channels
	files   *files
	minted  []string // headers that no client may send, folded
	minter  *minter
	room    *gate.Gate // that bodies take while they are worked on
	answers *gate.Gate // that answers take while they are decrypted
	logger  *zap.Logger
}

// What becomes of a field that is no token.
const (
	PlainRefuse = "refuse"
	PlainPass   = "pass"
)

const (
	defaultMaxBody   = 1 << 20
	defaultMaxAnswer = 8 << 20
	largest          = 64 << 20
)

// CaddyModule returns the module's information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_protect", New: func() caddy.Module { return new(Handler) }}
}

// Provision finds the keys and the table of classes, and compiles the routes.
func (h *Handler) Provision(ctx caddy.Context) error {
	host.KeepConn(ctx)
	h.logger = ctx.Logger()
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	g, err := host.Ground(ctx)
	if err != nil && (h.needsKeys() || !errors.Is(err, caddy.ErrNotConfigured)) {
		return fmt.Errorf("gw_protect: %w", err)
	}
	var keys sets
	var classes classifier
	if g != nil {
		if g.DataKeys != nil {
			keys = g.DataKeys
		}
		if classes, err = host.App[classifier](ctx, "gw_policy"); err != nil && !errors.Is(err, caddy.ErrNotConfigured) {
			return fmt.Errorf("gw_protect: %w", err)
		}
	}
	return h.setup(g, keys, classes)
}

// setup is what Provision does without Caddy.
func (h *Handler) setup(g *ground.Ground, keys sets, classes classifier) (err error) {
	h.ground, h.sets, h.planner = g, keys, &planner{classes: classes}
	h.minter, h.room, h.answers = newMinter(time.Now), newRoom(), newRoom()
	h.defaults()
	if err := h.Validate(); err != nil {
		return err
	}
	h.told = &told{now: time.Now}
	if h.output, err = output.New(h.Output, h.Detect, h.tellOutput); err != nil {
		return fmt.Errorf("gw_protect: %w", err)
	}
	if h.router, err = compileRoutes(h.Routes); err != nil {
		return fmt.Errorf("gw_protect: %w", err)
	}
	if h.sockets, err = compileSockets(h.Sockets); err != nil {
		return fmt.Errorf("gw_protect: %w", err)
	}
	if h.files, err = compileFiles(h.Files); err != nil {
		return fmt.Errorf("gw_protect: %w", err)
	}
	h.minted = minted(h.Files)
	return nil
}

// needsKeys tells whether the configuration encrypts anything by itself.
func (h *Handler) needsKeys() bool { return len(h.Routes)+len(h.Sockets)+len(h.Files) > 0 }

func (h *Handler) defaults() {
	if h.MaxBody == 0 {
		h.MaxBody = defaultMaxBody
	}
	if h.MaxAnswer == 0 {
		h.MaxAnswer = defaultMaxAnswer
	}
	if h.Plain == "" {
		h.Plain = PlainRefuse
	}
}

// Validate implements caddy.Validator.
func (h *Handler) Validate() error {
	for name, n := range map[string]int64{"max_body": h.MaxBody, "max_answer": h.MaxAnswer} {
		if n < 1 || n > largest {
			return fmt.Errorf("gw_protect: %s is from 1 byte to %d", name, largest)
		}
	}
	if h.Plain != PlainRefuse && h.Plain != PlainPass {
		return fmt.Errorf("gw_protect: plain is %s or %s, not %q", PlainRefuse, PlainPass, h.Plain)
	}
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
