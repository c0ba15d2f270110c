package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/audit/auditlog"
	"github.com/convosphere/gateway/modules/gateway/backup"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/link"
)

func init() { caddy.RegisterModule(App{}) }

// App is the Caddy app `gateway`.
type App struct {
	// The folder for the database, keys and events, where those name no place of their own. Default: "convosphere"
	// in Caddy's data folder.
	DataDir string `json:"data_dir,omitempty"`

	// Where fast shared state lives: "memory" (default), or an address: redis://…, redis+sentinel://…, redis+cluster://…
	Store string `json:"store,omitempty"`

	// Where durable state lives: "sqlite" (default: gateway.db in the data folder), "sqlite:PATH", or postgres://…
	Database string `json:"database,omitempty"`

	// How the link to the store is encrypted. Default: as its address says, with the system's authorities.
	StoreTLS *link.TLS `json:"store_tls,omitempty"`

	// How the link to PostgreSQL is encrypted. Default: as its address says.
	DatabaseTLS *link.TLS `json:"database_tls,omitempty"`

	// What becomes of a load where another machine would be reached without encryption: "refuse" (default), or "warn".
	PlainLinks string `json:"plain_links,omitempty"`

	// The folder of the key ring. Default: "keys" in the data folder. Gateways of one fleet share it.
	Keys string `json:"keys,omitempty"`

	// How long a signing key signs before another takes its place, at least 3h; negative: until an operator replaces it. Default: 720h (30
	// days); with PostgreSQL never, since the gateways of a fleet may each have a copy of the folder: set it where they share one.
	KeyRotation caddy.Duration `json:"key_rotation,omitempty"`

	// What this node is called in its events; letters, digits, - . _, at most 63. Default: the host's name and four letters of the data folder's.
	Node string `json:"node,omitempty"`

	// A file in MaxMind's format that tells the country of an address and, if it is one of cities, roughly the place. Read at each load. Default: none.
	GeoIP string `json:"geoip,omitempty"`

	// A file in MaxMind's format that tells whose network an address is in (GeoLite2-ASN or another's). Read at each load. Default: none.
	ASN string `json:"asn,omitempty"`

	// What becomes of a load where files of the gateway can be read or changed by other users: "refuse" (default), or "warn".
	FileModes string `json:"file_modes,omitempty"`

	// Over how long open sockets are told to go when the process ends, so that their clients do not all come back at once; negative: they are cut. Default: 10s.
	DrainOver caddy.Duration `json:"drain,omitempty"`

	// How security events are kept.
	Events *Events `json:"events,omitempty"`

	// Keys of what is encrypted for the back end. Default: wrapped by the key ring.
	DataKeys *DataKeys `json:"data_keys,omitempty"`

	// Addresses and prefixes that are never banned. Loopback and the servers' trusted proxies never are, either.
	Allow []string `json:"allow,omitempty"`

	// How many bans there may be and how long they are remembered.
	Bans *Bans `json:"bans,omitempty"`

	// What clients that misbehave meet. Default: tighter limits, a puzzle, a ban.
	Abuse *Abuse `json:"abuse,omitempty"`

	// How the gateway backs itself up. Default: it does not.
	Backup *Backup `json:"backup,omitempty"`

	// Where the traces of requests go. Default: nowhere, and requests have none.
	Tracing *Tracing `json:"tracing,omitempty"`

	// The configuration of the app gw_identity.
	Identity json.RawMessage `json:"identity,omitempty"`

	// The configuration of the app gw_policy.
	Policy json.RawMessage `json:"policy,omitempty"`

	// The configuration of the app gw_monitor.
	Monitor json.RawMessage `json:"monitor,omitempty"`

	ground      *ground.Ground
	log         *auditlog.Log // nil: none is kept
	verifier    *verifier     // of the log
	logger      *zap.Logger
	ctx         caddy.Context
	stopAbuse   func() // set by Start
	outputs     []*output
	stopShips   func()           // set by Start
	stopRows    func()           // set by Start
	backups     *backup.Schedule // nil: none are made
	stopBackups func()           // set by Start
	stopKeeping func()           // set by comeInForce
	started     bool
	inForce     bool // now, or until it gave way
	finished    bool
	drainBy     time.Time // when the last socket must have gone; set when the process ends
}

// CaddyModule returns the module's information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gateway", New: func() caddy.Module { return new(App) }}
}

// Provision opens the ground and loads the apps that stand on it.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger, a.ctx = ctx.Logger(), ctx
	if err := a.defaults(); err != nil {
		return err
	}
	if err := checkRotation(a.KeyRotation); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	if err := errors.Join(a.checkModes(), checkDrain(a.DrainOver)); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	if err := a.checkLinks(); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	g, err := open(ctx, a)
	if err != nil {
		return err
	}
	a.ground = g
	if err := a.provisionBackups(); err != nil {
		return err
	}
	if err := a.hearCaddy(ctx); err != nil {
		return err
	}
	a.showSettings()
	a.addViews()
	a.watchHealth()
	if err := a.watchCertificates(); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	if err := registerMetrics(ctx.GetMetricsRegistry(), a); err != nil {
		return err
	}
	// Loaded here and in this order, since Caddy loads apps in the order of a map and a cycle would hand out half-made ones.
	for _, app := range []struct {
		id  string
		raw json.RawMessage
	}{{"gw_policy", a.Policy}, {"gw_identity", a.Identity}, {"gw_monitor", a.Monitor}} {
		if _, err := caddy.GetModule(app.id); err != nil {
			if len(app.raw) > 0 {
				return fmt.Errorf("gateway: %s is configured, but this build has no module %s", strings.TrimPrefix(app.id, "gw_"), app.id)
			}
			continue
		}
		if _, err := ctx.LoadModuleByID(app.id, app.raw); err != nil {
			return fmt.Errorf("gateway: %w", err)
		}
	}
	return nil
}

