package console

import "sync"

// streams are the live tables that are open.
type streams struct {
	mu    sync.Mutex
	most  int
	each  int
	by    map[string]int // person
	all   int
	ended chan struct{} // closed when the configuration goes
	once  sync.Once
}

func newStreams(most, each int) *streams {
	return &streams{most: most, each: each, by: map[string]int{}, ended: make(chan struct{})}
}

// end has all of them end.
func (s *streams) end() { s.once.Do(func() { close(s.ended) }) }

// begin takes a place for a person's; false: there is none.
func (s *streams) begin(person string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= s.most || s.by[person] >= s.each {
		return false
	}
	s.all++
	s.by[person]++
	watching.Inc()
	return true
}

func (s *streams) done(person string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.by[person]--; s.by[person] == 0 {
		delete(s.by, person)
	}
	watching.Dec()
}
