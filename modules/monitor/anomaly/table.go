package anomaly

import "hash/maphash"

const chunk = 1024 // subjects that are made room for at once

// table keeps subjects up to a bound, those that were not heard of for longest go first.
type table struct {
	seed        maphash.Seed
	index       map[uint64]int32
	chunks      [][]subject
	used, most  int32
	first, last int32 // the latest and the one that goes next
	evicted     uint64
}

func newTable(memory int64) *table {
	return &table{seed: maphash.MakeSeed(), index: map[uint64]int32{}, most: int32(min(max(memory/size, 16), 1<<30)), first: none, last: none}
}

func (t *table) at(i int32) *subject { return &t.chunks[i/chunk][i%chunk] }

// key of a subject. That two share one takes 2^32 of them.
func (t *table) key(kind, id string) uint64 {
	var h maphash.Hash
	h.SetSeed(t.seed)
	_, _ = h.WriteString(kind) // a maphash takes all
	_ = h.WriteByte(0)
	_, _ = h.WriteString(id)
	return h.Sum64()
}

// get is the subject, made where it is not known.
func (t *table) get(key uint64) *subject {
	if i, ok := t.index[key]; ok {
		t.touch(i)
		return t.at(i)
	}
	i := t.room()
	s := t.at(i)
	*s = subject{key: key, prev: none, next: none, told: -silence}
	t.index[key] = i
	t.link(i)
	return s
}

func (t *table) known(key uint64) (*subject, bool) {
	i, ok := t.index[key]
	if !ok {
		return nil, false
	}
	return t.at(i), true
}

func (t *table) room() int32 {
	if t.used < t.most {
		if int(t.used) == len(t.chunks)*chunk {
			t.chunks = append(t.chunks, make([]subject, chunk))
		}
		t.used++
		return t.used - 1
	}
	i := t.last
	t.unlink(i)
	delete(t.index, t.at(i).key)
	t.evicted++
	return i
}

func (t *table) touch(i int32) {
	if t.first != i {
		t.unlink(i)
		t.link(i)
	}
}

func (t *table) link(i int32) {
	s := t.at(i)
	s.prev, s.next = none, t.first
	if t.first != none {
		t.at(t.first).prev = i
	}
	t.first = i
	if t.last == none {
		t.last = i
	}
}

func (t *table) unlink(i int32) {
	s := t.at(i)
	if s.prev != none {
		t.at(s.prev).next = s.next
	} else {
		t.first = s.next
	}
	if s.next != none {
		t.at(s.next).prev = s.prev
	} else {
		t.last = s.prev
	}
}
