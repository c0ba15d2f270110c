package respond

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Accounts are the people: the app gw_identity.
type Accounts interface {
	// LockAccount shuts an account, or opens again what it has shut. It refuses the last administrator's, and one that is shut already.
	LockAccount(ctx context.Context, id string, locked bool) error
	// EndSessionsOf ends all sessions of an account.
	EndSessionsOf(ctx context.Context, id string) error
	// EndOneSession ends a session; one that has ended already is no error.
	EndOneSession(ctx context.Context, sid string) error
}

// Events takes what happens: *event.Bus.
type Events interface{ Emit(e *event.Event) }

// Sources are what a desk stands on.
type Sources struct {
	DB       *database.DB
	Bans     *ban.List
	Measures *measure.View
	Accounts Accounts // nil: there are no accounts here
	Events   Events
	Log      *zap.Logger
	Now      func() time.Time
	Every    time.Duration // how often what is over is ended; default 15 s
	// Observe counts what became of an action, and how long after the last event of its finding; 0 where no finding led to it.
	Observe func(action, state string, after time.Duration)
}

// Desk responds as one configuration says. Close it.
type Desk struct {
	Sources
	config Config
	caller *caller

	calls   chan *Response // webhooks that wait
	cancel  context.CancelFunc
	running sync.WaitGroup
}

const (
	mostCalls  = 256
	workTime   = 20 * time.Second // of one response
	stuckAfter = 2 * workTime     // since when what is being done is not
)

// Open begins to respond. The configuration must have passed its Check.
func Open(s Sources, c Config) *Desk {
	ctx, cancel := context.WithCancel(context.Background()) // it ends with Close
	if s.Every == 0 {
		s.Every = 15 * time.Second
	}
	d := &Desk{Sources: s, config: c.filled(), caller: newCaller(), calls: make(chan *Response, mostCalls), cancel: cancel}
	d.running.Go(func() { d.keep(ctx) })
	d.running.Go(func() { d.callAll(ctx) })
	return d
}

// Close ends it. What waits for a webhook is marked as failed when another desk looks.
func (d *Desk) Close() error {
	d.cancel()
	d.running.Wait()
	d.caller.client.CloseIdleConnections()
	return nil
}

// exempt tells which addresses nothing is done to.
func (d *Desk) exempt(p netip.Prefix) bool { return d.Bans.Holds(p) }

// Take does about a finding what is to be done by itself, and proposes the rest. incident is the one that it is part of, "" for none. What fails is in the
// database, in an event and in the log.
func (d *Desk) Take(ctx context.Context, f *finding.Finding, incident string) []Response {
	var all []Response
	for _, s := range d.config.plan(f, d.exempt) {
		if s.Verdict == Skip {
			d.Observe(s.Action.Do, "skipped", 0)
			continue
		}
		r, err := d.step(ctx, f, s, incident)
		switch {
		case errors.Is(err, errKnown):
		case err != nil:
			d.Log.Error("responding to a finding", zap.String("action", s.Action.Do), zap.String("finding", f.ID), zap.Error(err))
			d.Observe(s.Action.Do, Failed, 0)
		default:
			all = append(all, r)
		}
	}
	return all
}

// step does or proposes one thing.
func (d *Desk) step(ctx context.Context, f *finding.Finding, s Step, incident string) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	r := Response{
		Action: s.Action.Do, Subject: s.Subject, Mode: ByRule, By: ByMonitor, Rule: f.Rule, Finding: f.ID, Incident: incident,
		Reason: f.Title, Lasts: s.Action.For, State: Proposed, Detail: s.Why,
	}
	if s.Verdict == Apply {
		r.State = Applying
	}
	if err := d.reserve(ctx, &r); err != nil {
		return r, err
	}
	if r.State == Applying {
		d.carryOut(ctx, &r)
		d.Observe(r.Action, r.State, max(0, d.Now().Sub(f.Last)))
	} else {
		d.Observe(r.Action, r.State, 0)
		d.tell(&r)
	}
	return r, nil
}

// carryOut does what is reserved, and keeps what came of it.
func (d *Desk) carryOut(ctx context.Context, r *Response) {
	now := d.Now()
	r.Applied = now
	if r.Lasts > 0 {
		r.Expires = now.Add(r.Lasts)
	}
	if r.Action == Webhook && d.config.Hook != nil {
		call := *r
		select {
		case d.calls <- &call:
			return // callAll ends it
		default:
			r.State, r.Detail = Failed, "too many webhooks wait"
		}
	} else if err := d.do(ctx, r); err != nil {
		r.State, r.Detail, r.Expires = Failed, detail(err), time.Time{}
	} else if r.State = Applied; actions[r.Action].once {
		r.State = Done
	}
	d.finish(ctx, r)
}

// finish keeps what came of a response, and tells it.
func (d *Desk) finish(ctx context.Context, r *Response) {
	if r.State != Applied {
		r.Closed = d.Now()
	}
	if err := d.save(context.WithoutCancel(ctx), r); err != nil { // it is done, whatever the database says: the event tells
		d.Log.Error("keeping what a response did", zap.String("response", r.ID), zap.Error(err))
	}
	d.tell(r)
}

// detail shortens an error for the table.
func detail(err error) string {
	s := err.Error()
	if len(s) > 256 {
		s = s[:256]
	}
	return s
}

// callAll calls the webhook, one after the other.
func (d *Desk) callAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-d.calls:
			if err := d.caller.call(ctx, d.config.Hook, r, d.Now()); err != nil {
				r.State, r.Detail = Failed, detail(err)
			} else {
				r.State = Done
			}
			d.finish(ctx, r)
			d.Observe(r.Action, r.State, 0)
		}
	}
}
