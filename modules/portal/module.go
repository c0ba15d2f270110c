package portal

import (
	"context"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	_ "github.com/convosphere/gateway/modules/internal/order" // where gw_portal stands on the path
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// What gw_portal asks of the app gw_identity: signing in and out …
type signIns interface {
	Login(ctx context.Context, a session.Attempt) (session.Result, error)
	Refresh(ctx context.Context, refresh string) (session.Result, error)
	Logout(ctx context.Context, refresh, sid string) error
}

// … the person's own account …
type accounts interface {
	Profile(ctx context.Context, id *reqctx.Identity) (account.Profile, error)
	ChangePassword(ctx context.Context, id *reqctx.Identity, old, new string) error
}

// … and these, with what other files ask, and the public keys.
type identities interface {
	signIns
	accounts
	secondSteps
	stepUps
	factors
	sessionLists
	personalTokens
	registrations
	profiles
	operators
	offering
	services
	providers
	serviceOperators
	JWKS() []byte
}

// policies is what it asks of the app gw_policy.
type policies interface {
	Decide(ctx context.Context, in *engine.Input) engine.Decision
	emergencies
}

// Handler is gw_portal.
type Handler struct {
	// Brand is the name that the pages show. Default: ConvoSphere.
	Brand string `json:"brand,omitempty"`
	// Theme is how they look besides.
	Theme Theme `json:"theme,omitzero"`
	// Texts are files of messages that replace some of ours, or add a language: JSON objects, named after the language, as de.json.
	Texts []string `json:"texts,omitempty"`
	// Links stand in the footer.
	Links []Link `json:"links,omitempty"`
	// Home is the path to go to after a login that came from nowhere. Default: /
	Home string `json:"home,omitempty"`
	// SecurityText is the answer to /.well-known/security.txt. Default: none, the back end's own may be there.
	SecurityText *SecurityText `json:"security_txt,omitempty"`

	look     *look
	identity identities
	policy   policies
	reports  reports
	csrf     *http.CrossOriginProtection
	ground   *ground.Ground
	logger   *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_portal", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets the defaults and finds the apps.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	h.csrf = http.NewCrossOriginProtection()
	if h.Brand == "" {
		h.Brand = "ConvoSphere"
	}
	if h.Home == "" {
		h.Home = "/"
	}
	var err error
	if h.look, err = newLook(h.Theme, h.Texts, h.Links); err != nil {
		return fmt.Errorf("gw_portal: %w", err)
	}
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return fmt.Errorf("gw_portal: %w", err)
	}
	if err := h.resolve(ctx); err != nil {
		return fmt.Errorf("gw_portal: %w", err)
	}
	return nil
}

func (h *Handler) resolve(ctx caddy.Context) (err error) {
	if h.ground, err = host.Ground(ctx); err != nil {
		return err
	}
	if h.identity, err = host.App[identities](ctx, "gw_identity"); err != nil {
		return err
	}
	if h.policy, err = host.App[policies](ctx, "gw_policy"); err != nil {
		return err
	}
	h.reports, err = findReports(ctx)
	return err
}

// Validate refuses a home that is not of this site, and a security.txt that is none.
func (h *Handler) Validate() error {
	if safeReturn(h.Home, "") == "" {
		return fmt.Errorf("gw_portal: home: %q is not a path of this site", h.Home)
	}
	if err := h.SecurityText.check(); err != nil {
		return fmt.Errorf("gw_portal: %w", err)
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
