package ban

import (
	"net/netip"
	"sync"
)

// watches are the open sockets and who they belong to.
type watches struct {
	mu  sync.Mutex
	all map[*watch]struct{}
}

type watch struct {
	list *List
	ip   netip.Addr
	f    func(Ban)
}

// Watch calls f once, in a goroutine of its own, when the address is banned: within a second of the ban, at once where it is banned already. cancel ends the
// wait; it does not wait for an f that runs.
func (l *List) Watch(ip netip.Addr, f func(Ban)) (cancel func()) {
	if l == nil || !ip.IsValid() {
		return func() {}
	}
	w := &watch{l, ip, f}
	all := &l.book.watches
	all.mu.Lock()
	if all.all == nil {
		all.all = map[*watch]struct{}{}
	}
	all.all[w] = struct{}{}
	all.mu.Unlock()
	all.ask(w) // it may have been banned between its request and now
	return func() { all.take(w) }
}

// take tells whether w was still waiting.
func (s *watches) take(w *watch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.all[w]
	delete(s.all, w)
	return ok
}

func (s *watches) ask(w *watch) {
	if b, banned := w.list.Banned(w.ip); banned && s.take(w) {
		go w.f(b)
	}
}

// check asks for all who wait, after bans have changed.
func (s *watches) check() {
	s.mu.Lock()
	all := make([]*watch, 0, len(s.all))
	for w := range s.all {
		all = append(all, w)
	}
	s.mu.Unlock()
	for _, w := range all {
		s.ask(w)
	}
}
