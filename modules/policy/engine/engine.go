package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"

	"github.com/convosphere/gateway/modules/policy/classify"
)

// DefaultTimeout of one decision. A timeout that load can reach refuses good people, so it is far above what a decision takes.
const DefaultTimeout = 100 * time.Millisecond

// Decision is what the policy said. The zero value refuses.
type Decision struct {
	Allow       bool
	Reason      string // short, for events; never from input
	Obligations Obligations
	Revision    string // of the snapshot that decided
	Failure     Failure
	Parent      Object          // of the resource: the one in the input, or else the one that grants know
	Fields      *classify.Route // what the data say of the route's fields; nil: nothing, or the question did not ask (Input.Segments)
	Steady      bool            // it read nothing but input and data: it holds until one of these changes
	truncated   bool            // it holds although the body was not seen
}

// Obligations bind who enforces the decision.
type Obligations struct {
	StepUp   bool          // refused for now: allowed after a second factor
	MaxAge   time.Duration // how long ago it may have been given; 0: the policy does not say
	Mask     []string      // members of the answer to mask: "author.email"; of a list, of each element
	Encrypt  []string      // members of the body to encrypt before the back end gets them
	Tier     string        // for rate limits, from the next request on
	Log      string        // detail of the event: LogNone, LogBrief (also ""), LogFull
	Expires  time.Duration // how long the decision may be kept; 0: the policy does not say
	Incident string        // names what the decision is an incident of: "break-glass"; "" none
}

// How much of a decision is logged.
const (
	LogNone  = "none"  // no event of its own
	LogBrief = "brief" // the digest of the input
	LogFull  = "full"  // the input, masked
)

// Failure says why there is no decision, so that the request was refused. None where the policy decided.
type Failure string

// Kinds of failure.
const (
	None      Failure = ""
	Timeout   Failure = "timeout"   // it took too long
	Undefined Failure = "undefined" // the policy has no answer, or several
	Malformed Failure = "malformed" // the answer is not a decision
	Failed    Failure = "error"     // a built-in function failed
	Panicked  Failure = "panic"     // OPA did
	Grants    Failure = "grants"    // what the person was granted could not be asked
	Ambiguous Failure = "ambiguous" // the policy looks at a part of the request that servers read differently: it was not asked
)

// Unavailable tells that the same request may well be allowed later.
func (f Failure) Unavailable() bool { return f == Timeout || f == Grants }

// Refused is the decision where there is none. Fail closed: every failure ends here.
func Refused(f Failure, reason, revision string) Decision {
	return Decision{Reason: reason, Revision: revision, Failure: f}
}

// Engine decides with the snapshot that is current.
type Engine struct {
	current atomic.Pointer[Snapshot]
	timeout time.Duration
	now     func() time.Time
	slow    func(*Input, *Decision, time.Duration)
}

// New makes an engine. timeout 0 is the default; now is the clock that policies see.
func New(s *Snapshot, timeout time.Duration, now func() time.Time) *Engine {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	e := &Engine{timeout: timeout, now: now}
	e.current.Store(s)
	return e
}

// WatchSlow has slow told of each decision that was not remembered and took a quarter of the timeout or longer: a policy that grows
// slow is known before it refuses good people. It is called on the path of the request. Call it before the first decision.
func (e *Engine) WatchSlow(slow func(in *Input, d *Decision, took time.Duration)) { e.slow = slow }

// Swap makes s current. Decisions under way finish with the snapshot they began with.
func (e *Engine) Swap(s *Snapshot) { e.current.Store(s) }

// Snapshot is the current one.
func (e *Engine) Snapshot() *Snapshot { return e.current.Load() }

// Revision is that of the current snapshot.
func (e *Engine) Revision() string { return e.current.Load().Revision }

// Decide evaluates the policy. Fields and Classification of in are filled in. It never fails: what goes wrong refuses. err says what went wrong, for the log.
func (e *Engine) Decide(ctx context.Context, in *Input) (d Decision, err error) {
	s := e.current.Load()
	carries := in.classify(s.fields)
	d, err = e.decide(ctx, s, in)
	d.Fields = carries
	return d, err
}

// decide is Decide by one snapshot.
func (e *Engine) decide(ctx context.Context, s *Snapshot, in *Input) (d Decision, err error) {
	defer func() {
		if r := recover(); r != nil {
			d, err = Refused(Panicked, "the policy engine failed", s.Revision), fmt.Errorf("the policy engine panicked: %v", r)
		}
	}()
	var space [512]byte
	key, keyed := in.key(space[:0], s.reads)
	if keyed {
		if d, ok := s.memory.get(key); ok {
			return d, nil
		}
	}
	if why := s.Unreadable(in); why != nil { // fail closed: no error of anybody's here, so none for the log
		return Refused(Ambiguous, why.Error(), s.Revision), nil
	}
	began := time.Now()
	d, err = s.Evaluate(ctx, in.value(s.reads, &s.terms), Options{Timeout: e.timeout, Now: e.now()})
	if in.Truncated {
		d.unseen()
	}
	if took := time.Since(began); e.slow != nil && took >= e.timeout/4 {
		told := d // a copy, or each decision would be one on the heap
		e.slow(in, &told, took)
	}
	if err == nil && d.Steady && keyed {
		s.memory.put(key, d)
	}
	return d, err
}

