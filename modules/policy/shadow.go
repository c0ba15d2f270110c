package policy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/shadow"
	"github.com/convosphere/gateway/modules/policy/source"
)

func (a *App) parseShadow(d *caddyfile.Dispenser) error {
	if !d.Args(&a.Shadow) {
		return d.ArgErr()
	}
	return nil
}

// candidate is the policy that decides beside the one in force. A nil one does not.
type candidate struct {
	shadow  *shadow.Shadow
	end     func() // the watch of where it comes from
	release func() // the ground

	mu    sync.Mutex
	state shadowStatus
	told  string // the last failure, told once
}

// shadowStatus is what GET /gateway/policy tells of the candidate.
type shadowStatus struct {
	From      string `json:"from"`
	Revision  string `json:"revision,omitempty"`   // "" there is none yet
	LastError string `json:"last_error,omitempty"` // why there is none, or why something newer is not it
}

func (c *candidate) put(e decisionlog.Entry) {
	if c != nil {
		c.shadow.Put(e)
	}
}

func (c *candidate) close() {
	if c != nil {
		c.end()
		c.shadow.Close()
		c.release()
	}
}

func (c *candidate) status() *shadowStatus {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state
	return &s
}

// learn keeps what happened, and tells whether it is news.
func (c *candidate) learn(r source.Report) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Err == nil {
		c.state.Revision, c.state.LastError, c.told = r.Revision, "", ""
		return true
	}
	was := c.told
	c.state.LastError = r.Reason + ": " + r.Err.Error()
	c.told = c.state.LastError
	return c.told != was
}

// openShadow makes ready what compares. The candidate itself is read once the app has started: it is no reason not to start.
func (a *App) openShadow() (err error) {
	if a.Shadow == "" {
		return nil
	}
	if a.Shadow, err = caddy.NewReplacer().ReplaceOrErr(a.Shadow, true, true); err != nil {
		return fmt.Errorf("policy: shadow: %w", err)
	}
	a.candidate = &candidate{end: func() {}, release: a.ground.Hold(), state: shadowStatus{From: a.Shadow}, shadow: shadow.Open(shadow.Options{
		Emit: a.ground.Events.Emit, Live: a.engine.Snapshot, Rule: decidingRule, Timeout: time.Duration(a.Timeout),
		Error: func(err error) { a.logger.Error("shadow", zap.Error(err)) },
	})}
	return nil
}

// watchShadow reads the candidate, and again when it changes.
func (a *App) watchShadow() {
	c := a.candidate
	if c == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background()) // as long as the app: until Cleanup
	changed, unread := a.pushes()
	var watching sync.WaitGroup
	watching.Go(func() {
		if keeper := a.findCandidate(ctx); keeper != nil {
			keeper.Run(ctx, changed)
		}
	})
	c.end = func() {
		unread()
		cancel()
		watching.Wait()
	}
}

// findCandidate waits until there is a policy that can be a candidate; nil where the app ended before.
func (a *App) findCandidate(ctx context.Context) *source.Keeper {
	for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
		keeper, err := a.loadCandidate(ctx)
		if err == nil {
			return keeper
		}
		var refused *source.Refusal
		if ctx.Err() == nil && !errors.As(err, &refused) { // a refusal is told already
			a.reportCandidate(source.Report{Reason: source.Unreachable, Err: err})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

func (a *App) loadCandidate(ctx context.Context) (*source.Keeper, error) {
	info, err := os.Stat(a.Shadow)
	if err != nil {
		return nil, err
	}
	origin := source.NewFolder(a.Shadow, time.Now)
	if !info.IsDir() {
		// Its signature is not asked for: it decides nothing.
		origin = source.NewFile(a.Shadow, &source.Trust{Unsigned: true}, time.Now)
	}
	pushed, err := source.NewPushed(ctx, a.ground.DB, func() {}, time.Now)
	if err != nil {
		return nil, err
	}
	keeper, _, err := source.Load(ctx, source.Options{
		Origin: origin, Pushed: pushed, Compile: a.compileCandidate, Check: check, Report: a.reportCandidate, Now: time.Now, Swap: a.candidate.shadow.Swap,
	})
	return keeper, err
}

// compileCandidate allows no function that reaches outside, also where the policy in force may use some: nothing is to be done twice.
func (a *App) compileCandidate(ctx context.Context, src *engine.Source) (*engine.Snapshot, error) {
	return a.compileWith(ctx, src)
}

// reportCandidate tells what became of the candidate. The policy in force has no part in it.
func (a *App) reportCandidate(r source.Report) {
	if !a.candidate.learn(r) {
		return
	}
	fields := []zap.Field{zap.String("gateway.policy.revision", r.Revision), zap.String("gateway.policy.from", event.Cut(a.Shadow, 256))}
	if r.Err == nil {
		a.logger.Info("a policy decides in the shadow", zap.String("revision", r.Revision), zap.String("from", a.Shadow))
		a.ground.Events.Emit(&event.Event{Category: "configuration", Action: "policy-shadow-activated", Outcome: event.Success, Fields: fields})
		return
	}
	a.logger.Error("no new policy in the shadow", zap.String("reason", r.Reason), zap.String("from", a.Shadow), zap.Error(r.Err))
	a.ground.Events.Emit(&event.Event{Category: "configuration", Action: "policy-shadow-refused", Outcome: event.Failure, Reason: r.Reason, Fields: fields})
}
