package waf

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/measure"
	_ "github.com/convosphere/gateway/modules/internal/order" // the place of gw_waf on the path
)

func init() { caddy.RegisterModule(Handler{}) }

// Modes of the handler.
const (
	Block  = "block"  // refuse what reaches the threshold
	Detect = "detect" // record it, pass it on
	Off    = "off"    // do nothing; no rules are loaded
)

// Pass lets a body that is over its limit through, uninspected.
const (
	Reject = "reject"
	Pass   = "pass"
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

	// The Core Rule Set's own thresholds: one critical match.
	defaultInbound  = 5
	defaultOutbound = 4
	mostThreshold   = 10_000
)

// Handler inspects requests with the OWASP Core Rule Set.
type Handler struct {
	// What happens to an attack: "block" (default), "detect" or "off".
	Mode string `json:"mode,omitempty"`

	// Other modes at some paths. The first that names the path decides.
	Modes []ModeAt `json:"modes,omitempty"`

	// The paranoia level, 1 (default) to 4: higher ones add rules, and false positives.
	Paranoia int `json:"paranoia,omitempty"`

	// The level of the rules that are run and recorded, paranoia (default) to 4. Those above paranoia don't count for blocking.
	DetectionParanoia int `json:"detection_paranoia,omitempty"`

	// The blocking level for clients, people and sessions that a response has inspected more strictly (raise_paranoia), up to 4. Default: one above paranoia;
	// -1: they are inspected as others are.
	RaisedParanoia int `json:"raised_paranoia,omitempty"`

	// The score at which a request is refused; default 5, one critical match.
	InboundThreshold int `json:"inbound_threshold,omitempty"`

	// The score at which a response is refused; default 4.
	OutboundThreshold int `json:"outbound_threshold,omitempty"`

	// The largest body that is accepted, in bytes; default 128 KiB. What happens to a longer one is told by over_limit.
	BodyLimit int64 `json:"body_limit,omitempty"`

	// What happens to a body over its limit: "reject" (default) answers 413, "pass" lets it through uninspected.
	OverLimit string `json:"over_limit,omitempty"`

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

	// Files of SecLang rules, read after the Core Rule Set.
	RulesAfter []string `json:"rules_after,omitempty"`

	// Folders of plugins of the Core Rule Set: *-config.conf and *-before.conf are read before its rules, *-after.conf after them.
	Plugins []string `json:"plugins,omitempty"`

	// The revision of the files and of what they include, when the Caddyfile was read. It only makes the configuration another one
	// when a file was edited, since Caddy passes over a reload that changes nothing; what counts is what the files hold at load.
	RulesRevision string `json:"rules_revision,omitempty"`

	// Rules that don't match, on some values, at some paths. The password fields of the portal's API are always excluded.
	Exclusions []Exclusion `json:"exclusions,omitempty"`

	// Whether every rule is run on every request, also those that the screen knows not to match. The verdicts are the same.
	ScreenOff bool `json:"screen_off,omitempty"`

	// Which answers are inspected, and how. Texts are by default.
	Responses *Responses `json:"responses,omitempty"`

	// Which messages on sockets are inspected. Those of clients are by default.
	Sockets *Sockets `json:"sockets,omitempty"`

	// Which requests are kept, encrypted, for `convosphere waf replay`. Default: none. Needs the app gateway.
	Capture *Capture `json:"capture,omitempty"`

	rules    *ruleSet      // nil in mode off
	abuse    *abuse.Table  // learns of attacks that were blocked; nil without the app gateway
	measures *measure.View // knows who is inspected more strictly; nil without the app gateway
	raised   *raised       // for them; nil: there is no higher level
	gate     *gate.Gate
	recorder *recorder // nil: nothing is captured
	logger   *zap.Logger
	modes    map[string]*Handler // by mode, h itself among them
	routes   []modeRoute
}

// CaddyModule implements caddy.Module.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_waf", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets the defaults and loads the rules, or joins a loaded set of the same contents.
func (h *Handler) Provision(ctx caddy.Context) error {
	host.KeepConn(ctx)
	h.logger = ctx.Logger()
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	h.defaults()
	if err := h.Validate(); err != nil { // before the rules are built of it: field names and paths become rule text
		return err
	}
	for _, folder := range h.Plugins {
		if err := validatePlugin(folder); err != nil {
			return err
		}
	}
	if err := h.openCapture(ctx); err != nil {
		return err
	}
	var err error
	if h.abuse, err = abuseTable(ctx); err != nil {
		return err
	}
	if h.measures, err = measuresOf(ctx); err != nil {
		return err
	}
	if h.modes, h.routes, err = h.variants(); err != nil {
		return err
	}
	for _, v := range h.modes {
		if v.measures != nil && v.raisedLevel() > 0 {
			v.raised = new(raised)
		}
		if err := v.load(); err != nil {
			return err
		}
	}
	return h.addView(ctx)
}

