package monitor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/modules/monitor/incident/playbook"
	"github.com/convosphere/gateway/modules/monitor/respond"
)

// work keeps findings as incidents and responds to them.
type work struct {
	incidents *incident.Book // nil: none are kept
	playbooks *playbook.Set
	people    people // nil: there are no accounts
	node      string
	responses *respond.Desk
	evidence  *collector // nil: none is kept
	logger    *zap.Logger
	tell      []func(context.Context, incident.Incident, incident.Change) // of each change of an incident

	ends    context.CancelFunc
	running sync.WaitGroup
}

// findingTime is how long a finding may take to be kept.
const findingTime = 20 * time.Second

// openWork begins to keep incidents and to respond as the configuration says.
func (a *App) openWork(ctx caddy.Context) error {
	config, err := a.Respond.config()
	if err != nil {
		return err
	}
	options, err := a.Incidents.options()
	if err != nil {
		return err
	}
	accounts, err := host.App[respond.Accounts](ctx, "gw_identity")
	if err != nil && !errors.Is(err, caddy.ErrNotConfigured) {
		return fmt.Errorf("respond: %w", err)
	}
	playbooks, err := a.Incidents.playbooks()
	if err != nil {
		return err
	}
	who, err := openPeople(ctx)
	if err != nil {
		return fmt.Errorf("incidents: %w", err)
	}
	g := a.ground
	run, ends := context.WithCancel(context.Background()) // it ends with Cleanup
	w := &work{logger: a.logger, ends: ends, playbooks: playbooks, people: who, node: g.Node}
	if options != nil {
		if g.Keys != nil {
			options.Sealer = g.Keys
		}
		w.incidents = incident.New(g.DB, g.Events, time.Now, *options, observeIncident)
		w.running.Go(func() { w.prune(run) })
	}
	w.responses = respond.Open(respond.Sources{
		DB: g.DB, Bans: g.Bans, Measures: g.Measures, Accounts: accounts, Events: g.Events, Log: a.logger, Now: time.Now, Observe: observeResponse,
	}, config)
	a.work, a.takers = w, append(a.takers, w)
	a.give = append(a.give, w.close)
	if w.incidents != nil {
		g.Views.Add(w.incidentsView(), w.stepsView(), w.playbooksView())
	}
	return registerWork(ctx.GetMetricsRegistry(), w)
}

func (w *work) close() error {
	w.ends()
	w.running.Wait()
	return w.responses.Close()
}

// Take implements taker. What can't be kept is responded to all the same: the finding itself is in the events.
func (w *work) Take(ctx context.Context, f *finding.Finding) {
	id := ""
	if w.incidents != nil {
		bounded, cancel := context.WithTimeout(ctx, findingTime)
		i, change, err := w.incidents.Add(bounded, f)
		cancel()
		switch {
		case err != nil:
			incidentChanges.WithLabelValues("failed").Inc()
			w.logger.Error("keeping a finding as an incident", zap.String("finding", f.ID), zap.Error(err))
		default:
			incidentChanges.WithLabelValues(change.String()).Inc()
			id = i.ID
		}
		if err == nil && id != "" {
			w.evidence.want(id, f)
			for _, tell := range w.tell {
				tell(ctx, i, change)
			}
		}
	}
	w.responses.Take(ctx, f, id)
}

// prune forgets incidents that were closed long ago.
func (w *work) prune(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := w.incidents.Prune(ctx); err != nil && ctx.Err() == nil {
				w.logger.Error("forgetting old incidents", zap.Error(err))
			}
		}
	}
}
