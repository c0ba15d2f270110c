package ban

import (
	"net/netip"
	"sync"
)

// refusals counts who was turned away and is still to be told. One ban makes one event when it first bites, and one a minute for as long as it does: a flood
// that is refused must not fill the log in place of the back end.
type refusals struct {
	mu sync.Mutex
	m  map[netip.Prefix]*refusal
}

type refusal struct {
	source string
	count  int64 // since the last event
}

const mostRefusals = 10_000 // prefixes whose refusals are told at one time; the metrics count the rest

// note tells whether it is the first in a while, which is told at once.
func (r *refusals) note(b Ban) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.m[b.Prefix]; known != nil {
		known.count++
		return false
	}
	if len(r.m) >= mostRefusals {
		return false
	}
	if r.m == nil {
		r.m = map[netip.Prefix]*refusal{}
	}
	r.m[b.Prefix] = &refusal{source: b.Source}
	return true
}

// flush hands out what has been counted since the last time, and forgets who came no more.
func (r *refusals) flush(each func(p netip.Prefix, source string, count int64)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, known := range r.m {
		if known.count == 0 {
			delete(r.m, p)
			continue
		}
		each(p, known.source, known.count)
		known.count = 0
	}
}
