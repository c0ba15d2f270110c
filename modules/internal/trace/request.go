package trace

import (
	"net/http"
	"sync"
	"time"
)

// mostSpans is how many a request has; and mostActivity how many spans tell what passed on a socket.
const (
	mostSpans    = 128
	mostActivity = 100
)

// Request is the trace of one request. A nil Request is of none. It follows the handlers as cost.Follower, in the goroutine that serves the request; Begun
// and Activity may be called by any.
type Request struct {
	tracer  *Tracer
	trace   ID
	root    SpanID
	parent  SpanID
	link    Parent
	state   string
	header  string // traceparent
	sampled bool
	start   time.Time

	mu      sync.Mutex
	spans   []Span // of handlers and what they asked; those of handlers have no End while they are at work
	open    []int  // in spans: the handlers at work, outermost first
	further further
	left    int64 // spans that found no room
	over    bool
	told    int // spans of what passed on the socket
}

// further is what stands further in than the innermost handler.
type further struct {
	id         SpanID
	parent     SpanID
	start, end time.Time
	open       bool // it is at work, as far as is known
}

// ID is the trace's, in 32 hexadecimal digits; "" there is none.
func (q *Request) ID() string {
	if q == nil {
		return ""
	}
	return q.header[3:35]
}

// Span is the id of the request's outermost span, in 16 hexadecimal digits; "" there is none.
func (q *Request) Span() string {
	if q == nil {
		return ""
	}
	return q.header[36:52]
}

// Sampled tells whether spans are recorded.
func (q *Request) Sampled() bool { return q != nil && q.sampled }

// Begin says that a handler begins.
func (q *Request) Begin(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.further.open = false // it was no end of the path that was called, but this one
	if q.over || len(q.spans) >= mostSpans {
		q.left++
		q.open = append(q.open, -1)
		return
	}
	q.open = append(q.open, len(q.spans))
	q.spans = append(q.spans, Span{Trace: q.trace, ID: newSpanID(), Parent: q.top(), State: q.state, Name: name, Start: time.Now()})
}

// top is the innermost handler's span. It needs mu.
func (q *Request) top() SpanID {
	for i := len(q.open) - 1; i >= 0; i-- {
		if at := q.open[i]; at >= 0 && at < len(q.spans) {
			return q.spans[at].ID
		}
	}
	return q.root
}

// Inward says that the handler calls what stands further in, with r.
func (q *Request) Inward(r *http.Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	q.further = further{id: newSpanID(), parent: q.top(), start: time.Now(), open: true}
	if r != nil {
		r.Header.Set("Traceparent", Parent{q.trace, q.further.id, true}.String())
	}
}

// Back says that what stands further in has returned.
func (q *Request) Back() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.further.open {
		q.further.open, q.further.end = false, time.Now()
	}
}

// End says that the handler that began last has ended, and how much time of it was its own.
func (q *Request) End(own time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := len(q.open) - 1
	if n < 0 {
		return
	}
	at := q.open[n]
	q.open = q.open[:n]
	if q.over || at < 0 {
		return
	}
	s := &q.spans[at]
	s.End = time.Now()
	s.Attrs = append(s.Attrs, Number("gateway.own_us", own.Microseconds()))
}

// Begun says that a question to a store, a database or the like begins. The function that it returns says that it has ended, and whether well.
func (q *Request) Begun(name string, attrs []Attr) (ended func(error)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	parent, start := q.top(), time.Now()
	return func(err error) {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.over || len(q.spans) >= mostSpans {
			q.left++
			return
		}
		s := Span{Trace: q.trace, ID: newSpanID(), Parent: parent, State: q.state, Name: name, Kind: Client, Start: start, End: time.Now(), Attrs: attrs}
		if err != nil {
			s.Failed, s.Why = true, "the question failed" // what the error says may hold input
		}
		q.spans = append(q.spans, s)
	}
}
