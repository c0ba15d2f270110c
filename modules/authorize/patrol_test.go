package authorize

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// rooms is a socket that needs a grant to be opened, and is silent from then on.
const rooms = `
	socket /ws/{room} {
		permission room:read
		resource room:{room}
		pass news
	}
`

// A socket whose handshake would be refused now is closed, also when nothing passes on it.
func TestSilentSocketsFollowGrants(t *testing.T) {
	e := newEnv(t, rooms, "")
	grantRoom(t, e, "a", "b")
	a, b := dial(t, e, "/ws/a", "ursula/user"), dial(t, e, "/ws/b", "ursula/user")
	s := grant.New(e.ground().DB, e.ground().Feed, time.Now)
	defer s.Close()
	if err := s.Apply(context.Background(), nil, []grant.Grant{{Subject: "ursula", Object: "room:a"}}); err != nil {
		t.Fatal(err)
	}
	a.closes(websocket.StatusPolicyViolation, "after the grant was revoked")
	b.hears(`{"type":"news"}`)
	got := e.events("socket-refused", 1)
	if len(got) != 1 || got[0]["event.reason"] != "no grant on the resource" || got[0]["user.id"] != "id-ursula" || got[0]["gateway.route"] != "GET /ws/{room}" {
		t.Errorf("%v", got)
	}
}

// A grant that ends takes its sockets with it, without anybody doing anything.
func TestSilentSocketsEndWithTheirGrants(t *testing.T) {
	e := newEnv(t, rooms, "")
	s := grant.New(e.ground().DB, e.ground().Feed, time.Now)
	defer s.Close()
	if err := s.Apply(context.Background(), []grant.Grant{{Subject: "ursula", Relation: "member", Object: "room:a", Expires: time.Now().Add(2 * time.Second)}}, nil); err != nil {
		t.Fatal(err)
	}
	l := dial(t, e, "/ws/a", "ursula/user")
	l.closes(websocket.StatusPolicyViolation, "after the grant has ended")
}

// closing is a socket that is closed.
type closing struct {
	mu     sync.Mutex
	code   int
	reason string
}

func (c *closing) Close(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.code, c.reason = code, reason
}

func (c *closing) closed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code
}

// beat is one open socket under a patrol whose rounds the test makes.
type beat struct {
	t      *testing.T
	policy *counting
	now    time.Time
	conn   closing
	post   *post
	patrol *patrol
}

func newBeat(t *testing.T, d engine.Decision) *beat {
	b := &beat{t: t, policy: &counting{decision: d}, now: time.Now(), patrol: newPatrol(time.Hour)}
	h := &Handler{policy: b.policy, now: func() time.Time { return b.now }, ground: newGround()}
	b.post = &post{h: h, ctx: t.Context(), conn: &b.conn, allowed: func(engine.Decision) {}, refused: func(string) {}}
	b.post.verdict = h.settle(t.Context(), &b.post.in)
	end := b.patrol.add(b.post)
	t.Cleanup(end)
	return b
}

// round expects so many questions, and the code that the socket is closed with.
func (b *beat) round(asked uint64, code int) {
	b.t.Helper()
	before := b.policy.asked.Load()
	b.patrol.round()
	if got := b.policy.asked.Load() - before; got != asked {
		b.t.Errorf("asked %d times, want %d", got, asked)
	}
	if got := b.conn.closed(); got != code {
		b.t.Errorf("closed with %d, want %d", got, code)
	}
}

func TestPatrolAsksOnlyWhatMayHaveChanged(t *testing.T) {
	b := newBeat(t, engine.Decision{Allow: true, Revision: "r1", Steady: true})
	b.round(0, 0)
	b.now = b.now.Add(24 * time.Hour)
	b.round(0, 0) // a steady decision holds until something changes
	b.policy.stamp.Add(1)
	b.round(1, 0)
	b.round(0, 0)
	b.policy.decision.Revision = "r2"
	b.policy.revision.Add(1)
	b.round(1, 0)
	b.round(0, 0)
	b.policy.decision.Allow = false
	b.policy.revision.Add(1)
	b.round(1, 1008)
}

func TestDecisionsExpire(t *testing.T) {
	for name, c := range map[string]struct {
		steady  bool
		expires time.Duration
		holds   time.Duration // 0: for ever
	}{
		"steady":                     {true, 0, 0},
		"steady, but not for long":   {true, time.Minute, time.Minute},
		"by the clock":               {false, 0, keepTime},
		"by the clock, and it knows": {false, time.Hour, time.Hour},
		"by the clock, for a second": {false, time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBeat(t, engine.Decision{Allow: true, Revision: "r1", Steady: c.steady, Obligations: engine.Obligations{Expires: c.expires}})
			if c.holds == 0 {
				b.now = b.now.Add(1000 * time.Hour)
				b.round(0, 0)
				return
			}
			b.now = b.now.Add(c.holds - 1)
			b.round(0, 0)
			b.now = b.now.Add(1)
			b.round(1, 0) // still allowed, and kept for as long again
			b.now = b.now.Add(c.holds - 1)
			b.round(0, 0)
			b.now = b.now.Add(1)
			b.policy.decision.Allow = false
			b.round(1, 1008)
		})
	}
}

