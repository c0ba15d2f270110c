package policy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
	"github.com/convosphere/gateway/policies"
)

func init() { caddy.RegisterModule(App{}) }

// App decides what requests and socket messages may pass.
type App struct {
	// How long one decision may take before it is a refusal. Default: 100ms.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// A folder with the policy (Rego and data.json) in place of the one that is compiled in. It is read when the
	// configuration loads.
	Folder string `json:"folder,omitempty"`

	// The revision of what was in the folder when the Caddyfile was read. It only makes the configuration another one when a file
	// was edited, since Caddy passes over a reload that changes nothing; what counts is what the folder holds at load.
	FolderRevision string `json:"folder_revision,omitempty"`

	// Which decisions are events: "all", "denied" or "off". Default: all.
	Decisions string `json:"decisions,omitempty"`

	// Keeps whole inputs of decisions, encrypted, for `convosphere policy replay`. Default: none.
	Capture *Capture `json:"capture,omitempty"`

	ground   *ground.Ground
	engine   *engine.Engine
	grants   *grant.Store
	logger   *zap.Logger
	log      *decisionlog.Log // nil: no decision is kept
	closeLog func() error     // nil without

	activated time.Time // when the policy in force came into force
}

// CaddyModule returns the module's information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gw_policy", New: func() caddy.Module { return new(App) }}
}

// Provision compiles the policy and opens the grants.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	g, err := host.Ground(ctx)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	a.ground = g
	if a.Timeout < 0 {
		return errors.New("policy: timeout must not be negative")
	}
	if a.Folder, err = caddy.NewReplacer().ReplaceOrErr(a.Folder, true, true); err != nil {
		return fmt.Errorf("policy: folder: %w", err)
	}
	a.grants = grant.New(a.ground.DB, a.ground.Feed, time.Now)
	snapshot, err := a.compile(ctx)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	a.engine = engine.New(snapshot, time.Duration(a.Timeout), time.Now)
	a.activated = time.Now()
	// A policy whose answers are malformed would lock everybody out: better it does not load. One that is undefined may mean it.
	if d, err := a.engine.Decide(ctx, &engine.Input{Method: "GET", Path: "/", Permission: "app:read"}); d.Failure == engine.Malformed {
		return fmt.Errorf("policy: %w", err)
	}
	if err := a.openLog(); err != nil {
		return err
	}
	return registerMetrics(ctx.GetMetricsRegistry())
}

func (a *App) compile(ctx context.Context) (*engine.Snapshot, error) {
	if a.Folder != "" {
		src, err := loadFolder(a.Folder)
		if err != nil {
			return nil, err
		}
		return engine.Compile(ctx, src, engine.WithGrants(a.ask))
	}
	src, err := engine.Load(policies.FS)
	if err != nil {
		return nil, err
	}
	return engine.Compile(ctx, src, engine.WithGrants(a.ask))
}

func loadFolder(folder string) (*engine.Source, error) {
	info, err := os.Stat(folder)
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("folder: %s is no folder", folder)
	}
	return engine.Load(os.DirFS(folder))
}

// Start implements caddy.App: all is ready since Provision, and now in force.
func (a *App) Start() error {
	a.logger.Info("policy in force", zap.String("revision", a.engine.Revision()), zap.String("from", a.from()))
	a.ground.Events.Emit(&event.Event{
		Category: "configuration", Action: "policy-activated", Outcome: event.Success,
		Fields: []zap.Field{zap.String("gateway.policy.revision", a.engine.Revision())},
	})
	return nil
}

// from says where the policy comes from.
func (a *App) from() string {
	if a.Folder != "" {
		return a.Folder
	}
	return "built in"
}

// Stop implements caddy.App. Requests that a reload has overtaken still ask: nothing they use is closed here.
func (a *App) Stop() error { return nil }

// Cleanup ends the watch of grants and the log's goroutine. It also runs after a failed Provision, when there may be none. Who
// still asks is answered from the database, which the request holds open, and logged.
func (a *App) Cleanup() error {
	var err error
	if a.closeLog != nil {
		err = a.closeLog()
	}
	if a.grants != nil {
		a.grants.Close()
	}
	return err
}

// Interface guards.
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
