package inspect

import "hash/maphash"

// set of names, by hashes whose seed nobody outside knows.
type set struct {
	seed maphash.Seed
	seen map[uint64]bool
}

func newSet() *set { return &set{maphash.MakeSeed(), map[uint64]bool{}} }

// add is false for a name that was there.
func (s *set) add(name string) bool {
	h := maphash.String(s.seed, name)
	if s.seen[h] {
		return false
	}
	s.seen[h] = true
	return true
}
