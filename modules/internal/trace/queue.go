package trace

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Exporter takes spans to where they are kept. Refused is what it will not take, whenever it is asked; any other error may pass.
type Exporter interface {
	Export(ctx context.Context, spans []Span) error
	Close() error
}

// Refused is an error that asking again does not mend.
type Refused struct {
	Err  error
	Some int // of the spans; 0 all of them
}

// Error says why.
func (r Refused) Error() string { return r.Err.Error() }

// Unwrap gives the reason.
func (r Refused) Unwrap() error { return r.Err }

const (
	batch    = 512              // spans in one request
	linger   = time.Second      // until spans go that do not fill one
	wait     = time.Second      // before a batch is tried again, each time twice as long
	tries    = 5                // then it is left out: what is old says little, and what is new needs the room
	sendTime = 10 * time.Second // of one try
	endTime  = 3 * time.Second  // for what waits at the end
)

// queue holds spans until the exporter has them.
type queue struct {
	most   int
	to     Exporter
	failed func(error)

	mu      sync.Mutex
	waiting []Span
	closed  bool
	full    chan struct{} // a batch waits
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{}
}

func startQueue(most int, to Exporter, failed func(error)) *queue {
	q := &queue{most: most, to: to, failed: failed, full: make(chan struct{}, 1), done: make(chan struct{})}
	q.ctx, q.cancel = context.WithCancel(context.Background()) // until Close
	go q.run()
	return q
}

// take never waits. Spans of one request are taken all or none.
func (q *queue) take(spans []Span) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.waiting)+len(spans) > q.most {
		lost.full.Add(float64(len(spans)))
		return
	}
	q.waiting = append(q.waiting, spans...)
	if len(q.waiting) >= batch {
		select {
		case q.full <- struct{}{}:
		default:
		}
	}
}

// next takes a batch out.
func (q *queue) next() (spans []Span, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), batch)
	spans = append(spans, q.waiting[:n]...)
	rest := copy(q.waiting, q.waiting[n:])
	clear(q.waiting[rest:])
	q.waiting = q.waiting[:rest]
	return spans, rest >= batch
}

func (q *queue) run() {
	defer close(q.done)
	tick := time.NewTicker(linger)
	defer tick.Stop()
	for {
		select {
		case <-q.ctx.Done():
			return
		case <-q.full:
		case <-tick.C:
		}
		for more := true; more && q.ctx.Err() == nil; {
			var spans []Span
			if spans, more = q.next(); len(spans) > 0 {
				q.send(spans)
			}
		}
	}
}

// send tries until the batch is taken, refused, or was tried often enough. At the end of the tracer it returns with one try still to come, by Close.
func (q *queue) send(spans []Span) {
	pause := wait
	for try := 1; ; try++ {
		err := q.export(q.ctx, spans)
		if count(err, len(spans)) {
			return
		}
		if q.ctx.Err() != nil {
			q.putBack(spans)
			return
		}
		if try == 1 && q.failed != nil {
			q.failed(err)
		}
		if try == tries {
			lost.failed.Add(float64(len(spans)))
			return
		}
		select {
		case <-time.After(pause):
			pause *= 2
		case <-q.ctx.Done():
			q.putBack(spans)
			return
		}
	}
}

func (q *queue) putBack(spans []Span) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(spans, q.waiting...)
}

func (q *queue) export(ctx context.Context, spans []Span) error {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	return q.to.Export(ctx, spans)
}

// count tells whether it is settled what becomes of n spans.
func count(err error, n int) bool {
	var no Refused
	switch {
	case err == nil:
		lost.sent.Add(float64(n))
	case errors.As(err, &no):
		if no.Some == 0 || no.Some > n {
			no.Some = n
		}
		lost.refused.Add(float64(no.Some))
		lost.sent.Add(float64(n - no.Some))
	default:
		return false
	}
	return true
}

// Close sends what waits, for three seconds at most, and counts the rest as lost. A nil Tracer has nothing.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	q := t.queue
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed = true
	q.mu.Unlock()
	q.cancel()
	<-q.done
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	for {
		spans, _ := q.next()
		if len(spans) == 0 {
			return q.to.Close()
		}
		if ctx.Err() != nil || !count(q.to.Export(ctx, spans), len(spans)) {
			lost.failed.Add(float64(len(spans)))
		}
	}
}
