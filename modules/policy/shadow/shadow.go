package shadow

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/replay"
)

// Options of a shadow.
type Options struct {
	Emit    func(*event.Event)      // takes events; it does not wait
	Live    func() *engine.Snapshot // the policy in force
	Rule    decisionlog.Tracer      // nil: events name no rules
	Timeout time.Duration           // of one decision
	Error   func(error)             // told of a panic; nil: nobody
}

const (
	queueLen    = 2048
	queueWeight = 16 << 20 // of bodies that wait
	mostCredit  = time.Second
	share       = 4   // of a processor one part in so many
	mostEvents  = 100 // a second
)

// Shadow compares a candidate with what was decided. A nil Shadow does nothing.
type Shadow struct {
	o         Options
	queue     *decisionlog.Queue
	candidate atomic.Pointer[engine.Snapshot]

	// The goroutine's alone.
	engine     *engine.Engine // of the candidate
	now        time.Time      // what policies take for now
	live       *engine.Snapshot
	rules      [2]*decisionlog.Rules // of the one in force, and of the candidate
	credit     time.Duration         // what deciding may still take
	since      time.Time             // when credit was reckoned
	second     int64                 // in which events were counted
	events     int
	unreported int // differences without an event
}

// Open starts a shadow with its goroutine, which Close ends. Without a candidate it does nothing.
func Open(o Options) *Shadow {
	if o.Error == nil {
		o.Error = func(error) {}
	}
	s := &Shadow{o: o, credit: mostCredit, since: time.Now(), rules: [2]*decisionlog.Rules{decisionlog.NewRules(o.Rule), decisionlog.NewRules(o.Rule)}}
	s.queue = decisionlog.NewQueue(queueLen, queueWeight, s.work)
	return s
}

// Swap makes c the candidate.
func (s *Shadow) Swap(c *engine.Snapshot) { s.candidate.Store(c) }

// Put takes a decision. It never waits.
func (s *Shadow) Put(e decisionlog.Entry) {
	if s == nil || s.candidate.Load() == nil || e.Unasked || e.List != nil || e.Decision.Failure != engine.None {
		return
	}
	s.take(e)
}

// take is the part of Put that puts the entry on the heap.
func (s *Shadow) take(e decisionlog.Entry) {
	if s.queue.Put(&e) == decisionlog.Full {
		skipped.Inc()
	}
}

// Close ends the goroutine.
func (s *Shadow) Close() {
	if s != nil {
		s.queue.Close()
	}
}

func (s *Shadow) work(e *decisionlog.Entry) {
	began := time.Now()
	s.credit, s.since = min(mostCredit, s.credit+began.Sub(s.since)/share), began
	if s.credit <= 0 {
		skipped.Inc()
		return
	}
	defer func() {
		if p := recover(); p != nil {
			s.o.Error(fmt.Errorf("the shadow panicked: %v", p))
		}
		s.credit -= time.Since(began)
	}()
	s.compare(e)
}

// current is the candidate's engine.
func (s *Shadow) current() *engine.Engine {
	c := s.candidate.Load()
	if s.engine == nil {
		s.engine = engine.New(c, s.o.Timeout, func() time.Time { return s.now })
	} else if s.engine.Snapshot() != c {
		s.engine.Swap(c)
	}
	return s.engine
}

func (s *Shadow) compare(e *decisionlog.Entry) {
	candidate := s.current()
	s.now = e.Time
	d, _ := candidate.Decide(context.Background(), &e.Input) // its failure says enough
	if d.Failure == engine.Grants {
		skipped.Inc() // the database's trouble is not the candidate's
		return
	}
	kind := replay.Compare(replay.OutcomeOf(e.Decision), replay.OutcomeOf(d))
	result := results[kind]
	if d.Failure != engine.None {
		result = "failed"
	}
	compared.WithLabelValues(result).Inc()
	if kind == "" || kind == replay.Reason { // a reworded reason differs in each decision
		return
	}
	if second := time.Now().Unix(); second != s.second {
		s.second, s.events = second, 0
	}
	if s.events++; s.events > mostEvents {
		s.unreported++
		return
	}
	s.tell(e, d, kind)
}

// tell makes the event of a difference.
func (s *Shadow) tell(e *decisionlog.Entry, d engine.Decision, kind string) {
	document := sync.OnceValue(e.Input.Value)
	o := engine.Options{Timeout: s.o.Timeout, Now: e.Time}
	diff := difference{entry: e, candidate: d, kind: kind, digest: e.Input.Digest(), unreported: s.unreported}
	diff.rules[0] = s.rule(0, s.liveOf(e.Decision.Revision), e, &e.Decision, document, o)
	diff.rules[1] = s.rule(1, s.engine.Snapshot(), e, &d, document, o)
	s.unreported = 0
	s.o.Emit(diff.event())
}

func (s *Shadow) rule(which int, snapshot *engine.Snapshot, e *decisionlog.Entry, d *engine.Decision, document func() ast.Value, o engine.Options) string {
	if d.Failure != engine.None {
		return ""
	}
	rule, err := s.rules[which].Find(snapshot, e.Input.Permission, d, document, o)
	if err != nil {
		return "" // it is told without
	}
	return rule
}

// liveOf is the policy in force, where it is the one that decided.
func (s *Shadow) liveOf(revision string) *engine.Snapshot {
	if s.live == nil || s.live.Revision != revision {
		s.live = s.o.Live()
	}
	if s.live == nil || s.live.Revision != revision {
		return nil
	}
	return s.live
}
