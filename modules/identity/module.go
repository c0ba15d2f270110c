package identity

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
)

func init() { caddy.RegisterModule(App{}) }

// App is the Caddy app `gw_identity`. The app `gateway` loads it, with what its field `identity` holds.
type App struct {
	// The issuer (`iss`) of access tokens. Default: "gateway".
	Issuer string `json:"issuer,omitempty"`

	// The audience (`aud`) of access tokens. Default: "gateway".
	Audience string `json:"audience,omitempty"`

	// The name of the service that authenticator apps show. Default: "ConvoSphere".
	Label string `json:"label,omitempty"`

	// How long an access token lasts, 30s to 1h. Default: 5m.
	AccessLifetime caddy.Duration `json:"access_lifetime,omitempty"`

	// A session that is not refreshed for so long ends. Default: 30m.
	Idle caddy.Duration `json:"idle,omitempty"`

	// A session ends so long after its login. Default: 12h.
	Absolute caddy.Duration `json:"absolute,omitempty"`

	// Lets people ask at their login to stay signed in for longer. Default: nobody is.
	Remember *Remember `json:"remember,omitempty"`

	// For how long a person may leave out the second factor on a device where it was given. Default: 720h (30 days).
	RememberDevice *TrustedDevices `json:"remember_device,omitempty"`

	// How many sessions an account has at once. Default: 50; then the oldest ends.
	MaxSessions *MaxSessions `json:"max_sessions,omitempty"`

	// How wrong passwords wait, and how many logins wait for their turn.
	Throttle *Throttle `json:"throttle,omitempty"`

	// What a password hash costs. Stored hashes of another cost are made anew at the next login.
	Argon2 *Argon2 `json:"argon2,omitempty"`

	// Who must have a second factor.
	SecondFactor *SecondFactor `json:"second_factor,omitempty"`

	// The name and pages that security keys and passkeys are for. Default: the host of each request.
	WebAuthn *WebAuthn `json:"webauthn,omitempty"`

	// Personal access tokens, which people make for their own programs. Default: 20 an account, for a year at most, for whatever they may.
	PersonalTokens *PersonalTokens `json:"personal_tokens,omitempty"`

	// What links in mails begin with, as https://chat.example.org. Never taken from a request.
	PublicURL string `json:"public_url,omitempty"`

	// The mail server. Default: none; then there is no registration by everybody and no reset of passwords by mail.
	Mail *Mail `json:"mail,omitempty"`

	// Who may open an account. Default: nobody; operators add them.
	Registration *Registration `json:"registration,omitempty"`

	// What new passwords must be. Default: ten characters that are hard to guess and in no list of leaked ones.
	Passwords *Passwords `json:"passwords,omitempty"`

	// How long an access token of a service lasts, 30s to 1h. Default: 10m.
	ServiceTokenLifetime caddy.Duration `json:"service_token_lifetime,omitempty"`

	// Outside providers that people may sign in with (OpenID Connect). Default: none.
	Providers []federation.Config `json:"providers,omitempty"`

	ground     *ground.Ground
	sessions   *session.Manager
	people     *lifecycle.Desk
	post       *postOffice // nil: no mail is configured
	federation *federation.Service
	logger     *zap.Logger
}

// Argon2 is the cost of Argon2id.
type Argon2 struct {
	// Memory in KiB, 7168 to 262144. Default: 19456 (19 MiB).
	Memory uint32 `json:"memory,omitempty"`

	// Passes, 1 to 16. Default: 2.
	Time uint32 `json:"time,omitempty"`

	// Threads, 1 to 16. Default: 1.
	Threads uint8 `json:"threads,omitempty"`
}

// CaddyModule returns the module's information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gw_identity", New: func() caddy.Module { return new(App) }}
}

