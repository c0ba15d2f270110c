package waf

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	_ "github.com/convosphere/gateway/modules/internal/order" // the place of gw_waf on the path
)

func init() { caddy.RegisterModule(Handler{}) }

// Modes of the handler.
const (
	Block  = "block"  // refuse what reaches the threshold
	Detect = "detect" // record it, pass it on
	Off    = "off"    // do nothing; no rules are loaded
)

// Defaults of the handler, and the bounds that Coraza sets.
const (
	defaultBodyLimit   = 128 << 10 // the rules take half a second of a core for so much text, and for more as much more
	defaultUploadLimit = 16 << 20
	defaultBodyTimeout = 30 * time.Second
	maxLimit           = 1<<30 - 1
	memoryLimit        = 128 << 10 // of a body; what is longer waits on disk

	// The rules keep each argument in several transformations: 250 short ones take 40 ms of a core and 6 MiB, 50 cookies 8 ms and 7 MiB.
	defaultMaxArguments = 250
	defaultMaxCookies   = 50
	defaultQueueTimeout = time.Second
	mostArguments       = 10_000
	mostCookies         = 1_000
)

// Handler inspects requests with the OWASP Core Rule Set.
type Handler struct {
	// What happens to an attack: "block" (default), "detect" or "off".
	Mode string `json:"mode,omitempty"`

	// The paranoia level, 1 (default) to 4: higher ones add rules, and false positives.
	Paranoia int `json:"paranoia,omitempty"`

	// The largest body that is accepted, in bytes; default 128 KiB. A longer one is 413: it can't be inspected whole.
	BodyLimit int64 `json:"body_limit,omitempty"`

	// The largest multipart or octet-stream body, in bytes; default 16 MiB. Fields together may have body_limit bytes; the rest is files.
	UploadLimit int64 `json:"upload_limit,omitempty"`

	// How long a client may take to send a body; default 30s. Each 32 KiB that arrive give it one more second.
	BodyTimeout caddy.Duration `json:"body_timeout,omitempty"`

	// The most arguments: values of the query and of the body together, an array counting as one more; parts of a multipart body. Default 250.
	MaxArguments int `json:"max_arguments,omitempty"`

	// The most cookies; default 50.
	MaxCookies int `json:"max_cookies,omitempty"`

	// How long a request may wait for others to be inspected; default 1s. Then it is 503.
	QueueTimeout caddy.Duration `json:"queue_timeout,omitempty"`

	// Files of SecLang rules, read after the setup and before the Core Rule Set. Relative to the working directory.
	RulesFiles []string `json:"rules_files,omitempty"`

	// The revision of the files and of what they include, when the Caddyfile was read. It only makes the configuration another one
	// when a file was edited, since Caddy passes over a reload that changes nothing; what counts is what the files hold at load.
	RulesRevision string `json:"rules_revision,omitempty"`

	// Ids of rules that are not loaded.
	ExcludeRules []int `json:"exclude_rules,omitempty"`

	// Fields whose values are not inspected, by path. The password fields of the portal's API are always excluded.
	ExcludeFields []FieldExclusion `json:"exclude_fields,omitempty"`

	// Which requests are kept, encrypted, for `convosphere waf replay`. Default: none. Needs the app gateway.
	Capture *Capture `json:"capture,omitempty"`

	rules    *ruleSet // nil in mode off
	gate     *gate
	recorder *recorder // nil: nothing is captured
	logger   *zap.Logger
}

// FieldExclusion names values that hold secrets of people, where attack patterns mean nothing.
type FieldExclusion struct {
	// The path, without escapes; a trailing * stands for any rest.
	Path string `json:"path"`

	// Names of fields: a form field, or a path in a JSON body as a.b.
	Fields []string `json:"fields"`
}

// CaddyModule implements caddy.Module.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_waf", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets the defaults and loads the rules, or joins a loaded set of the same contents.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	h.defaults()
	if err := h.Validate(); err != nil { // before the rules are built of it: field names and paths become rule text
		return err
	}
	if h.Mode == Off {
		return nil
	}
	start := time.Now()
	rules, reused, err := loadRules(h.directives())
	if err != nil {
		return fmt.Errorf("loading the rules: %w", err)
	}
	h.rules, h.gate = rules, theGate()
	h.logger.Info("rules loaded", zap.Int("rules", rules.count), zap.Bool("reused", reused), zap.Duration("took", time.Since(start)),
		zap.String("mode", h.Mode), zap.Int("paranoia", h.Paranoia))
	return h.openCapture(ctx)
}

func (h *Handler) defaults() {
	if h.Mode == "" {
		h.Mode = Block
	}
	if h.Paranoia == 0 {
		h.Paranoia = 1
	}
	if h.BodyLimit == 0 {
		h.BodyLimit = defaultBodyLimit
	}
	if h.UploadLimit == 0 {
		h.UploadLimit = max(defaultUploadLimit, h.BodyLimit)
	}
	if h.BodyTimeout == 0 {
		h.BodyTimeout = caddy.Duration(defaultBodyTimeout)
	}
	if h.MaxArguments == 0 {
		h.MaxArguments = defaultMaxArguments
	}
	if h.MaxCookies == 0 {
		h.MaxCookies = defaultMaxCookies
	}
	if h.QueueTimeout == 0 {
		h.QueueTimeout = caddy.Duration(defaultQueueTimeout)
	}
}

// Validate implements caddy.Validator.
func (h *Handler) Validate() error {
	switch {
	case h.Mode != Block && h.Mode != Detect && h.Mode != Off:
		return fmt.Errorf("mode %q: it is block, detect or off", h.Mode)
	case h.Paranoia < 1 || h.Paranoia > 4:
		return fmt.Errorf("paranoia %d: it is 1 to 4", h.Paranoia)
	case h.BodyLimit < 1 || h.BodyLimit > maxLimit:
		return fmt.Errorf("body_limit %d: it is 1 byte to 1 GiB", h.BodyLimit)
	case h.UploadLimit < h.BodyLimit || h.UploadLimit > maxLimit:
		return fmt.Errorf("upload_limit %d: it is body_limit to 1 GiB", h.UploadLimit)
	case h.BodyTimeout < 0:
		return fmt.Errorf("body_timeout %s: it can't be negative", time.Duration(h.BodyTimeout))
	case h.MaxArguments < 1 || h.MaxArguments > mostArguments:
		return fmt.Errorf("max_arguments %d: it is 1 to %d", h.MaxArguments, mostArguments)
	case h.MaxCookies < 1 || h.MaxCookies > mostCookies:
		return fmt.Errorf("max_cookies %d: it is 1 to %d", h.MaxCookies, mostCookies)
	case h.QueueTimeout < 0:
		return fmt.Errorf("queue_timeout %s: it can't be negative", time.Duration(h.QueueTimeout))
	}
	if h.Capture != nil {
		if err := h.Capture.validate(); err != nil {
			return err
		}
	}
	for _, id := range h.ExcludeRules {
		if id < 1 {
			return fmt.Errorf("exclude %d: it is no rule id", id)
		}
	}
	for _, x := range h.ExcludeFields {
		if err := x.validate(); err != nil {
			return err
		}
	}
	for _, f := range h.RulesFiles {
		if f == "" || strings.ContainsAny(f, "\"\n\r") {
			return fmt.Errorf("rules_file %q: no file can be called so", f)
		}
	}
	return nil
}

// Cleanup lets go of the rules. Requests that still use them keep them.
func (h *Handler) Cleanup() error {
	if h.rules == nil {
		return nil
	}
	return errors.Join(h.closeCapture(), h.rules.unload())
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
