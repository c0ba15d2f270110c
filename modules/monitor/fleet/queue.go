package fleet

import "sync"

// item is a line that waits to be sent to a partition.
type item struct {
	partition int
	line      []byte
}

// queue holds lines that wait to be sent, up to a number of bytes.
type queue struct {
	mu    sync.Mutex
	items []item
	notes []item // that go before all others
	bytes int
	most  int
}

// put adds a line at the end; false where there is no room.
func (q *queue) put(p int, line []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+len(line) > q.most {
		return false
	}
	q.items = append(q.items, item{p, line})
	q.bytes += len(line)
	return true
}

// first adds a line before all that put adds. What does not fit is left out: then something is told twice.
func (q *queue) first(p int, line []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.notes) < 1<<16 {
		q.notes = append(q.notes, item{p, line})
	}
}

// take gives all that waits at the end, and empties it.
func (q *queue) take() []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items, q.bytes = nil, 0
	return items
}

// takeNotes gives what goes first.
func (q *queue) takeNotes() []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	notes := q.notes
	q.notes = nil
	return notes
}

// back puts items back before all others.
func (q *queue) back(items []item) {
	if len(items) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(items, q.items...)
	for _, i := range items {
		q.bytes += len(i.line)
	}
}

func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}
