package policy

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
	"github.com/convosphere/gateway/modules/policy/source"
)

func init() { caddy.RegisterModule(App{}) }

// App decides what requests and socket messages may pass.
type App struct {
	// How long one decision may take before it is a refusal. Default: 100ms.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// A folder with the policy (Rego and data.json) in place of the one that is compiled in. It is read when the
	// configuration loads, and again when something in it changes.
	Folder string `json:"folder,omitempty"`

	// The revision of what was in the folder when the Caddyfile was read. It only makes the configuration another one when a file
	// was edited, since Caddy passes over a reload that changes nothing; what counts is what the folder holds at load.
	FolderRevision string `json:"folder_revision,omitempty"`

	// A policy that is fetched as one archive, in place of the one that is compiled in and of a folder.
	Bundle *Bundle `json:"bundle,omitempty"`

	// Lets the policy use functions that reach outside. Default: none.
	Allow *Allow `json:"allow,omitempty"`

	// Which decisions are events: "all", "denied" or "off". Default: all.
	Decisions string `json:"decisions,omitempty"`

	// Keeps whole inputs of decisions, encrypted, for `convosphere policy replay`. Default: none.
	Capture *Capture `json:"capture,omitempty"`

	// How long emergency access lasts that somebody takes, 1m to 4h. Default: 15m.
	BreakGlass caddy.Duration `json:"break_glass,omitempty"`

	// Bounds on what is granted, and on how much of it is remembered.
	Grants *Grants `json:"grants,omitempty"`

	// A folder or a bundle with a policy that decides beside the one in force, for comparison. Nobody is let in or kept out by it.
	Shadow string `json:"shadow,omitempty"`

	ground    *ground.Ground
	engine    *engine.Engine
	grants    *grant.Store
	toldFull  *atomic.Int64 // when it was last told that grants are full, in nanoseconds since 1970
	logger    *zap.Logger
	log       *decisionlog.Log // nil: no decision is kept
	closeLog  func() error     // nil without
	candidate *candidate       // nil without

	keeper *source.Keeper
	news   *news
	unread func() // ends the watch of pushed data
	end    func() // ends the watch of the origin

	resolvers *resolvers // the handlers of this configuration
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
	a.ground, a.resolvers = g, new(resolvers)
	if a.Timeout < 0 {
		return errors.New("policy: timeout must not be negative")
	}
	if err := checkBreakGlass(time.Duration(a.BreakGlass)); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	if a.BreakGlass == 0 {
		a.BreakGlass = caddy.Duration(defaultBreakGlass)
	}
	if a.Folder != "" && a.Bundle != nil {
		return errors.New("policy: it is from a folder or from a bundle, not from both")
	}
	if a.Folder, err = caddy.NewReplacer().ReplaceOrErr(a.Folder, true, true); err != nil {
		return fmt.Errorf("policy: folder: %w", err)
	}
	if err := a.openGrants(); err != nil {
		return err
	}
	if a.Allow != nil {
		if err := a.Allow.check(); err != nil {
			return fmt.Errorf("policy: %w", err)
		}
	}
	if err := a.loadPolicy(ctx); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	if err := a.openLog(); err != nil {
		return err
	}
	if err := a.openShadow(); err != nil {
		return err
	}
	a.addGrantViews()
	a.addPolicyViews()
	g.Health.Add("policy", a.health)
	return registerMetrics(ctx.GetMetricsRegistry())
}

// Start implements caddy.App: all is ready since Provision, and now in force. From here on the policy's origin is watched.
func (a *App) Start() error {
	a.watch()
	a.watchShadow()
	return nil
}

// Stop implements caddy.App. Requests that a reload has overtaken still ask: nothing they use is closed here.
func (a *App) Stop() error { return nil }

// Cleanup ends the watch of the policy and of grants, and the log's goroutine. It also runs after a failed Provision, when there may be none.
// Who still asks is answered by the policy of now and from the database, which the request holds open, and logged.
func (a *App) Cleanup() error {
	a.unwatch()
	a.candidate.close()
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
