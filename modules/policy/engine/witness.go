package engine

import (
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// witness watches one evaluation and notes what of the element it reads. Partial evaluation leaves out what can't change the answer, but not
// what can make a built-in function fail on the way to it. Without rule indexing, which looks at the input in silence, nothing is read
// but by the expressions that are evaluated; and what has not been read can't change what was.
type witness struct {
	finder
	seen map[*ast.Expr]bool
}

var _ topdown.QueryTracer = (*witness)(nil)

// Enabled implements topdown.QueryTracer.
func (*witness) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (*witness) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer.
func (w *witness) TraceEvent(e topdown.Event) {
	switch node := e.Node.(type) {
	case *ast.Expr:
		if e.Op == topdown.EvalOp && !w.seen[node] {
			w.seen[node] = true
			w.walk(node)
		}
	case *ast.Rule:
		if e.Op == topdown.EnterOp {
			w.walk(node.Head)
		}
	}
}

// watch evaluates in once more, which with a tracer is done without indexing, and tells what of its element was read. An index leaves rules out and can't add any: where all of them
// together come to the same decision and none fails, so does every selection.
func (s *Snapshot) watch(ctx context.Context, in *Input, d Decision, now time.Time, timeout time.Duration) reads {
	w := &witness{finder{present: map[*ast.Term]bool{}}, map[*ast.Expr]bool{}}
	all, err := s.Evaluate(ctx, in.value(s.reads, &s.terms), Options{Timeout: timeout, Now: now, Tracer: w})
	if err != nil || all.Allow != d.Allow || all.Reason != d.Reason {
		return s.reads & ofElement
	}
	return w.found & ofElement
}