// ReasonUnseen is the reason of a decision that would have allowed what it has not seen.
const ReasonUnseen = "the body is larger than the policy may see"

// unseen refuses, where the body was not seen, what does not hold without it. Fail closed.
func (d *Decision) unseen() {
	if d.Allow && !d.truncated {
		d.Allow, d.Reason, d.Obligations = false, ReasonUnseen, Obligations{}
	}
}

// Options of one evaluation.
type Options struct {
	Timeout time.Duration       // 0: the default
	Now     time.Time           // what the policy takes for now
	Tracer  topdown.QueryTracer // nil: none
}

// Evaluate decides about a document as Value makes it, without memory. A panic is the caller's.
func (s *Snapshot) Evaluate(ctx context.Context, document ast.Value, o Options) (d Decision, err error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	unsteady := builtins.NDBCache{} // what was asked of the clock, or of chance
	values, err := s.run(ctx, s.decision, document, unsteady, o)
	switch {
	case topdown.IsCancel(err):
		return Refused(Timeout, "the policy took too long", s.Revision), fmt.Errorf("no decision within %s", cmp.Or(o.Timeout, DefaultTimeout))
	case errors.Is(err, errGrants):
		return Refused(Grants, "grants can't be read", s.Revision), err
	case err != nil:
		var conflict *topdown.Error
		if errors.As(err, &conflict) && conflict.Code == topdown.ConflictErr {
			return Refused(Undefined, "the policy gives several answers", s.Revision), err
		}
		return Refused(Failed, "the policy failed", s.Revision), err
	}
	d, err = s.answer(values)
	d.Steady = err == nil && len(unsteady) == 0 && s.memory != nil
	return d, err
}

// run evaluates a query and gives all of its values. unsteady takes what was asked of the clock, or of chance; nil: nobody asks.
func (s *Snapshot) run(ctx context.Context, p *prepared, document ast.Value, unsteady builtins.NDBCache, o Options) (values []ast.Value, err error) {
	limit := startLimit(o.Timeout, s.waits)
	defer limit.stop()
	rules := newRuleCache()
	if o.Tracer == nil { // a trace shows how the values come about
		rules.constants = s.constants
	}
	q := s.evaluation(p, document, limit, o.Now).WithBaseCache(s.data).WithVirtualCache(rules).WithNDBuiltinCache(unsteady)
	if o.Tracer != nil {
		// Without the index each rule is tried, so that a trace shows why it did not hold.
		q = q.WithQueryTracer(o.Tracer).WithIndexing(false)
	}
	// The caller's context does not cancel: a client that goes away must not turn a decision into a failure, and the timeout
	// bounds it anyhow.
	ctx = context.WithoutCancel(ctx)
	if s.waits { // functions that wait do not ask the limit
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, limit.timeout)
		defer end()
	}
	err = q.Iter(ctx, func(r topdown.QueryResult) error {
		if t := r[result]; t != nil {
			values = append(values, t.Value)
		}
		return nil
	})
	rules.release()
	if err != nil && ctx.Err() != nil {
		err = &topdown.Error{Code: topdown.CancelErr, Message: err.Error()}
	}
	return values, err
}

// evaluation is what all evaluations have in common. An error of a built-in function is one of the evaluation.
func (s *Snapshot) evaluation(p *prepared, document ast.Value, l *limit, now time.Time) *topdown.Query {
	return topdown.NewQuery(p.query).
		WithQueryCompiler(p.queries).
		WithCompiler(p.compiler).
		WithStore(s.store).
		WithTransaction(s.read).
		WithBuiltins(s.functions).
		WithRuntime(s.runtime).
		WithInput(ast.NewTerm(document)).
		WithTime(now).
		WithCancel(l).
		WithStrictBuiltinErrors(true).
		WithMetrics(noMetrics).
		WithPrintHook(silent{})
}

// answer takes the one answer out of the values, strictly.
func (s *Snapshot) answer(values []ast.Value) (Decision, error) {
	if len(values) == 0 {
		return Refused(Undefined, "the policy gives no answer", s.Revision), errors.New(query + " is undefined")
	}
	if len(values) > 1 {
		return Refused(Undefined, "the policy gives several answers", s.Revision), errors.New(query + " has several values")
	}
	d, err := parseDecision(values[0])
	if err != nil {
		return Refused(Malformed, "the policy's answer is malformed", s.Revision), fmt.Errorf("%s: %w", query, err)
	}
	d.Revision = s.Revision
	return d, nil
}

// Members of a decision.
var (
	kAllow, kReason, kObligations = ast.StringTerm("allow"), ast.StringTerm("reason"), ast.StringTerm("obligations")
	kStepUp, kMaxAge              = ast.StringTerm("step_up"), ast.StringTerm("max_age")
	kMask, kTier, kLog            = ast.StringTerm("mask"), ast.StringTerm("tier"), ast.StringTerm("log")
	kEncrypt, kExpires, kIncident = ast.StringTerm("encrypt"), ast.StringTerm("expires"), ast.StringTerm("incident")
	kAllowTruncated               = ast.StringTerm("allow_truncated")
)

// noMetrics takes what OPA measures of itself: we measure around it.
var noMetrics = metrics.NoOp()
