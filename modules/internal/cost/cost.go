// Package cost measures what each of the gateway's handlers adds to a request: the time of its own part, without what stands further in. It also knows which
// of them is at work, and so who refused a request.
//
// The same look is what traces are made of: a Follower is told of each handler.
//
// Of the requests every eighth is timed, as its random id says: two looks at the clock for each handler are cheap, but not free. What a handler
// does to an answer or a socket while it passes, inside of what stands further in, is not in its time; what it waits for the client's body is not, either.
package cost

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Part is a kind of handler.
type Part uint8

// The parts, outermost first.
const (
	Audit Part = iota
	Client
	Authenticate
	RateLimit
	WAF
	Portal
	Console
	Authorize
	Validate
	Upload
	Protect

	parts
)

// Names of the parts, as metrics, events and figures have them.
var names = [parts]string{"audit", "client", "authenticate", "rate_limit", "waf", "portal", "console", "authorize", "validate", "upload", "protect"}

// String is the part's name.
func (p Part) String() string { return names[p] }

// Parts are all of them.
func Parts() []Part {
	all := make([]Part, parts)
	for i := range all {
		all[i] = Part(i)
	}
	return all
}

// Handler is what stands further in: a caddyhttp.Handler.
type Handler interface {
	ServeHTTP(w http.ResponseWriter, r *http.Request) error
}

// Follower is told of the handlers as they begin and end, for the trace of the request (internal/trace).
type Follower interface {
	Begin(name string)
	// Inward comes before each call of what stands further in, with what it is called with, and Back after it.
	Inward(r *http.Request)
	Back()
	// End is of the handler that began last.
	End(own time.Duration)
}

// Clock follows one request through its handlers. It is used by the goroutine that serves the request, but Wait by any. The zero value times nothing.
type Clock struct {
	timed    bool
	counted  bool     // what is timed goes into the metrics, which are of requests chosen at random
	working  bool     // top itself, and not what stands further in
	follower Follower // nil nobody
	top      *span    // the innermost handler that has begun
	last     time.Duration
	waited   time.Duration // of wait, at last
	total    time.Duration
	wait     atomic.Int64
	spans    [parts]span
}

// span is one handler at work.
type span struct {
	clock   *Clock
	out     *span // the handler further out
	next    Handler
	own     time.Duration
	part    Part
	working bool // the one further out was, when this one began
	told    bool // the follower knows of it
}

// begun is what times are told from, since its clock does not jump.
var begun = time.Now()

// Sample has the request timed if its turn has come. id is of letters from A to Z and digits, at random.
func (c *Clock) Sample(id string) { // 4 of 32
	if id != "" && id[0] >= 'A' && id[0] <= 'D' {
		c.Time()
	}
}

// Time has the request timed.
func (c *Clock) Time() { c.timed, c.counted = true, true }

// Follow has f told of handlers that begin from now on. Their times are taken for it, but do not go into the metrics.
func (c *Clock) Follow(f Follower) { c.timed, c.follower = true, f }

// Begin says that a handler begins, and gives what it must call instead of next. End follows:
//
//	next = rc.Cost.Begin(cost.WAF, next)
//	defer rc.Cost.End()
func (c *Clock) Begin(p Part, next Handler) Handler {
	s := &c.spans[p]
	if s.clock != nil {
		s = new(span) // another of its kind stands further out
	}
	if c.timed {
		c.charge()
	}
	s.clock, s.out, s.next, s.own, s.part, s.working, s.told = c, c.top, next, 0, p, c.working, c.follower != nil
	c.top, c.working = s, true
	if s.told {
		c.follower.Begin(names[p])
	}
	return s
}

// End says that the handler that began last has ended.
func (c *Clock) End() {
	s := c.top
	if c.timed {
		c.charge()
	}
	if c.counted {
		c.count(s)
	}
	if s.told {
		c.follower.End(s.own)
	}
	c.top, c.working = s.out, s.working
	s.clock = nil
}

func (c *Clock) count(s *span) {
	if s.part != Portal && s.part != Console { // they are no step on the way to the back end, but what was asked for
		c.total += s.own
	}
	byPart[s.part].Observe(s.own.Seconds())
	if s.out == nil {
		all.Observe(c.total.Seconds())
		c.total = 0
	}
}

// ServeHTTP calls what stands further in: its time is its own.
func (s *span) ServeHTTP(w http.ResponseWriter, r *http.Request) error {
	if s.clock.timed {
		s.clock.charge()
	}
	if s.told {
		s.clock.follower.Inward(r)
	}
	s.clock.working = false
	defer s.back()
	return s.next.ServeHTTP(w, r)
}

func (s *span) back() {
	if s.clock.timed {
		s.clock.charge()
	}
	s.clock.top, s.clock.working = s, true
	if s.told {
		s.clock.follower.Back()
	}
}

// charge gives the time since the last look to whoever was at work.
func (c *Clock) charge() {
	now, waited := time.Since(begun), time.Duration(c.wait.Load())
	if c.working {
		c.top.own += max(0, now-c.last-(waited-c.waited))
	}
	c.last, c.waited = now, waited
}

// Waiting is when a wait for the client begins, for Waited. It is 0 where nothing is timed.
func (c *Clock) Waiting() time.Duration {
	if !c.timed {
		return 0
	}
	return time.Since(begun)
}

// Waited takes a wait for the client out of the time of whoever waited.
func (c *Clock) Waited(since time.Duration) {
	if c.timed {
		c.wait.Add(int64(time.Since(begun) - since))
	}
}

// At is the name of the handler that is at work; "" none is, or one that stands further in than all that began.
func (c *Clock) At() string {
	if !c.working || c.top == nil {
		return ""
	}
	return c.top.part.String()
}

// Buckets are the upper ends of what durations are counted by, in seconds: a microsecond to half a second, each twice the one before.
func Buckets() []float64 { return prometheus.ExponentialBuckets(1e-6, 2, 20) }
