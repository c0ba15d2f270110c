package session

import (
	"sync"
	"time"
)

const (
	keepEndings = 2 * time.Minute // longer than from a token's verification to its socket's watch
	maxEndings  = 100_000
)

// hub knows who waits for the end of which session. It remembers the last endings, for who begins to wait just after.
type hub struct {
	now     func() time.Time
	mu      sync.Mutex
	watch   map[string]map[*watcher]struct{}
	endings map[string]ending
}

type watcher struct {
	f    func(string)
	stop func() // gives back the Manager; once
}

type ending struct {
	at     time.Time
	reason string
}

func newHub(now func() time.Time) *hub {
	return &hub{now: now, watch: map[string]map[*watcher]struct{}{}, endings: map[string]ending{}}
}

// add registers w, unless the session has just ended.
func (h *hub) add(sid string, w *watcher) (reason string, ended bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e, ok := h.endings[sid]; ok {
		return e.reason, true
	}
	if h.watch[sid] == nil {
		h.watch[sid] = map[*watcher]struct{}{}
	}
	h.watch[sid][w] = struct{}{}
	return "", false
}

// remove tells whether w was still waiting.
func (h *hub) remove(sid string, w *watcher) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.watch[sid][w]; !ok {
		return false
	}
	delete(h.watch[sid], w)
	if len(h.watch[sid]) == 0 {
		delete(h.watch, sid)
	}
	return true
}

// fire tells all who wait for the session, each in a goroutine of its own: one that hangs keeps nobody.
func (h *hub) fire(sid, reason string) {
	h.mu.Lock()
	all := h.watch[sid]
	delete(h.watch, sid)
	if _, ok := h.endings[sid]; !ok {
		if len(h.endings) >= maxEndings {
			h.drop(h.now().Add(-keepEndings))
		}
		if len(h.endings) < maxEndings { // beyond it, a socket opened in this very moment is closed at its token's expiry
			h.endings[sid] = ending{h.now(), reason}
		}
	}
	h.mu.Unlock()
	tell(all, reason)
}

// fireAll tells everybody, though no session has ended.
func (h *hub) fireAll(reason string) {
	h.mu.Lock()
	sessions := h.watch
	h.watch = map[string]map[*watcher]struct{}{}
	h.mu.Unlock()
	for _, all := range sessions {
		tell(all, reason)
	}
}

func tell(all map[*watcher]struct{}, reason string) {
	for w := range all {
		go func() {
			defer w.stop()
			w.f(reason)
		}()
	}
}

func (h *hub) sweep() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(h.now().Add(-keepEndings))
}

func (h *hub) drop(before time.Time) {
	for sid, e := range h.endings {
		if e.at.Before(before) {
			delete(h.endings, sid)
		}
	}
}

// Watch calls f once, in a goroutine of its own, when the session ends for another reason than its age: logout, revocation, step up,
// a change of password or roles, a disabled account. cancel ends the wait; it does not wait for an f that runs.
func (m *Manager) Watch(sid string, f func(reason string)) (cancel func()) {
	if !m.ref() {
		// This configuration has gone and hears of no more endings: fails closed, the client comes back to the new one.
		go f("gateway reloaded")
		return func() {}
	}
	w := &watcher{f, m.unref}
	if reason, ended := m.watches.add(sid, w); ended {
		go func() {
			defer m.unref()
			f(reason)
		}()
		return func() {}
	}
	return func() {
		if m.watches.remove(sid, w) {
			m.unref()
		}
	}
}

// ownChanges are the accounts that this process changed and whose feed rows are still to come back.
type ownChanges struct {
	now func() time.Time
	mu  sync.Mutex
	m   map[string][]time.Time
}

func newOwnChanges(now func() time.Time) *ownChanges {
	return &ownChanges{now: now, m: map[string][]time.Time{}}
}

// add is called before the change is committed: the feed may be quicker than its caller.
func (o *ownChanges) add(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.m[id] = append(o.m[id], o.now())
}

func (o *ownChanges) take(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.m[id]) == 0 {
		return false
	}
	if o.m[id] = o.m[id][1:]; len(o.m[id]) == 0 {
		delete(o.m, id)
	}
	return true
}

// sweep forgets changes that were never committed.
func (o *ownChanges) sweep() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, at := range o.m {
		if o.now().Sub(at[len(at)-1]) > time.Minute {
			delete(o.m, id)
		}
	}
}
