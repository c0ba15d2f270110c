package correlate

import "sync"

// suppressed remembers which findings were told of whom, so that more of the same is only counted. It forgets the oldest when it is full: then a
// finding comes again, which is better than none.
type suppressed struct {
	mu    sync.Mutex
	until map[uint64]int64 // event time
	ring  []uint64         // keys, in the order in which they came
	next  int
	most  int
	count int64
}

// tell tells whether a finding of time t is to be told; then those of the next microseconds are not.
func (s *suppressed) tell(key uint64, t, long int64) bool {
	if long <= 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	until, known := s.until[key]
	if known && t < until {
		s.count++
		return false
	}
	if s.until == nil {
		s.until = map[uint64]int64{}
	}
	s.until[key] = t + long
	if known {
		return true
	}
	if len(s.ring) < s.most {
		s.ring = append(s.ring, key)
		return true
	}
	delete(s.until, s.ring[s.next])
	s.ring[s.next] = key
	s.next = (s.next + 1) % len(s.ring)
	return true
}
