package authorize

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/modules/policy/engine"
)

const (
	patrolEvery   = 500 * time.Millisecond // a change is heard of within a quarter of a second: together less than a second
	patrolAtATime = 8
	undecidedFor  = 30 * time.Second // that a socket stays open while nothing can be decided
)

// patrol has the handshakes of open sockets decided again when their decisions no longer hold, also of sockets on which nothing passes. It runs while any is open.
type patrol struct {
	every time.Duration

	mu   sync.Mutex
	open map[*post]struct{}
	stop chan struct{} // of the goroutine that runs; nil: none does
}

// post is one open socket.
type post struct {
	h    *Handler
	ctx  context.Context // the request's
	conn interface{ Close(code int, reason string) }
	in   engine.Input // of the handshake

	allowed func(engine.Decision) // told of each new decision
	refused func(reason string)   // told why the socket is closed

	mu        sync.Mutex
	ended     bool
	verdict   verdict
	undecided time.Time // since when nothing can be decided; zero: it can
}

func newPatrol(every time.Duration) *patrol { return &patrol{every: every, open: map[*post]struct{}{}} }

// add begins to look after a socket, until end is called. When that has returned, nobody looks after it any more.
func (p *patrol) add(s *post) (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[s] = struct{}{}
	if p.stop == nil {
		p.stop = make(chan struct{})
		go p.run(p.stop)
	}
	return func() {
		p.remove(s)
		s.mu.Lock() // a decision under way uses what the request holds
		defer s.mu.Unlock()
		s.ended = true
	}
}

func (p *patrol) remove(s *post) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, s)
	if len(p.open) == 0 && p.stop != nil {
		close(p.stop)
		p.stop = nil
	}
}

func (p *patrol) run(stop chan struct{}) {
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			p.round()
		}
	}
}

// round looks at each socket once. When grants can't be asked, one has asked for all.
func (p *patrol) round() {
	p.mu.Lock()
	posts := make([]*post, 0, len(p.open))
	for s := range p.open {
		posts = append(posts, s)
	}
	p.mu.Unlock()
	var down atomic.Bool
	var asking errgroup.Group
	asking.SetLimit(patrolAtATime)
	for _, s := range posts {
		if !s.holds() {
			asking.Go(func() error {
				s.again(&down)
				return nil
			})
		}
	}
	_ = asking.Wait() // none of them fails
}

func (s *post) holds() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended || s.h.holds(&s.verdict)
}

// again decides anew, and closes the socket that would not be opened now.
func (s *post) again(down *atomic.Bool) {
	if code, reason := s.decide(down); code != 0 {
		s.conn.Close(code, reason)
	}
}

// decide returns the code to close with, 0 for none.
func (s *post) decide(down *atomic.Bool) (code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return 0, ""
	}
	v := verdict{decision: engine.Decision{Failure: engine.Grants}}
	if !down.Load() {
		v = s.h.settle(s.ctx, &s.in)
	}
	switch d := &v.decision; {
	case d.Allow:
		s.verdict, s.undecided = v, time.Time{}
		s.h.remember(s.in.Identity, d)
		s.allowed(v.decision)
		return 0, ""
	case !d.Failure.Unavailable():
		socketsClosed.WithLabelValues("refused").Inc()
		s.refused(d.Reason)
		return wsframe.CodePolicy, "Not allowed any more"
	case d.Failure == engine.Grants:
		down.Store(true)
	}
	now := s.h.now()
	if s.undecided.IsZero() {
		s.undecided = now
	}
	if now.Sub(s.undecided) < undecidedFor {
		return 0, ""
	}
	// Fail closed: what the socket rests on may be gone for that long.
	socketsClosed.WithLabelValues("undecided").Inc()
	return wsframe.CodeTryLater, "Temporarily unavailable"
}
