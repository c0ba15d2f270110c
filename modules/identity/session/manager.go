package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/device"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/identity/service"
	"github.com/convosphere/gateway/modules/identity/throttle"
	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/store"
)

// Config is what an operator chooses. WebAuthn and Required may be empty.
type Config struct {
	Issuer   string        // `iss` of access tokens
	Audience string        // `aud` of access tokens
	Label    string        // the service's name in authenticator apps
	Access   time.Duration // life of an access token
	Idle     time.Duration // a session that is not refreshed for so long ends
	Absolute time.Duration // a session ends so long after the login
	WebAuthn Keys          // security keys and passkeys; zero: of each request's host
	Required []string      // roles that must have a second factor

	Remember    *Remember     // how long a session lasts whose owner asks for it; nil: no longer than others
	TrustDevice time.Duration // for how long a device can be trusted; 0: not at all
	MaxSessions int           // of one account at once; 0: 50
	Throttles   Throttles     // of wrong passwords; zero: DefaultThrottles
	RefuseMore  bool          // the login that would be one more fails; otherwise the session ends that was not used for the longest

	PersonalTokens *TokenRules   // nil: there are none
	ServiceLife    time.Duration // of an access token of a service; 0: 10m
	Server         string        // the URL that services know us by (RFC 8414); "": they know us by Issuer alone
}

// Check refuses what can't work.
func (c Config) Check() error {
	switch {
	case c.Issuer == "" || c.Audience == "" || c.Label == "":
		return errors.New("issuer, audience and label must not be empty")
	case c.Access < 30*time.Second || c.Access > time.Hour:
		return errors.New("access_lifetime must be between 30s and 1h")
	case c.Idle < c.Access:
		return errors.New("idle must not be shorter than access_lifetime: sessions would end before their tokens")
	case c.Absolute < c.Idle:
		return errors.New("absolute must not be shorter than idle")
	case c.Absolute > 31*24*time.Hour:
		return errors.New("absolute must be at most 744h (31 days)")
	case c.TrustDevice < 0 || c.TrustDevice > 365*24*time.Hour:
		return errors.New("remember_device must be at most 8760h (365 days)")
	case c.MaxSessions < 0 || c.MaxSessions > 1000:
		return errors.New("max_sessions must be between 1 and 1000")
	}
	return errors.Join(c.Remember.check(c), c.Throttles.check(), checkRequired(c.Required), c.WebAuthn.Check(), c.PersonalTokens.check(), checkServiceLife(c.ServiceLife))
}

// Feed is what of database.Feed sessions need.
type Feed interface {
	Subscribe(topic string, f func(key string)) (cancel func())
	Fresh() bool
	Wake()
}

// Events takes what happened.
type Events interface{ Emit(*event.Event) }

// Resources is what a Manager stands on.
type Resources struct {
	DB         *database.DB
	Feed       Feed
	Store      store.Store
	Keys       *keyring.Ring
	Events     Events
	Accounts   *account.Store
	Factors    *factor.Store
	Notices    Notifier // nil: nobody is told by mail
	Log        *zap.Logger
	Now        func() time.Time
	Challenger Challenger   // nil: none is set
	Places     Places       // nil: nobody knows where addresses are
	Abuse      *abuse.Table // learns of wrong passwords and codes; nil: nobody does
	Release    func()       // called once nothing of the Manager runs any more
}

// Manager is the sessions of one configuration. It is safe for use by many.
//
// It outlives its Close for as long as sockets are watched through it, so that a reload leaves no socket unwatched.
type Manager struct {
	Config
	Resources
	devices  *device.Store
	links    *federation.Links
	tokens   *apitoken.Store
	services *service.Store
	uses     uses
	throttle *throttle.Throttle
	names    []byte // key of the names that tries are counted for
	tried    []byte // key of the same in events
	issuer   *token.Issuer
	known    *token.Cache
	watches  *hub
	own      *ownChanges
	next     []byte // key of refresh successors
	proof    []byte // key that marks refresh tokens as ours

	mu     sync.Mutex
	refs   int // Close's and each watch's
	dead   atomic.Bool
	cancel context.CancelFunc
	unsub  []func()
	done   chan struct{}
}