// Provision fills in the defaults and starts the sessions. It is called by the app `gateway`, whose ground is ready then.
func (a *App) Provision(ctx caddy.Context) error {
	a.defaults()
	if err := errors.Join(a.Argon2.check(), a.checkAccounts(), a.MaxSessions.check(), a.Throttle.check()); err != nil {
		return err
	}
	g, err := host.Ground(ctx)
	if err != nil {
		return fmt.Errorf("gw_identity: %w", err)
	}
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return fmt.Errorf("gw_identity: %w", err)
	}
	hasher, err := account.NewHasher(a.Argon2.params())
	if err != nil {
		return fmt.Errorf("gw_identity: %w", err)
	}
	if a.Throttle != nil && a.Throttle.Queue > 0 {
		hasher.Limit(a.Throttle.Queue)
	}
	a.ground = g
	accounts, err := a.accountStore(hasher, ctx.Logger())
	if err != nil {
		return fmt.Errorf("gw_identity: %w", err)
	}
	if err := a.openDesk(accounts, ctx.Logger()); err != nil {
		return fmt.Errorf("gw_identity: %w", err)
	}
	release := g.Hold() // given back when the last watched socket of this configuration has ended, which may be after Cleanup
	a.sessions, err = session.New(ctx, a.config(), session.Resources{
		DB: g.DB, Feed: g.Feed, Store: g.Store, Keys: g.Keys, Events: g.Events,
		Accounts: accounts, Notices: a.people, Factors: factor.NewStore(g.DB, g.Keys),
		Log: ctx.Logger(), Now: time.Now, Release: release, Places: g.Places, Abuse: g.Abuse, Challenger: a.Throttle.challenger(g),
	})
	if err != nil {
		release()
		return fmt.Errorf("gw_identity: %w", err)
	}
	a.people.Commit, a.people.Forgive = a.sessions, a.sessions.Forgive
	a.addViews()
	return a.openProviders(ctx)
}

func (a *App) defaults() {
	text := func(v *string, d string) {
		if *v == "" {
			*v = d
		}
	}
	span := func(v *caddy.Duration, d time.Duration) {
		if *v == 0 {
			*v = caddy.Duration(d)
		}
	}
	text(&a.Issuer, "gateway")
	text(&a.Audience, "gateway")
	text(&a.Label, "ConvoSphere")
	span(&a.AccessLifetime, 5*time.Minute)
	span(&a.Idle, 30*time.Minute)
	span(&a.ServiceTokenLifetime, 10*time.Minute)
	span(&a.Absolute, 12*time.Hour)
}

func (a *App) config() session.Config {
	c := session.Config{
		Issuer: a.Issuer, Audience: a.Audience, Label: a.Label,
		Access: time.Duration(a.AccessLifetime), Idle: time.Duration(a.Idle), Absolute: time.Duration(a.Absolute),
		Remember: a.Remember.config(), TrustDevice: a.RememberDevice.config(),
	}
	if a.WebAuthn != nil {
		c.WebAuthn = session.Keys{ID: a.WebAuthn.RPID, Origins: a.WebAuthn.Origins}
	}
	c.Server = a.AuthorizationServer()
	c.PersonalTokens, c.ServiceLife = a.PersonalTokens.rules(), time.Duration(a.ServiceTokenLifetime)
	if a.SecondFactor != nil {
		c.Required = a.SecondFactor.Required
	}
	c.MaxSessions, c.RefuseMore = a.MaxSessions.config()
	c.Throttles = a.Throttle.config()
	return c
}

// params fills what is not given from the default cost.
func (c *Argon2) params() account.Params {
	p := account.DefaultParams
	if c == nil {
		return p
	}
	if c.Memory != 0 {
		p.Memory = c.Memory
	}
	if c.Time != 0 {
		p.Time = c.Time
	}
	if c.Threads != 0 {
		p.Threads = c.Threads
	}
	return p
}

// leastMemory is the least that OWASP's table of Argon2id parameters has (with five passes).
const leastMemory = 7168

func (c *Argon2) check() error {
	p := c.params()
	if p.Memory < leastMemory {
		return fmt.Errorf("gw_identity: argon2 memory must be at least %d KiB", leastMemory)
	}
	if err := p.Check(); err != nil {
		return fmt.Errorf("gw_identity: %w", err)
	}
	return nil
}

// Start implements caddy.App. Mail is sent from here on: a configuration that is only looked at sends none.
func (a *App) Start() error {
	a.post.start(a.ground)
	return nil
}

// Stop implements caddy.App. Requests may still run: what they need, Cleanup gives up.
func (a *App) Stop() error {
	a.post.stop()
	return nil
}

// Cleanup gives up the sessions; sockets stay watched. It also runs after a failed Provision, when there may be none.
func (a *App) Cleanup() error {
	a.post.stop()
	if a.federation != nil {
		a.federation.Close()
	}
	if a.sessions != nil {
		a.sessions.Close()
	}
	return nil
}

// Interface guards.
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
