package limit

// ways is how many places a key has in a table.
const ways = 16

// key is what a memory counts by.
type key struct {
	subject Subject
	zone    uint32 // zoneInfo.id
}

type cell struct {
	key
	value int64
}

// table holds values by key, at most a fixed number of them. A key lives in one of the sets, each of so many ways, so that the table never
// has to look further. It starts small and doubles; it never shrinks.
type table struct {
	tags  []uint8 // of each cell, 0: empty
	cells []cell
	most  int // sets
}

// newTable makes a table of at most so many sets, or up to a fifteenth fewer: it begins with some and doubles to that number.
func newTable(most int) table {
	first, doublings := max(1, most), 0
	for first >= 16 {
		first /= 2
		doublings++
	}
	t := table{most: first << doublings}
	t.allocate(first)
	return t
}

func (t *table) allocate(sets int) {
	t.tags, t.cells = make([]uint8, sets*ways), make([]cell, sets*ways)
}

// set gives the first cell of a hash's set.
func (t *table) set(hash uint64) int {
	return int(uint64(uint32(hash))*uint64(len(t.cells)/ways)>>32) * ways
}

func tag(hash uint64) uint8 { return uint8(hash>>32) | 1 }

// find gives a key's cell, nil where there is none.
func (t *table) find(k *key, hash uint64) *cell {
	first, tag := t.set(hash), tag(hash)
	for i, have := range t.tags[first : first+ways] {
		if have == tag && t.cells[first+i].key == *k {
			return &t.cells[first+i]
		}
	}
	return nil
}

// place puts a key that is not there. weight tells how much would be lost with a cell, 0: nothing. What must go to make room is the lightest of the
// set; it is returned with its hash.
func (t *table) place(c cell, hash uint64, hashOf func(*key) uint64, weight func(*cell) float64) (lost cell, lostHash uint64) {
	for {
		first := t.set(hash)
		lightest, least := 0, 0.0
		for i := range ways {
			w := 0.0
			if t.tags[first+i] != 0 {
				w = weight(&t.cells[first+i])
			}
			if i == 0 || w < least {
				lightest, least = i, w
			}
			if w == 0 {
				break
			}
		}
		if least > 0 && len(t.cells)/ways < t.most {
			t.grow(hashOf, weight)
			continue
		}
		at := first + lightest
		if least > 0 {
			lost, lostHash = t.cells[at], hashOf(&t.cells[at].key)
		}
		t.tags[at], t.cells[at] = tag(hash), c
		return lost, lostHash
	}
}

// grow doubles the sets. A set's cells go into two sets, which hold no others, so that all find room.
func (t *table) grow(hashOf func(*key) uint64, weight func(*cell) float64) {
	old := *t
	t.allocate(2 * len(old.cells) / ways)
	for i := range old.cells {
		if old.tags[i] == 0 || weight(&old.cells[i]) == 0 {
			continue
		}
		hash := hashOf(&old.cells[i].key)
		at := t.set(hash)
		for t.tags[at] != 0 {
			at++
		}
		t.tags[at], t.cells[at] = tag(hash), old.cells[i]
	}
}

// len counts the cells that are in use.
func (t *table) len() int {
	n := 0
	for _, tag := range t.tags {
		if tag != 0 {
			n++
		}
	}
	return n
}