// While grants can't be asked a socket stays open, but not for long.
func TestSocketsThatCanNotBeDecided(t *testing.T) {
	b := newBeat(t, engine.Decision{Allow: true, Revision: "r1", Steady: true})
	good := b.policy.decision
	b.policy.decision = engine.Refused(engine.Grants, "grants can't be read", "r1")
	b.policy.stamp.Add(1)
	b.round(1, 0)
	b.now = b.now.Add(undecidedFor - 1)
	b.round(1, 0)
	b.policy.decision = good
	b.round(1, 0)
	b.policy.decision = engine.Refused(engine.Grants, "grants can't be read", "r1")
	b.policy.stamp.Add(1)
	b.now = b.now.Add(1)
	b.round(1, 0) // the time begins anew
	b.now = b.now.Add(undecidedFor)
	b.round(1, 1013)
}

// Where grants can't be asked for one socket, it is not tried for all others of the round.
func TestPatrolDoesNotInsist(t *testing.T) {
	b := newBeat(t, engine.Decision{Allow: true, Revision: "r1", Steady: true})
	for range 1000 {
		s := &post{h: b.post.h, ctx: t.Context(), conn: new(closing), allowed: func(engine.Decision) {}, refused: func(string) {}, verdict: b.post.verdict}
		t.Cleanup(b.patrol.add(s))
	}
	b.policy.decision = engine.Refused(engine.Grants, "grants can't be read", "r1")
	b.policy.stamp.Add(1)
	b.patrol.round()
	if n := b.policy.asked.Load() - 1; n == 0 || n > patrolAtATime {
		t.Errorf("asked %d times", n)
	}
}

// The goroutine is there while sockets are, and no longer.
func TestPatrolEndsWithTheLastSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails where a goroutine is left
		p := newPatrol(time.Second)
		h := &Handler{policy: &counting{decision: engine.Decision{Allow: true, Revision: "r1"}}, now: time.Now, ground: newGround()}
		for range 3 {
			var ends []func()
			for range 10 {
				s := &post{h: h, ctx: t.Context(), conn: new(closing), allowed: func(engine.Decision) {}, refused: func(string) {}}
				ends = append(ends, p.add(s))
			}
			time.Sleep(10 * time.Second)
			for _, end := range ends {
				end()
			}
		}
		if p.stop != nil || len(p.open) != 0 {
			t.Error("it goes on")
		}
	})
}

// slow is a policy that takes its time, and tells when it is asked.
type slow struct {
	counting
	begun, answer chan struct{}
	decided       atomic.Bool
}

func (s *slow) Decide(context.Context, *engine.Input) engine.Decision {
	s.begun <- struct{}{}
	<-s.answer
	s.decided.Store(true)
	return engine.Decision{}
}

// What a request holds is used until its socket is no longer looked after, and not longer.
func TestTheEndWaitsForADecisionUnderWay(t *testing.T) {
	p, s := newPatrol(time.Millisecond), &slow{begun: make(chan struct{}), answer: make(chan struct{})}
	h := &Handler{policy: s, now: time.Now, ground: newGround()}
	end := p.add(&post{h: h, ctx: t.Context(), conn: new(closing), allowed: func(engine.Decision) {}, refused: func(string) {}, in: engine.Input{Identity: &reqctx.Identity{}}})
	<-s.begun
	ended := make(chan struct{})
	go func() {
		end()
		close(ended)
	}()
	select {
	case <-ended:
		t.Error("it ended while the decision was under way")
	default:
	}
	close(s.answer)
	<-ended
	if !s.decided.Load() {
		t.Error("it ended before the decision was made")
	}
}

// BenchmarkPatrol is a round over sockets about which nothing has changed.
func BenchmarkPatrol(b *testing.B) {
	p := newPatrol(time.Hour)
	h := &Handler{policy: &counting{decision: engine.Decision{Allow: true, Revision: "r1", Steady: true}}, now: time.Now, ground: newGround()}
	for i := range 10_000 {
		s := &post{h: h, ctx: b.Context(), conn: new(closing), in: engine.Input{Resource: engine.Object{Type: "room", ID: fmt.Sprint(i)}}}
		s.verdict = h.settle(b.Context(), &s.in)
		b.Cleanup(p.add(s))
	}
	for b.Loop() {
		p.round()
	}
}
