package authenticate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/authenticate/foreign"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	_ "github.com/convosphere/gateway/modules/internal/order" // where gw_authenticate stands on the path
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// identities is what gw_authenticate asks of the app gw_identity.
type identities interface {
	Verify(ctx context.Context, raw string) (*reqctx.Identity, error)
	Known(raw string) (*reqctx.Identity, bool)
	Watch(sid string, f func(reason string)) (cancel func())
	Deadline(ctx context.Context, sid string) (time.Time, error)
}

// Handler is gw_authenticate.
type Handler struct {
	// Origins are further origins ("https://app.example.com") whose pages may open sockets and, with the browser's cookie,
	// change things. The request's own origin always may.
	Origins []string `json:"origins,omitempty"`
	// LoginURL is where a page load without identity is sent. Default: /auth/login. "off": nowhere, it gets 401.
	LoginURL string `json:"login_url,omitempty"`
	// FailBurst is how many bad tokens a client may send at once. Default: 20.
	FailBurst int `json:"fail_burst,omitempty"`
	// FailRate is how many of them it gets back a second. Default: 5.
	FailRate float64 `json:"fail_rate,omitempty"`
	// Renewal is how long an open socket stays after its token's expiry: its client is told by a message, and refreshes the session
	// meanwhile. Default: 30s, at most 5m. Negative: the socket closes at once, without a message.
	Renewal caddy.Duration `json:"renewal,omitempty"`

	// Issuers are further issuers, whose access tokens are taken as bearer tokens.
	Issuers []foreign.Issuer `json:"issuers,omitempty"`
	// Certificates give identities to TLS clients that bring no token. The site's `tls` must verify them (client_auth).
	Certificates []foreign.Certificate `json:"certificates,omitempty"`

	identity identities
	issuers  *foreign.Verifier // nil where there is none
	origins  map[string]bool
	csrf     *http.CrossOriginProtection
	budget   *budget
	pooled   string // the key under which budget is pooled, "" before it was taken
	ground   *ground.Ground
	logger   *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gw_authenticate", New: func() caddy.Module { return new(Handler) }}
}

// Provision sets the defaults and finds the apps.
func (h *Handler) Provision(ctx caddy.Context) error {
	host.KeepConn(ctx)
	h.logger = ctx.Logger()
	if h.LoginURL == "" {
		h.LoginURL = "/auth/login"
	}
	if h.FailBurst == 0 {
		h.FailBurst = 20
	}
	if h.FailRate == 0 {
		h.FailRate = 5
	}
	if h.Renewal == 0 {
		h.Renewal = caddy.Duration(30 * time.Second)
	}
	if err := h.readOrigins(); err != nil {
		return err
	}
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return fmt.Errorf("gw_authenticate: %w", err)
	}
	if err := h.resolve(ctx); err != nil {
		return fmt.Errorf("gw_authenticate: %w", err)
	}
	if len(h.Issuers) > 0 {
		var err error
		if h.issuers, err = foreign.New(ctx, h.Issuers, time.Now); err != nil {
			return fmt.Errorf("gw_authenticate: %w", err)
		}
	}
	return h.takeBudget()
}

func (h *Handler) readOrigins() error {
	h.origins, h.csrf = map[string]bool{}, http.NewCrossOriginProtection()
	for _, o := range h.Origins {
		origin, ok := parseOrigin(o)
		if !ok {
			return fmt.Errorf("gw_authenticate: origins: %q is not an origin, as in: https://app.example.com", o)
		}
		h.origins[origin] = true
		if err := h.csrf.AddTrustedOrigin(origin); err != nil {
			return fmt.Errorf("gw_authenticate: origins: %w", err)
		}
	}
	return nil
}

func (h *Handler) resolve(ctx caddy.Context) (err error) {
	if h.ground, err = host.Ground(ctx); err != nil {
		return err
	}
	h.identity, err = host.App[identities](ctx, "gw_identity")
	return err
}

// budgets outlive a configuration: a reload must not hand out new ones.
var budgets = caddy.NewUsagePool()

// pooledBudget makes a budget poolable; there is nothing to close.
type pooledBudget struct{ *budget }

// Destruct implements caddy.Destructor.
func (pooledBudget) Destruct() error { return nil }

func (h *Handler) takeBudget() error {
	key := fmt.Sprintf("%d %g", h.FailBurst, h.FailRate)
	v, _, err := budgets.LoadOrNew(key, func() (caddy.Destructor, error) {
		return pooledBudget{newBudget(h.FailBurst, h.FailRate, time.Now)}, nil
	})
	if err != nil {
		return err
	}
	h.budget, h.pooled = v.(pooledBudget).budget, key
	return nil
}

// Cleanup lets go of the issuers and the budget.
func (h *Handler) Cleanup() error {
	if h.issuers != nil {
		h.issuers.Close()
	}
	if h.pooled == "" {
		return nil
	}
	_, err := budgets.Delete(h.pooled)
	return err
}

// Validate refuses impossible settings.
func (h *Handler) Validate() error {
	if h.FailBurst < 1 || h.FailRate <= 0 {
		return errors.New("gw_authenticate: fail_budget must allow something")
	}
	if time.Duration(h.Renewal) > maxRenewal {
		return fmt.Errorf("gw_authenticate: renewal: at most %s", maxRenewal)
	}
	if err := foreign.CheckCertificates(h.Certificates, h.Issuers); err != nil {
		return fmt.Errorf("gw_authenticate: %w", err)
	}
	if !isLoginURL(h.LoginURL) {
		return fmt.Errorf("gw_authenticate: login_url: %q is not a path of this site", h.LoginURL)
	}
	return nil
}

// maxRenewal bounds how long a socket outlives its token.
const maxRenewal = 5 * time.Minute

// isLoginURL tells whether s is "off" or a path of this site.
func isLoginURL(s string) bool {
	return s == "off" || strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//")
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
