package trace

import (
	"slices"
	"time"
)

// Answer is how a request ended.
type Answer struct {
	Name     string // of the outermost span: the method and the route's template
	Status   int
	Why      string // the problem answered, "" none
	Attrs    []Attr
	Upstream string // the back end that was asked, as the configuration names it; "" none was
}

// Finish hands over what was recorded. Of a socket it is called when that opens: what follows is told by Activity. Only the first call counts.
func (q *Request) Finish(a Answer, now time.Time) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.over {
		return
	}
	q.over = true
	if !q.sampled && !(q.tracer.errors && a.Status >= 500) {
		return
	}
	root := Span{
		Trace: q.trace, ID: q.root, Parent: q.parent, State: q.state, Link: q.link, Name: a.Name, Kind: Server, Start: q.start, End: now,
		Attrs: append(a.Attrs, Number("http.response.status_code", int64(a.Status))),
	}
	if a.Status >= 500 { // a client's own mistake is none of the server's, says the convention
		root.Failed, root.Why = true, a.Why
	}
	if q.left > 0 {
		root.Attrs = append(root.Attrs, Number("gateway.spans_left_out", q.left))
	}
	all := append([]Span{root}, q.spans...)
	for i := range all {
		if all[i].End.IsZero() { // a handler that is still at work, on a socket
			all[i].End = now
		}
	}
	if f, ok := q.furtherIn(a.Upstream, now); ok {
		all = append(all, f)
	}
	q.spans, q.open = nil, nil
	q.tracer.take(all)
}

// furtherIn is the span of the back end, or of whatever else answered further in.
func (q *Request) furtherIn(upstream string, now time.Time) (Span, bool) {
	f := q.further
	if f.open {
		f.end = now
	}
	if f.end.IsZero() {
		return Span{}, false
	}
	s := Span{Trace: q.trace, ID: f.id, Parent: f.parent, State: q.state, Name: "further in", Start: f.start, End: f.end}
	if upstream != "" {
		s.Name, s.Kind, s.Attrs = "back end", Client, []Attr{Text("server.address", upstream)}
	}
	return s, true
}

// Activity tells what passed on a socket between two times. mostActivity are told, and the last, which is of the whole.
func (q *Request) Activity(name string, from, to time.Time, last bool, attrs ...Attr) {
	if !q.Sampled() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.told >= mostActivity && !last {
		return
	}
	q.told++
	q.tracer.take([]Span{{Trace: q.trace, ID: newSpanID(), Parent: q.root, State: q.state, Name: name, Start: from, End: to, Attrs: slices.Clone(attrs)}})
}
