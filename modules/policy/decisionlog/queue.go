package decisionlog

import (
	"sync"
	"sync/atomic"
)

// Queue takes decisions to a goroutine of its own, without ever waiting for it.
type Queue struct {
	entries chan *Entry
	weight  atomic.Int64 // of the entries that wait
	most    int64
	closing sync.RWMutex // held for reading while sending: nothing is sent to a closed queue
	closed  bool
	done    chan struct{}
}

// What becomes of an entry.
const (
	Taken = iota
	Full
	Closed
)

// NewQueue starts the goroutine, which Close ends. At most so many entries wait, with so many bytes of bodies.
func NewQueue(entries int, bytes int64, work func(*Entry)) *Queue {
	q := &Queue{entries: make(chan *Entry, entries), most: bytes, done: make(chan struct{})}
	go func() {
		defer close(q.done)
		for e := range q.entries {
			q.weight.Add(-e.weight)
			work(e)
		}
	}()
	return q
}

// Put hands over e, which the caller must not touch again where it is taken.
func (q *Queue) Put(e *Entry) (what int) {
	e.weight = e.weigh()
	q.closing.RLock()
	defer q.closing.RUnlock()
	if q.closed {
		return Closed
	}
	if q.weight.Load()+e.weight > q.most {
		return Full
	}
	q.weight.Add(e.weight)
	select {
	case q.entries <- e:
		return Taken
	default:
		q.weight.Add(-e.weight)
		return Full
	}
}

// Close has what waits worked off, and ends the goroutine.
func (q *Queue) Close() {
	q.closing.Lock()
	first := !q.closed
	q.closed = true
	if first {
		close(q.entries)
	}
	q.closing.Unlock()
	<-q.done
}
