package validate

import (
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/host"
	_ "github.com/convosphere/gateway/modules/internal/order" // the place of gw_validate on the path
	"github.com/convosphere/gateway/modules/internal/route"
	"github.com/convosphere/gateway/modules/internal/strictjson"
	"github.com/convosphere/gateway/modules/validate/openapi"
)

func init() { caddy.RegisterModule(Handler{}) }

// What becomes of what is not as it must be.
const (
	Enforce = "enforce" // it is refused
	Report  = "report"  // it passes, and stands in the event
	Drop    = "drop"    // a message is left out
	Off     = "off"     // nothing is looked at
)

// Defaults, and what can be configured at most.
const (
	defaultBody   = 1 << 20
	mostBody      = 64 << 20
	defaultValues = 1 << 16
	mostValues    = 1 << 20
	defaultMemory = 64 << 20
)

// Handler holds requests, answers and socket messages to an OpenAPI document.
type Handler struct {
	// The OpenAPI document, 3.0 or 3.1, in YAML or JSON. A relative path begins at the working directory. Default: none.
	OpenAPI string `json:"openapi,omitempty"`

	// The revision of the file when the Caddyfile was read. It only makes the configuration another one when the file was edited, since Caddy
	// passes over a reload that changes nothing; what counts is what the file holds at load.
	Revision string `json:"openapi_revision,omitempty"`

	// The paths that the document speaks for, as /api/{rest...}. What it does not describe of them is refused. Default: all.
	Scope []string `json:"scope,omitempty"`

	// Requests: "enforce" (default), "report" or "off".
	Requests string `json:"requests,omitempty"`

	// Answers of the back end: "report" (default), "enforce" or "off".
	Responses string `json:"responses,omitempty"`

	// Messages of clients: "enforce" (default), "report" or "off".
	MessagesIn string `json:"messages_in,omitempty"`

	// Messages of the back end: "report" (default), "drop" or "off".
	MessagesOut string `json:"messages_out,omitempty"`

	// The most bytes of JSON, or of a form, that a request may bring. Default: 1 MiB.
	BodyLimit int64 `json:"body_limit,omitempty"`

	// The most bytes of an answer that are held to the document: a longer one is refused by enforce. Default: 1 MiB.
	ResponseLimit int64 `json:"response_limit,omitempty"`

	// How deep values may be nested. Default, and at most: 64.
	Depth int `json:"depth,omitempty"`

	// How many values JSON may hold. Default: 65536.
	Values int `json:"values,omitempty"`

	// How much memory bodies may take together while they are checked. What finds no room is 503, and closes a socket with 1013. Default: 64 MiB.
	Memory int64 `json:"memory,omitempty"`

	document *openapi.Document // nil: none
	scope    route.Router[bool]
	room     *room
	logger   *zap.Logger
}

// CaddyModule returns the module's information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_validate", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets the defaults and reads the document.
func (h *Handler) Provision(ctx caddy.Context) error {
	host.KeepConn(ctx)
	h.logger = ctx.Logger()
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	return h.setup()
}

// setup is Provision without Caddy.
func (h *Handler) setup() (err error) {
	h.defaults()
	if err := h.Validate(); err != nil {
		return err
	}
	h.room = newRoom(h.Memory)
	for _, text := range h.Scope {
		p, err := route.ParsePattern(text)
		if err != nil {
			return fmt.Errorf("scope: %w", err)
		}
		if err := h.scope.Add("", p, text, true); err != nil {
			return fmt.Errorf("scope: %w", err)
		}
	}
	if h.OpenAPI != "" {
		h.document, h.Revision, err = load(h.OpenAPI)
	}
	return err
}

func (h *Handler) defaults() {
	text := func(s *string, d string) {
		if *s == "" {
			*s = d
		}
	}
	text(&h.Requests, Enforce)
	text(&h.Responses, Report)
	text(&h.MessagesIn, Enforce)
	text(&h.MessagesOut, Report)
	if h.BodyLimit == 0 {
		h.BodyLimit = defaultBody
	}
	if h.ResponseLimit == 0 {
		h.ResponseLimit = defaultBody
	}
	if h.Depth == 0 {
		h.Depth = strictjson.MaxDepth
	}
	if h.Values == 0 {
		h.Values = defaultValues
	}
	if h.Memory == 0 {
		h.Memory = max(defaultMemory, 2*h.BodyLimit)
	}
}

// Validate implements caddy.Validator.
func (h *Handler) Validate() error {
	for _, m := range []struct {
		name, mode string
		modes      []string
	}{
		{"requests", h.Requests, []string{Enforce, Report, Off}},
		{"responses", h.Responses, []string{Report, Enforce, Off}},
		{"messages in", h.MessagesIn, []string{Enforce, Report, Off}},
		{"messages out", h.MessagesOut, []string{Report, Drop, Off}},
	} {
		if !slices.Contains(m.modes, m.mode) {
			return fmt.Errorf("%s %q: it is %s, %s or %s", m.name, m.mode, m.modes[0], m.modes[1], m.modes[2])
		}
	}
	switch {
	case h.BodyLimit < 1 || h.BodyLimit > mostBody:
		return fmt.Errorf("body_limit %d: it is 1 byte to 64 MiB", h.BodyLimit)
	case h.ResponseLimit < 1 || h.ResponseLimit > mostBody:
		return fmt.Errorf("response_limit %d: it is 1 byte to 64 MiB", h.ResponseLimit)
	case h.Depth < 1 || h.Depth > strictjson.MaxDepth:
		return fmt.Errorf("depth %d: it is 1 to %d", h.Depth, strictjson.MaxDepth)
	case h.Values < 1 || h.Values > mostValues:
		return fmt.Errorf("values %d: it is 1 to %d", h.Values, mostValues)
	case h.Memory < 2*h.BodyLimit:
		return fmt.Errorf("memory %d: it is at least twice the body_limit, since one client gets half of it", h.Memory)
	case h.OpenAPI == "" && len(h.Scope) > 0:
		return fmt.Errorf("scope: there is no document that could speak for it: name one with openapi")
	case len(h.Scope) > maxScope:
		return fmt.Errorf("scope: there are at most %d paths", maxScope)
	}
	return nil
}

const maxScope = 100

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
