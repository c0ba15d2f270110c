package trace

import (
	"encoding/binary"
	"errors"
	"math"
	"net/http"
	"strings"
	"time"
)

// Config of a Tracer.
type Config struct {
	// Ratio is how many of the traces that begin here are recorded: 0 none, 1 all. A trace that a trusted proxy has begun is recorded if it is there.
	Ratio float64
	// Errors has requests that end with 5xx give their outermost span also where they are not sampled.
	Errors bool
	// Queue is how many spans may wait for the exporter; those that find no room are left out. 0: 8192.
	Queue    int
	Exporter Exporter
	Failed   func(error) // told when the exporter begins to fail, and why; nil nobody
}

// Tracer follows requests. A nil Tracer follows none.
type Tracer struct {
	below  uint64 // a trace is sampled whose id's last 8 bytes are less
	all    bool
	errors bool
	*queue
}

// New starts a tracer. Close ends it.
func New(c Config) (*Tracer, error) {
	if math.IsNaN(c.Ratio) || c.Ratio < 0 || c.Ratio > 1 {
		return nil, errors.New("sample: it is a part from 0 to 1")
	}
	if c.Queue == 0 {
		c.Queue = 8192
	}
	if c.Queue < batch || c.Queue > 1<<20 {
		return nil, errors.New("queue: it has room for 512 to 1048576 spans")
	}
	return &Tracer{uint64(c.Ratio * float64(1<<63)), c.Ratio == 1, c.Errors, startQueue(c.Queue, c.Exporter, c.Failed)}, nil
}

// sampled goes by the id alone, so that all who sample by the same ratio choose the same traces.
func (t *Tracer) sampled(id ID) bool { return t.all || binary.BigEndian.Uint64(id[8:])>>1 < t.below }

// Start begins the trace of a request, or goes on with that of a trusted caller. What a stranger says of traces is no part of ours: its trace is linked and
// what else it says (tracestate, baggage) is taken out. The request's headers then tell what stands further in of the trace.
func (t *Tracer) Start(r *http.Request, trusted bool, now time.Time) *Request {
	if t == nil {
		return nil
	}
	q := &Request{tracer: t, start: now}
	said, ok := parentOf(r.Header)
	switch {
	case ok && trusted:
		q.trace, q.parent, q.sampled = said.Trace, said.Span, said.Sampled
		q.root = newSpanID()
		q.state = stateOf(r.Header)
	default:
		q.trace, q.root = newIDs()
		q.sampled = t.sampled(q.trace)
		q.link = said
	}
	if !trusted {
		r.Header.Del("Tracestate")
		r.Header.Del("Baggage")
	}
	q.header = Parent{q.trace, q.root, q.sampled}.String()
	r.Header.Set("Traceparent", q.header)
	return q
}

// parentOf is what the one traceparent header says.
func parentOf(h http.Header) (Parent, bool) {
	if all := h["Traceparent"]; len(all) == 1 {
		return ParseParent(all[0])
	}
	return Parent{}, false
}

func stateOf(h http.Header) string {
	s := strings.Join(h["Tracestate"], ",")
	if len(s) > mostState || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		h.Del("Tracestate")
		return ""
	}
	return s
}
