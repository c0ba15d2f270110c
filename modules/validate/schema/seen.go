package schema

// seen are the members or items of one value that a schema speaks of. A nil one learns nothing.
type seen struct {
	first uint64
	more  []uint64
	all   bool
}

func (s *seen) mark(i int) {
	switch {
	case s == nil:
	case i < 64:
		s.first |= 1 << i
	default:
		for len(s.more) < i/64 {
			s.more = append(s.more, 0)
		}
		s.more[i/64-1] |= 1 << (i % 64)
	}
}

func (s *seen) every() {
	if s != nil {
		s.all = true
	}
}

func (s *seen) has(i int) bool {
	switch {
	case s == nil:
		return false
	case s.all:
		return true
	case i < 64:
		return s.first&(1<<i) != 0
	}
	return i/64 <= len(s.more) && s.more[i/64-1]&(1<<(i%64)) != 0
}

func (s *seen) add(o *seen) {
	s.first |= o.first
	s.all = s.all || o.all
	for len(s.more) < len(o.more) {
		s.more = append(s.more, 0)
	}
	for i, bits := range o.more {
		s.more[i] |= bits
	}
}