// load compiles the rules of the handler's mode, or joins a loaded set.
func (h *Handler) load() error {
	if h.Mode == Off {
		return nil
	}
	start := time.Now()
	rules, reused, err := loadRules(h.directives())
	if err != nil {
		return fmt.Errorf("loading the rules: %w", err)
	}
	h.rules, h.gate = rules, theGate()
	if rules.opaque != nil && !h.ScreenOff {
		h.logger.Warn("the rules are run without a screen, which costs milliseconds a request", zap.Error(rules.opaque))
	}
	h.logger.Info("rules loaded", zap.Int("rules", rules.count), zap.Bool("reused", reused), zap.Duration("took", time.Since(start)),
		zap.String("mode", h.Mode), zap.Int("paranoia", h.Paranoia))
	for _, x := range h.Exclusions {
		if ids := x.unknown(rules.ids); len(ids) > 0 {
			h.logger.Warn("an exclusion names rules that there are not", zap.Ints("rules", ids))
		}
	}
	return nil
}

func (h *Handler) defaults() {
	if h.Mode == "" {
		h.Mode = Block
	}
	if h.Paranoia == 0 {
		h.Paranoia = 1
	}
	if h.DetectionParanoia == 0 {
		h.DetectionParanoia = h.Paranoia
	}
	if h.InboundThreshold == 0 {
		h.InboundThreshold = defaultInbound
	}
	if h.OutboundThreshold == 0 {
		h.OutboundThreshold = defaultOutbound
	}
	if h.OverLimit == "" {
		h.OverLimit = Reject
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
	h.Responses = h.Responses.filled()
	h.Sockets = h.Sockets.filled()
}

// Validate implements caddy.Validator.
func (h *Handler) Validate() error {
	switch {
	case h.Mode != Block && h.Mode != Detect && h.Mode != Off:
		return fmt.Errorf("mode %q: it is block, detect or off", h.Mode)
	case h.Paranoia < 1 || h.Paranoia > 4:
		return fmt.Errorf("paranoia %d: it is 1 to 4", h.Paranoia)
	case h.DetectionParanoia < h.Paranoia || h.DetectionParanoia > 4:
		return fmt.Errorf("paranoia %d %d: detection is the blocking level to 4", h.Paranoia, h.DetectionParanoia)
	case h.RaisedParanoia != never && h.RaisedParanoia != 0 && (h.RaisedParanoia <= h.Paranoia || h.RaisedParanoia > highestParanoia):
		return fmt.Errorf("raised_paranoia %d: it is above paranoia, up to %d", h.RaisedParanoia, highestParanoia)
	case h.InboundThreshold < 1 || h.InboundThreshold > mostThreshold || h.OutboundThreshold < 1 || h.OutboundThreshold > mostThreshold:
		return fmt.Errorf("thresholds %d %d: they are 1 to %d", h.InboundThreshold, h.OutboundThreshold, mostThreshold)
	case h.OverLimit != Reject && h.OverLimit != Pass:
		return fmt.Errorf("over_limit %q: it is reject or pass", h.OverLimit)
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
	return h.validateLists()
}

func (h *Handler) validateLists() error {
	if len(h.Exclusions) > maxExclusions {
		return fmt.Errorf("%d exclusions: there are at most %d", len(h.Exclusions), maxExclusions)
	}
	for _, x := range h.Exclusions {
		if err := x.validate(); err != nil {
			return fmt.Errorf("exclude: %w", err)
		}
	}
	for _, m := range h.Modes {
		if err := m.validate(); err != nil {
			return err
		}
	}
	for directive, names := range map[string][]string{"rules_file": h.RulesFiles, "rules_after": h.RulesAfter, "plugin": h.Plugins} {
		for _, name := range names {
			if err := validateFile(directive, name, directive != "plugin"); err != nil {
				return err
			}
		}
	}
	if err := h.Sockets.validate(); err != nil {
		return err
	}
	return h.Responses.validate()
}

// Cleanup lets go of the rules. Requests that still use them keep them.
func (h *Handler) Cleanup() error {
	var err error
	for _, v := range h.modes {
		err = errors.Join(err, v.raised.close())
		if v.rules != nil {
			err = errors.Join(err, v.rules.unload())
		}
	}
	return errors.Join(err, h.closeCapture())
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
