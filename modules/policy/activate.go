package policy

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/expiry"
	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/source"
	"github.com/convosphere/gateway/policies"
)

// loadPolicy takes the policy from where it is configured to be. Nothing is watched yet.
func (a *App) loadPolicy(ctx caddy.Context) error {
	a.news = &news{}
	origin, kept, err := a.origin()
	if err != nil {
		return err
	}
	pushed, err := source.NewPushed(ctx, a.ground.DB, a.ground.Feed.Wake, time.Now)
	if err != nil {
		return err
	}
	keeper, snapshot, err := source.Load(ctx, source.Options{
		Origin: origin, Kept: kept, Pushed: pushed,
		Compile: a.compile, Check: check, Report: a.report, Now: time.Now,
		Swap: func(s *engine.Snapshot) {
			if a.engine != nil { // not the first
				a.engine.Swap(s)
			}
		},
	})
	if err != nil {
		return err
	}
	a.keeper = keeper
	a.engine = engine.New(snapshot, time.Duration(a.Timeout), time.Now)
	a.engine.WatchSlow((&slowness{emit: a.ground.Events.Emit, now: time.Now}).observe)
	return nil
}

func (a *App) origin() (source.Origin, *source.Kept, error) {
	switch {
	case a.Bundle != nil:
		origin, kept, err := a.Bundle.origin(a.ground.DataDir)
		if err == nil {
			err = a.ground.Expiry.Link(expiry.Policy, "", link.TLS{CA: a.Bundle.CA})
		}
		if err != nil {
			err = fmt.Errorf("bundle: %w", err)
		}
		return origin, kept, err
	case a.Folder != "":
		return source.NewFolder(a.Folder, time.Now), nil, nil
	}
	src, err := engine.Load(policies.FS)
	if err != nil {
		return nil, nil, err
	}
	src.Tests = nil // they have passed where it was built in: a start need not wait for them
	return source.NewFixed(builtIn, src), nil, nil
}

// compile takes a policy that compiles and passes its own tests.
func (a *App) compile(ctx context.Context, src *engine.Source) (*engine.Snapshot, error) {
	return a.compileWith(ctx, src, a.options()...)
}

func (a *App) compileWith(ctx context.Context, src *engine.Source, opts ...engine.Option) (*engine.Snapshot, error) {
	snapshot, err := engine.Compile(ctx, src, append(slices.Clone(opts), engine.WithGrants(a.ask))...)
	if err != nil {
		return nil, &source.Refusal{Reason: source.Uncompiled, Err: err}
	}
	if err := engine.Verify(ctx, src, opts...); err != nil {
		return nil, &source.Refusal{Reason: source.TestsFail, Err: err}
	}
	return snapshot, nil
}

// check refuses a policy with data that nobody can decide by.
func check(ctx context.Context, s *engine.Snapshot) error {
	if err := s.Answers(ctx); err != nil {
		return &source.Refusal{Reason: source.Malformed, Err: err}
	}
	return nil
}

// watch begins to look for new policies and data, and tells what was found before.
func (a *App) watch() {
	changed, unread := a.pushes()
	a.unread = unread
	ctx, cancel := context.WithCancel(context.Background()) // as long as the app: until Cleanup
	var watching sync.WaitGroup
	watching.Go(func() { a.keeper.Run(ctx, changed) })
	a.end = func() {
		cancel()
		watching.Wait()
	}
	for _, r := range a.news.begin() {
		a.tell(r)
	}
}

// pushes tells whenever data was pushed, here or elsewhere, until unread is called.
func (a *App) pushes() (changed <-chan struct{}, unread func()) {
	c := make(chan struct{}, 1)
	return c, a.ground.Feed.Subscribe(source.Topic, func(string) {
		select {
		case c <- struct{}{}:
		default: // it will look anyhow
		}
	})
}

func (a *App) unwatch() {
	if a.end != nil {
		a.unread()
		a.end()
	}
}

// news are the reports from before the start: they are told when the configuration has come into force, or never.
type news struct {
	mu      sync.Mutex
	waiting []source.Report
	begun   bool
}

func (n *news) hold(r source.Report) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.begun {
		n.waiting = append(n.waiting, r)
	}
	return !n.begun
}

func (n *news) begin() []source.Report {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.begun = true
	waiting := n.waiting
	n.waiting = nil
	return waiting
}

func (a *App) report(r source.Report) {
	if !a.news.hold(r) {
		a.tell(r)
	}
}

// tell writes what happened to the policy: the event says it shortly, the log with the error, which may quote the policy.
func (a *App) tell(r source.Report) {
	fields := []zap.Field{zap.String("gateway.policy.revision", r.Revision), zap.String("gateway.policy.from", event.Cut(r.From, 256))}
	if r.Label != "" {
		fields = append(fields, zap.String("gateway.policy.label", r.Label))
	}
	if r.Data {
		fields = append(fields, zap.Bool("gateway.policy.data", true))
	}
	if r.Err == nil {
		activations.WithLabelValues("activated").Inc()
		a.logger.Info("policy in force", zap.String("revision", r.Revision), zap.String("label", r.Label), zap.String("from", r.From), zap.Bool("data", r.Data))
		a.ground.Events.Emit(&event.Event{Category: "configuration", Action: "policy-activated", Outcome: event.Success, Fields: fields})
		return
	}
	result, action, said := "refused", "policy-refused", "the policy stays as it is"
	switch r.Reason {
	case source.Unreachable:
		result, action = "unreachable", "policy-unreachable"
	case source.Unkept:
		result, action, said = "unkept", "policy-unkept", "the policy is in force, but a start without its origin would fail"
	}
	activations.WithLabelValues(result).Inc()
	a.logger.Error(said, zap.String("reason", r.Reason), zap.String("refused", r.Revision), zap.String("label", r.Label), zap.String("from", r.From), zap.Error(r.Err))
	a.ground.Events.Emit(&event.Event{Category: "configuration", Action: action, Outcome: event.Failure, Reason: r.Reason, Fields: fields})
}
