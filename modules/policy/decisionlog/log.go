package decisionlog

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// Which decisions are events.
const (
	All    = "all"
	Denied = "denied"
	Off    = "off"
)

// Options of a log.
type Options struct {
	What     string                      // All, Denied or Off; a decision whose obligation is LogFull is an event but for Off
	Emit     func(*event.Event)          // takes events; it does not wait
	Snapshot func() *engine.Snapshot     // the one in force
	Rule     Tracer                      // nil: events name no rule
	Sample   func(*engine.Decision) bool // which decisions are captured; nil: none
	Capture  func(*Captured)             // takes what is captured; it does not wait
	Timeout  time.Duration               // of the evaluations that the log makes itself
	Error    func(error)                 // told of what went wrong; nil: nobody
}

// Tracer decides again, and names the rule that the decision comes from, as "messages.rego:14".
type Tracer func(ctx context.Context, s *engine.Snapshot, document ast.Value, o engine.Options) (d engine.Decision, rule string, err error)

const (
	queueLen    = 8192
	queueWeight = 64 << 20 // of bodies that wait
)

// Log takes decisions. A nil Log takes none.
type Log struct {
	o     Options
	queue *Queue
	lost  atomic.Int64 // not yet told of

	mu       sync.Mutex // after Close, requests write: until then the goroutine is alone
	rules    *Rules
	snapshot *engine.Snapshot // of the last decision
	hides    bool             // some policy so far hid parts of results
	troubled time.Time        // when Error was last told
}

// Open starts a log with its goroutine, which Close ends.
func Open(o Options) *Log {
	if o.Error == nil {
		o.Error = func(error) {}
	}
	l := &Log{o: o, rules: NewRules(o.Rule)}
	l.queue = NewQueue(queueLen, queueWeight, l.write)
	return l
}

// wants tells whether a decision is an event.
func (l *Log) wants(d *engine.Decision) bool {
	switch {
	case l.o.What == Off, d.Obligations.Log == engine.LogNone && d.Failure == engine.None:
		return false
	case l.o.What == Denied:
		return !d.Allow || d.Obligations.Log == engine.LogFull
	}
	return true
}

// Put takes a decision, whose parts the caller must not change any more. It never waits. Fail open: a decision that finds no room is lost to the log, and counted.
func (l *Log) Put(entry Entry) {
	if l == nil {
		return
	}
	entry.told = l.wants(&entry.Decision)
	entry.captured = l.o.Sample != nil && entry.List == nil && !entry.Unasked && l.o.Sample(&entry.Decision)
	if !entry.told && !entry.captured {
		return
	}
	l.take(entry)
}

// take is the part of Put that puts the entry on the heap.
func (l *Log) take(entry Entry) {
	switch l.queue.Put(&entry) {
	case Closed:
		l.write(&entry) // a request that a reload overtook
	case Full:
		l.lost.Add(1)
		dropped.Inc()
	}
}

// Close writes what waits, and ends the goroutine.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.queue.Close()
	l.tell()
}

// tell says what was lost, now that there is room.
func (l *Log) tell() {
	if n := l.lost.Swap(0); n > 0 {
		l.o.Emit(&event.Event{
			Category: "iam", Action: "policy-decisions-dropped", Outcome: event.Failure, Reason: "the decision log could not keep up",
			Fields: []zap.Field{zap.Int64("gateway.decision.dropped", n)},
		})
	}
}

// write makes the event of an entry. Whatever goes wrong on the way, the event goes out, with less in it.
func (l *Log) write(e *Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell()
	r := &record{Entry: e, id: rand.Text(), shown: e.Decision}
	l.guarded(func() { l.enrich(r) })
	if e.captured {
		l.guarded(func() { l.capture(r) })
	}
	if e.told {
		l.o.Emit(r.event())
		written.Inc()
	}
}

// capture hands over the whole input. What can't be written as JSON is in the event alone.
func (l *Log) capture(r *record) {
	c, err := r.capture()
	if err != nil {
		l.complain(fmt.Errorf("capturing a decision: %w", err))
		return
	}
	l.o.Capture(c)
}

// guarded keeps a panic in the policy engine from ending the process.
func (l *Log) guarded(f func()) {
	defer func() {
		if p := recover(); p != nil {
			l.complain(fmt.Errorf("the decision log panicked: %v", p))
		}
	}()
	f()
}

// complain tells of one error a second: what fails for one decision may fail for each.
func (l *Log) complain(err error) {
	if now := time.Now(); now.Sub(l.troubled) >= time.Second {
		l.troubled = now
		l.o.Error(err)
	}
}

// enrich finds out what the request had no time for.
func (l *Log) enrich(r *record) {
	r.document = sync.OnceValue(r.Input.Value) // most need none
	s := l.of(r.Decision.Revision)
	o := engine.Options{Timeout: l.o.Timeout, Now: r.Time}
	if r.told {
		l.mask(r, s, o)
	}
	r.digest = r.Input.Digest()
	if r.Decision.Failure == engine.None && !r.Unasked && r.List == nil {
		var err error
		if r.rule, err = l.rules.Find(s, r.Input.Permission, &r.Decision, r.document, o); err != nil {
			l.complain(fmt.Errorf("finding the rule of a decision: %w", err))
		}
	}
}

// mask hides what the policy says. Most policies hide nothing of results: of what is not logged in full they need not be asked.
func (l *Log) mask(r *record, s *engine.Snapshot, o engine.Options) {
	l.hides = l.hides || s != nil && s.HidesResults()
	hides := l.hides && (s == nil || s.HidesResults())
	if !hides && !r.full() {
		return
	}
	r.withhold(hides) // until it is known what may be shown: the policy engine may panic
	if s == nil {
		return // its masks went with the policy
	}
	masked := *r
	masked.shown, masked.withheld, masked.resultWithheld = r.Decision, false, false
	if err := masked.mask(s, o); err != nil { // fail closed: what can't be masked is not shown
		l.complain(fmt.Errorf("masking a decision: it is left out: %w", err))
		return
	}
	*r = masked
}

// of is the snapshot that decided; nil where it is not in force any more, and was not the one before.
func (l *Log) of(revision string) *engine.Snapshot {
	if l.snapshot != nil && l.snapshot.Revision == revision {
		return l.snapshot
	}
	s := l.o.Snapshot()
	if s == nil || s.Revision != revision {
		return nil
	}
	l.snapshot = s
	return s
}
