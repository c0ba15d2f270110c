package decisionlog

import (
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// Rules remembers which rule gives which reason. A policy has few pairs of permission and reason, so few decisions are made again. It
// is one goroutine's.
type Rules struct {
	trace  Tracer
	known  map[kind]string
	credit time.Duration // what tracing may still take
	since  time.Time     // when credit was reckoned
}

// kind is what has one rule.
type kind struct {
	revision, permission, reason string
	allow                        bool
}

const (
	mostRules  = 4096
	mostCredit = 500 * time.Millisecond
	share      = 10 // of the time one part in so many: a policy with a thousand reasons must not keep the processor busy
)

// NewRules finds rules by t; with none, it finds none.
func NewRules(t Tracer) *Rules {
	return &Rules{trace: t, known: map[kind]string{}, credit: mostCredit, since: time.Now()}
}

// Find returns the file and line of the rule that gave the decision's reason, "" where that can't be told, or not now.
// document is only called where the decision is made again.
func (r *Rules) Find(s *engine.Snapshot, permission string, d *engine.Decision, document func() ast.Value, o engine.Options) (string, error) {
	if r.trace == nil || s == nil {
		return "", nil
	}
	k := kind{d.Revision, permission, d.Reason, d.Allow}
	if rule, ok := r.known[k]; ok {
		return rule, nil
	}
	began := time.Now()
	r.credit, r.since = min(mostCredit, r.credit+began.Sub(r.since)/share), began
	if r.credit <= 0 {
		return "", nil
	}
	defer func() { r.credit -= time.Since(began) }()
	again, rule, err := r.trace(context.Background(), s, document(), o)
	if err != nil {
		return "", err
	}
	if again.Allow != k.allow || again.Reason != k.reason {
		rule = "" // the gateway's own reason, not the policy's
	}
	if len(r.known) >= mostRules { // reasons that are made of something else than the policy's text
		clear(r.known)
	}
	r.known[k] = rule
	return rule, nil
}