// New starts to listen for ended sessions and to prune. Close it.
func New(ctx context.Context, c Config, r Resources) (*Manager, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.MaxSessions == 0 {
		c.MaxSessions = 50
	}
	if c.ServiceLife == 0 {
		c.ServiceLife = 10 * time.Minute
	}
	if c.Throttles == (Throttles{}) {
		c.Throttles = DefaultThrottles
	}
	m := &Manager{
		Config: c, Resources: r,
		links:    federation.NewLinks(r.DB, r.Accounts, r.Keys.Derive("account link")),
		throttle: throttle.New(r.Store, r.Now, r.Log),
		names:    r.Keys.Derive("throttled names"),
		tried:    r.Keys.Derive("tried names"),
		devices:  device.NewStore(r.DB, r.Keys),
		tokens:   apitoken.NewStore(r.DB),
		services: service.NewStore(r.DB),
		issuer:   &token.Issuer{Keys: r.Keys, Issuer: c.Issuer, Audience: c.Audience, Now: r.Now},
		known:    token.NewCache(0, r.Now),
		watches:  newHub(r.Now),
		own:      newOwnChanges(r.Now),
		next:     r.Keys.Derive("refresh successor"),
		proof:    r.Keys.Derive("refresh proof"),
		refs:     1, done: make(chan struct{}),
	}
	m.unsub = []func(){
		r.Feed.Subscribe("session", func(sid string) { m.forget(sid, "session ended") }),
		r.Feed.Subscribe("account", m.accountChanged),
		r.Keys.OnWithdrawal(m.keysWithdrawn),
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx)) // ends with Close, not with the caller's context
	m.cancel = cancel
	go m.run(run)
	return m, nil
}

// Close gives up the Manager. Calls that still run go on; sockets stay watched until they end.
func (m *Manager) Close() { m.unref() }

func (m *Manager) ref() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refs == 0 {
		return false
	}
	m.refs++
	return true
}

func (m *Manager) unref() {
	m.mu.Lock()
	m.refs--
	last := m.refs == 0
	m.mu.Unlock()
	if !last {
		return
	}
	m.dead.Store(true)
	for _, f := range m.unsub {
		f()
	}
	m.cancel()
	<-m.done
	if m.Release != nil {
		m.Release()
	}
}

// forget acts on the end of a session in this process: its tokens are unknown from now on, and whoever watches is told.
func (m *Manager) forget(sid, reason string) {
	m.known.Drop(sid)
	m.watches.fire(sid, reason)
}

// keysWithdrawn forgets what was believed because of a key that may have been in wrong hands. Sockets close too: their clients come back with
// what the new key signed.
func (m *Manager) keysWithdrawn() {
	m.known.Clear()
	m.watches.fireAll("signing key withdrawn")
}

// accountChanged records what a command or another gateway did; what this process did, it has recorded itself. The sessions that ended with
// it have rows of their own.
func (m *Manager) accountChanged(id string) {
	if m.own.take(id) {
		return
	}
	m.Events.Emit(&event.Event{Category: "iam", Action: "account-changed", Outcome: event.Success, Reason: "by a command or another gateway", UserID: id})
}

const (
	sweepEvery = time.Minute
	pruneEvery = 10 * time.Minute
	keepEnded  = 24 * time.Hour
)

func (m *Manager) run(ctx context.Context) {
	defer close(m.done)
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			m.writeUses(context.WithoutCancel(ctx))
			return
		case <-sweep.C:
			m.writeUses(ctx)
			m.known.Sweep()
			m.watches.sweep()
			m.own.sweep()
			tokensKnown.Set(float64(m.known.Len()))
		case <-prune.C:
			if err := errors.Join(m.prune(ctx), m.tokens.Prune(ctx, m.Now().Add(-keepEnded)), m.devices.Prune(ctx, m.Now())); err != nil && ctx.Err() == nil {
				m.Log.Warn("pruning ended sessions and tokens and old devices; the next turn tries again", zap.Error(err))
			}
		}
	}
}

// prune deletes sessions that ended or expired a day ago, some at a time so that no writer waits long.
func (m *Manager) prune(ctx context.Context) error {
	before := database.Micros(m.Now().Add(-keepEnded))
	for {
		r, err := m.DB.Exec(ctx, `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions
			WHERE (ended_at > 0 AND ended_at < ?) OR idle_at < ? LIMIT 500)`, before, before)
		if err != nil {
			return fmt.Errorf("deleting sessions: %w", err)
		}
		if n, err := r.RowsAffected(); err != nil || n < 500 {
			return err
		}
	}
}
