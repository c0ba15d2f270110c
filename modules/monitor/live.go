package monitor

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/risk"
	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/detect/correlate"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/engine"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

const (
	queued   = 8192 // events that may wait to be looked at
	findings = 1024 // findings that may wait to be worked on
	// sayEvery is how often it is said that events went unseen.
	sayEvery = time.Minute
	// leaveTime is how long findings that wait are worked on when the last configuration ends.
	leaveTime = 5 * time.Second
)

// lives are what watches a data folder's events, whichever configuration is in force: what was counted so far is not lost at a reload.
var lives = caddy.NewUsagePool()

// live takes events from the bus, in their order, and looks at each beside the requests.
type live struct {
	engine  *engine.Engine
	bus     *event.Bus
	risk    *risk.Table
	detach  func()
	queue   chan *seen
	spare   chan *seen // to be used again
	found   chan *finding.Finding
	fleet   atomic.Pointer[member] // nil: this gateway counts for itself
	current atomic.Pointer[App]    // the configuration in force; nil: none yet, or it has ended
	unseen  atomic.Int64           // events that found no place, not yet said
	working sync.Mutex             // held while findings are worked on
	told    string                 // the digest of the rules that were said to be in force
	ends    context.CancelFunc
	running sync.WaitGroup
}

// seen is one event that waits, with what of it is not written, or what the fleet found.
type seen struct {
	line            []byte
	query, referrer string
	found           *finding.Finding
}

// unwritten adds to the event what its line does not tell.
func (s *seen) unwritten() func(*ecs.Event) {
	if s.query == "" && s.referrer == "" {
		return nil
	}
	return func(e *ecs.Event) {
		if s.query != "" {
			e.Set("url.query", s.query)
		}
		if s.referrer != "" {
			e.Set("http.request.referrer", s.referrer)
		}
	}
}

func (a *App) openLive() error {
	key := a.ground.DataDir
	v, _, err := lives.LoadOrNew(key, func() (caddy.Destructor, error) { return watch(a.ground), nil })
	if err != nil {
		return err
	}
	a.live = v.(*live)
	a.give = append(a.give, func() error {
		_, err := lives.Delete(key)
		return err
	})
	return nil
}

func watch(g *ground.Ground) *live {
	ctx, cancel := context.WithCancel(context.Background()) // it outlives the configuration that opened it: Destruct ends it
	l := &live{
		bus: g.Events, risk: g.Risk, ends: cancel,
		queue: make(chan *seen, queued), spare: make(chan *seen, queued), found: make(chan *finding.Finding, findings),
	}
	l.engine = engine.New(engine.Options{Windows: correlate.Options{Route: l.route}})
	l.running.Go(l.look)
	l.running.Go(func() { l.work(ctx) })
	l.detach = g.Events.Attach(l)
	return l
}

// Destruct implements caddy.Destructor: what waits is looked at, then all ends.
func (l *live) Destruct() error {
	l.detach()
	close(l.queue)
	l.ends()
	l.running.Wait()
	return nil
}

func (l *live) use(a *App) {
	l.working.Lock()
	defer l.working.Unlock()
	l.engine.Swap(a.rules)
	l.engine.Unusual(a.Anomaly.options())
	l.count(a)
	l.current.Store(a)
	l.tellRules(a)
}

// swap has other rules of a's looked for, if a is in force; if it will be, from then on.
func (l *live) swap(a *App, rules *detect.Rules) {
	l.working.Lock()
	defer l.working.Unlock()
	a.rules = rules
	if l.current.Load() == a {
		l.engine.Swap(rules)
		l.tellRules(a)
	}
}

// leave ends what a configuration does about findings. Unless another one has taken its place, it works on those that wait.
func (l *live) leave(a *App) {
	l.working.Lock()
	defer l.working.Unlock()
	if l.current.Load() != a {
		return
	}
	defer l.current.Store(nil)
	l.fleet.Store(nil)
	ctx, cancel := context.WithTimeout(context.Background(), leaveTime) // the process ends, what waits is finished: but not for longer than whoever stops it waits
	defer cancel()
	for {
		select {
		case f, ok := <-l.found:
			if !ok {
				return
			}
			if ctx.Err() != nil { // it is in the events; nobody acts on it
				unworked.Inc()
				continue
			}
			a.take(ctx, f)
		default:
			return
		}
	}
}

// Write implements event.Sink. It never waits: open, as detection must not slow down what it watches.
func (l *live) Write(r *event.Record) {
	if engine.Own(r.Event.Action) {
		return
	}
	var s *seen
	select {
	case s = <-l.spare:
	default:
		s = new(seen)
	}
	s.line, s.query, s.referrer = append(s.line[:0], r.Line...), r.Event.Query, r.Event.Referrer
	select {
	case l.queue <- s:
	default:
		unseen.Inc()
		l.unseen.Add(1)
	}
}

// look has the engine see one event after the other.
func (l *live) look() {
	defer close(l.found)
	var said time.Time
	for s := range l.queue {
		l.lookAt(s)
		select {
		case l.spare <- s:
		default:
		}
		if l.unseen.Load() > 0 && time.Since(said) > sayEvery {
			said = time.Now()
			l.sayUnseen(l.unseen.Swap(0))
		}
	}
}

func (l *live) lookAt(s *seen) {
	if f := s.found; f != nil {
		s.found = nil
		l.engine.Taint(f)
		l.tell(f)
		return
	}
	if err := l.engine.See(s.line, s.unwritten(), l.tellOwn); err != nil { // the bus wrote it: it can't be
		unseen.Inc()
	}
	events.Inc()
}

// tell writes a finding down and hands it on.
func (l *live) tell(f *finding.Finding) {
	countFinding(f)
	raise(l.risk, f)
	l.bus.Emit(eventOf(f))
	select {
	case l.found <- f:
	default: // it is in the events; nobody acts on it
		unworked.Inc()
	}
}

// work has the configuration in force act on findings.
func (l *live) work(ctx context.Context) {
	for f := range l.found {
		l.workOn(ctx, f)
	}
}

func (l *live) workOn(ctx context.Context, f *finding.Finding) {
	l.working.Lock()
	defer l.working.Unlock()
	if a := l.current.Load(); a != nil {
		a.take(ctx, f)
	}
}

func (l *live) sayUnseen(n int64) {
	l.bus.Emit(&event.Event{
		Category: "process", Action: "monitor-behind", Outcome: event.Failure, Reason: "events come faster than they can be looked at",
		Fields: []zap.Field{zap.Int64("gateway.monitor.unseen", n)},
	})
}
