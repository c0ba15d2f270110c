package monitor

import (
	"context"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/monitor/alert"
	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/figure"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/journal"
	"github.com/convosphere/gateway/modules/monitor/review"
	"github.com/convosphere/gateway/modules/monitor/review/risk"
)

func init() { caddy.RegisterModule(App{}) }

// App watches events.
type App struct {
	// Watches nothing.
	Off bool `json:"off,omitempty"`

	// What is looked for that is unlike what is usual. Default: all of it.
	Anomaly *Anomaly `json:"anomaly,omitempty"`

	// What is looked for in events. Default: the rules that are built in.
	Rules *Rules `json:"rules,omitempty"`

	// What correlations may take.
	Windows *Windows `json:"windows,omitempty"`

	// How gateways that share a Redis count together. Default: they do.
	Fleet *Fleet `json:"fleet,omitempty"`

	// Which findings are worked as one. Default: those of level medium and above, and lower ones about the same.
	Incidents *Incidents `json:"incidents,omitempty"`

	// What is done about findings. Default: what costs people a moment; the rest is proposed.
	Respond *Respond `json:"respond,omitempty"`

	// What is kept of figures. Default: for 400 days.
	Figures *Figures `json:"figures,omitempty"`

	// Who is told of incidents. Default: nobody.
	Alerts *Alerts `json:"alerts,omitempty"`

	// How many events are kept for questions. Default: those of the last 7 days, a million at most.
	Journal *Journal `json:"journal,omitempty"`

	ground   *ground.Ground
	journal  *journal.Journal // nil: no events are kept for questions
	logger   *zap.Logger
	live     *live
	member   *member       // nil: no fleet
	limits   func()        // of the member; nil: no fleet
	rules    *detect.Rules // never nil once provisioned
	work     *work         // nil: nothing is watched
	alerts   *alert.Desk   // nil: nobody is told
	tally    *tally        // nil: nothing is counted
	figures  *figure.Store // nil likewise
	reports  *reports
	reviews  *review.Desk   // nil: none are kept
	register *risk.Register // nil likewise
	takers   []taker
	begin    []func()       // in Start
	give     []func() error // back, in Cleanup, the last one first
}

// taker does something about findings: incidents, responses.
type taker interface {
	// Take is called with one finding after the other, beside requests. What it can't do now it says in its own words; nobody waits for it.
	Take(ctx context.Context, f *finding.Finding)
}

// CaddyModule returns the module's information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gw_monitor", New: func() caddy.Module { return new(App) }}
}

// parts are what the app is made of, in the order in which they are opened: each adds to give what it opened, and to takers what takes findings.
var parts = []func(*App, caddy.Context) error{
	(*App).openRules,
	(*App).openFleet,
	(*App).openWork,
	(*App).openAlerts,
	(*App).openFigures,
	(*App).openJournal,
	(*App).openReviews,
	(*App).openRisks,
	(*App).openEvidence,
}

// Provision opens what outlives a configuration, and reads the rules.
func (a *App) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	g, err := host.Ground(ctx)
	if err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	a.ground, a.rules = g, new(detect.Rules)
	if err := registerMetrics(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	a.showCompliance()
	if a.Off {
		return nil
	}
	if err := a.Anomaly.check(); err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	a.give = append(a.give, func() error { g.Release(); return nil })
	g.Hold()
	if err := a.openLive(); err != nil {
		return fmt.Errorf("monitor: %w", err)
	}
	for _, open := range parts {
		if err := open(a, ctx); err != nil {
			return fmt.Errorf("monitor: %w", err)
		}
	}
	a.addWorkViews()
	return nil
}

// Start implements caddy.App: from here on findings are this configuration's.
func (a *App) Start() error {
	if a.live != nil {
		a.live.use(a)
	}
	for _, begin := range a.begin {
		begin()
	}
	return nil
}

// Stop implements caddy.App. The next configuration may have started already: what it took over stays.
func (a *App) Stop() error { return nil }

// Cleanup gives back what was opened. It also runs after a failed Provision.
func (a *App) Cleanup() error {
	if a.live != nil {
		a.live.leave(a)
	}
	var first error
	for i := len(a.give) - 1; i >= 0; i-- {
		if err := a.give[i](); err != nil && first == nil {
			first = err
		}
	}
	a.give = nil
	return first
}

// take tells of a finding, and has the parts do what they do about it.
func (a *App) take(ctx context.Context, f *finding.Finding) {
	for _, t := range a.takers {
		t.Take(ctx, f)
	}
}

// Interface guards.
var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