// defaults fills in what is not given, and the placeholders ({env.NAME}, {file.PATH}) of what is: addresses hold passwords,
// which so stay out of the configuration that the admin API shows.
func (a *App) defaults() error {
	repl := caddy.NewReplacer()
	for option, s := range map[string]*string{"data_dir": &a.DataDir, "store": &a.Store, "database": &a.Database, "keys": &a.Keys, "geoip": &a.GeoIP, "asn": &a.ASN, "node": &a.Node} {
		a.tellPassword(option, *s)
		v, err := repl.ReplaceOrErr(*s, true, true)
		if err != nil {
			return fmt.Errorf("gateway: %s: %w", option, host.Unset(err))
		}
		*s = strings.TrimSpace(v)
	}
	if a.DataDir == "" {
		a.DataDir = filepath.Join(caddy.AppDataDir(), "convosphere")
	}
	if a.Store == "" {
		a.Store = "memory"
	}
	if a.Database == "" || a.Database == "sqlite" {
		a.Database = "sqlite:" + filepath.Join(a.DataDir, "gateway.db")
	}
	if a.Keys == "" {
		a.Keys = filepath.Join(a.DataDir, "keys")
	}
	// Absolute, so that two spellings of one folder are one resource across reloads.
	var err error
	if a.DataDir, err = filepath.Abs(a.DataDir); err != nil {
		return fmt.Errorf("gateway: data_dir: %w", err)
	}
	if a.Keys, err = filepath.Abs(a.Keys); err != nil {
		return fmt.Errorf("gateway: keys: %w", err)
	}
	for option, s := range map[string]*string{"geoip": &a.GeoIP, "asn": &a.ASN} {
		if *s == "" {
			continue
		}
		if *s, err = filepath.Abs(*s); err != nil {
			return fmt.Errorf("gateway: %s: %w", option, err)
		}
	}
	if err := a.nameNode(); err != nil {
		return fmt.Errorf("gateway: node: %w", err)
	}
	if err := a.secureLinks(); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	if path, ok := strings.CutPrefix(a.Database, "sqlite:"); ok {
		if path, err = filepath.Abs(path); err != nil {
			return fmt.Errorf("gateway: database: %w", err)
		}
		a.Database = "sqlite:" + path
	}
	return nil
}

// tellPassword warns of an address that holds a password in the configuration itself.
func (a *App) tellPassword(option, address string) {
	if a.logger == nil { // a command's
		return
	}
	if u, err := url.Parse(address); err == nil && u.User != nil {
		if password, _ := u.User.Password(); password != "" && !strings.ContainsAny(password, "{}") {
			a.logger.Warn("the configuration holds a password, which the admin API and the autosaved configuration show: write {env.NAME} or {file.PATH} for the address", zap.String("option", option))
		}
	}
}

// Ground returns what handlers and apps stand on.
func (a *App) Ground() *ground.Ground { return a.ground }

// Start implements caddy.App: all is ready since Provision, and only now all apps are there to be asked for proxies. At a reload what outlives
// the configuration waits until this one is in force.
func (a *App) Start() error {
	a.begin()
	if err := a.protectProxies(); err != nil {
		return err
	}
	a.watchSites()
	stop, err := a.startOutputs(a.ground)
	if err != nil {
		return err
	}
	a.stopShips = stop
	a.stopRows = a.ground.DB.Observe(tellRows(a.ground))
	a.stopAbuse = a.startAbuse()
	a.stopBackups = a.startBackups()
	a.started = true
	if a.Store == "memory" && strings.HasPrefix(a.Database, "postgres") {
		a.logger.Warn("the database is shared but the store is memory: gateways of a fleet would count limits each for itself; name a Redis as store")
	}
	return nil
}

// Stop implements caddy.App. The ground is given back in Cleanup, after the handlers that use it are gone. Where the process ends, requests may still come, since
// Caddy stops its apps in no order: so all else ends in Cleanup, too.
func (a *App) Stop() error {
	a.giveWay() // where no event has told so
	if a.inForce && caddy.Exiting() {
		a.awaitDrain()
		return nil
	}
	a.finish()
	return nil
}

// finish ends what Start began.
func (a *App) finish() {
	if !a.started || a.finished {
		return
	}
	a.finished = true
	if a.stopKeeping != nil {
		a.stopKeeping()
		a.stopKeeping = nil
	}
	if a.stopBackups != nil {
		a.stopBackups()
		a.stopBackups = nil
	}
	if a.stopAbuse != nil {
		a.stopAbuse()
		a.stopAbuse = nil
	}
	if a.stopRows != nil {
		a.stopRows()
		a.stopRows = nil
	}
	a.tellStopped()
	a.lastCheckpoint()
	if a.stopShips != nil {
		a.stopShips()
		a.stopShips = nil
	}
}

// Cleanup gives the ground back. It also runs after a failed Provision, when there may be none.
func (a *App) Cleanup() error {
	if a.ground != nil {
		a.finish()
	}
	a.closeOutputs()
	if served := a.leave(); a.ground != nil {
		if !served {
			a.tellRefused()
		}
		a.ground.Release()
		a.ground = nil
	}
	return nil
}

// errNoModule is what parsing a block says whose module the build lacks.
var errNoModule = errors.New("this build has no such module")

// Interface guards.
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
