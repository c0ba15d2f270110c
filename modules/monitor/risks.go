package monitor

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/inforce"
	"github.com/convosphere/gateway/modules/monitor/review/risk"
)

const (
	lookForRisks  = 15 * time.Minute // how often
	firstLook     = 20 * time.Second // after the start: what is in force can be read then
	riskLookTime  = 2 * time.Minute  // of one look
	recurWithin   = 30 * 24 * time.Hour
	recurLeast    = 3 // incidents of one rule within that time
	mostRecurring = 500
)

// openRisks keeps the risk register, and feeds it.
func (a *App) openRisks(caddy.Context) error {
	g := a.ground
	a.register = &risk.Register{DB: g.DB, Events: g.Events, Now: time.Now}
	g.Views.Add(a.risksView())
	run, ends := context.WithCancel(context.Background()) // it ends with Cleanup
	var running sync.WaitGroup
	a.begin = append(a.begin, func() { running.Go(func() { a.watchRisks(run) }) })
	a.give = append(a.give, func() error {
		ends()
		running.Wait()
		return nil
	})
	return nil
}

// watchRisks feeds the register, and forgets what is old once a day.
func (a *App) watchRisks(ctx context.Context) {
	next, pruned := time.NewTimer(firstLook), time.Now()
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		if err := a.feedRisks(ctx); err != nil && ctx.Err() == nil {
			a.logger.Warn("looking for risks", zap.Error(err))
		}
		if time.Since(pruned) > 24*time.Hour {
			pruned = time.Now()
			if err := a.register.Prune(ctx); err != nil && ctx.Err() == nil {
				a.logger.Error("forgetting old risks", zap.Error(err))
			}
		}
		next.Reset(lookForRisks)
	}
}

// riskSources are what the register is fed by.
var riskSources = map[string]func(*App, context.Context) ([]risk.Cause, error){
	risk.Incident: (*App).recurringCauses,
	risk.Control:  (*App).controlCauses,
	risk.Route:    (*App).routeCauses,
}

// feedRisks asks each source. One that can't be asked closes nothing: its risks stay as they are.
func (a *App) feedRisks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, riskLookTime)
	defer cancel()
	var failed []string
	for source, ask := range riskSources {
		causes, err := ask(a, ctx)
		if err == nil {
			_, err = a.register.Feed(ctx, source, causes)
		}
		if err != nil {
			failed = append(failed, source+": "+err.Error())
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%s", strings.Join(failed, "; "))
	}
	return nil
}

// recurringCauses are rules that find incident after incident.
func (a *App) recurringCauses(ctx context.Context) ([]risk.Cause, error) {
	if a.work == nil || a.work.incidents == nil {
		return nil, nil
	}
	all, err := a.work.incidents.Recur(ctx, time.Now().Add(-recurWithin), recurLeast, mostRecurring)
	if err != nil {
		return nil, err
	}
	causes := make([]risk.Cause, 0, len(all))
	for _, r := range all {
		causes = append(causes, risk.Cause{
			Key: r.Rule, Title: "It recurs: " + r.Title, Detail: fmt.Sprintf("%d incidents of this rule within 30 days, the last one on %s. False alarms are not counted.", r.Incidents, r.Last.UTC().Format(time.DateOnly)),
			Mend: "Take away what lets it come back: see what the incidents have in common, and what was learned of them.",
			Link: "incidents?rule=" + url.QueryEscape(r.Rule), Likelihood: often(r.Incidents), Impact: int(r.Level) + 1, Times: r.Incidents,
		})
	}
	return causes, nil
}

// often guesses a likelihood by how often something was within 30 days.
func often(n int) int {
	switch {
	case n >= 10:
		return 5
	case n >= 5:
		return 4
	}
	return 3
}

// routeCauses are routes of the configuration that no permission is asked for, and sites whose policy names none.
func (a *App) routeCauses(context.Context) ([]risk.Cause, error) {
	running, err := host.Running()
	if err != nil {
		return nil, err
	}
	return unclassified(running), nil
}

func unclassified(running inforce.Gateway) (causes []risk.Cause) {
	for _, server := range running.Servers {
		for _, site := range server.Sites {
			for _, h := range site.Handlers {
				if h.Module == "gw_authorize" {
					causes = append(causes, bareRoutes(site.Name(), h)...)
				}
			}
		}
	}
	return causes
}

func bareRoutes(site string, h inforce.Handler) (causes []risk.Cause) {
	routes, _ := h.Settings["routes"].([]any)
	if len(routes) == 0 {
		return []risk.Cause{{
			Key: "site " + site, Title: "No route of " + site + " is classified", Detail: "Whoever is signed in may do anything that the application offers.",
			Mend: "Name the application's routes in gw_authorize, each with the permission that it needs.", Link: "settings", Likelihood: 4, Impact: 4,
		}}
	}
	for _, one := range routes {
		rt, ok := one.(inforce.Tree)
		if !ok || inforce.Text(rt, "permission") != "" {
			continue
		}
		name := strings.TrimSpace(strings.Join(inforce.Texts(rt, "methods"), ",") + " " + inforce.Text(rt, "path"))
		causes = append(causes, risk.Cause{
			Key: "route " + site + " " + name, Title: "The route " + name + " of " + site + " is not classified", Detail: "It names no permission, so that all who are signed in may use it.",
			Mend: "Give the route a permission in gw_authorize.", Link: "settings", Likelihood: 3, Impact: 3,
		})
	}
	return causes
}
