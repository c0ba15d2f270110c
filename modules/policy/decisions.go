package policy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/open-policy-agent/opa/v1/ast"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// loggable are what `decisions` can be.
var loggable = []string{decisionlog.All, decisionlog.Denied, decisionlog.Off}

func (a *App) parseDecisions(d *caddyfile.Dispenser) error {
	if !d.Args(&a.Decisions) {
		return d.ArgErr()
	}
	if err := checkDecisions(a.Decisions); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func checkDecisions(what string) error {
	if what != "" && !slices.Contains(loggable, what) {
		return fmt.Errorf("decisions %q: it is all, denied or off", what)
	}
	return nil
}

// openLog starts the decision log. It holds the ground: Caddy ends apps in any order, and what is in the queue is still to be written.
func (a *App) openLog() error {
	if err := checkDecisions(a.Decisions); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	if a.Decisions == "" {
		a.Decisions = decisionlog.All
	}
	if a.Decisions == decisionlog.Off && a.Capture == nil {
		return nil
	}
	o := decisionlog.Options{
		What: a.Decisions, Emit: a.ground.Events.Emit, Snapshot: a.engine.Snapshot, Timeout: time.Duration(a.Timeout),
		Rule:  decidingRule,
		Error: func(err error) { a.logger.Error("decision log", zap.Error(err)) },
	}
	release, err := a.openCapture(&o)
	if err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	hold := a.ground.Hold()
	a.log = decisionlog.Open(o)
	a.closeLog = func() error {
		a.log.Close()
		defer hold()
		return release()
	}
	return nil
}

// decidingRule is the decision log's tracer.
func decidingRule(ctx context.Context, s *engine.Snapshot, document ast.Value, o engine.Options) (engine.Decision, string, error) {
	d, x, err := s.Explain(ctx, document, o, false)
	if err != nil {
		return d, "", err
	}
	return d, x.Rule(), nil
}

// record takes a decision to the log and to the shadow. Neither waits.
func (a *App) record(e decisionlog.Entry) {
	a.log.Put(e)
	a.candidate.put(e)
}
