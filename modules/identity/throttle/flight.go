package throttle

import "sync"

// flights knows which keys have tries of this process that are being looked at. They count as wrong meanwhile, so that there are never too
// many; who would have to wait for that reason alone is let wait for the answer instead of being refused: many right tries at once are no guessing.
type flights struct {
	mu sync.Mutex
	m  map[string]*flight
}

type flight struct {
	n       int
	changed chan struct{} // closed when one of them has ended
}

func (f *flights) begin(scopes []Scope) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range scopes {
		if f.m[s.Key] == nil {
			f.m[s.Key] = &flight{changed: make(chan struct{})}
		}
		f.m[s.Key].n++
	}
}

func (f *flights) end(scopes []Scope) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range scopes {
		a := f.m[s.Key]
		close(a.changed)
		a.changed = make(chan struct{})
		if a.n--; a.n == 0 {
			delete(f.m, s.Key)
		}
	}
}

// of returns for each scope what is closed when one of its tries has ended, nil where there is none.
func (f *flights) of(scopes []Scope) []<-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]<-chan struct{}, len(scopes))
	for i, s := range scopes {
		if a := f.m[s.Key]; a != nil {
			all[i] = a.changed
		}
	}
	return all
}
