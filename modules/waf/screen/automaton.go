package screen

import "slices"

// automaton finds many literals in one pass over a value, in ASCII lower case (A. Aho, M. Corasick, "Efficient string matching", 1975).
//
// States near the root, where harmless text stays, have a whole row of transitions; the deep ones have only their own and a way back.
type automaton struct {
	classes [256]uint8 // bytes that no literal tells apart share a class; class 0 is in no literal
	width   int
	dense   []int32 // rows of the first states
	rows    int     // how many states have one
	sparse  [][]edge
	fail    []int32
	out     [][]int32 // what is found in a state, all suffixes included
	says    []bool    // whether out has something
}

type edge struct {
	class uint8
	to    int32
}

const denseDepth = 2

// literal is one that is looked for, and what it means.
type literal struct {
	text    string // lower case, not empty
	meaning int32
}

func newAutomaton(literals []literal) *automaton {
	a := &automaton{width: 1}
	for _, l := range literals {
		for i := range len(l.text) {
			if b := l.text[i]; a.classes[b] == 0 {
				a.classes[b] = uint8(min(a.width, 255)) // bytes beyond the 255th class would share it: more hits, none fewer
				a.width = min(a.width+1, 256)
			}
		}
	}
	for b := 'A'; b <= 'Z'; b++ {
		a.classes[b] = a.classes[b+('a'-'A')]
	}
	depth := a.trie(literals)
	a.renumber(depth)
	a.link()
	return a
}

func (a *automaton) trie(literals []literal) (depth []int) {
	depth = []int{0}
	a.sparse, a.out = [][]edge{nil}, [][]int32{nil}
	for _, l := range literals {
		s := int32(0)
		for i := range len(l.text) {
			c := a.classes[l.text[i]]
			to, ok := a.edge(s, c)
			if !ok {
				to = int32(len(a.sparse))
				a.sparse[s] = append(a.sparse[s], edge{c, to})
				a.sparse, a.out, depth = append(a.sparse, nil), append(a.out, nil), append(depth, depth[s]+1)
			}
			s = to
		}
		if !slices.Contains(a.out[s], l.meaning) {
			a.out[s] = append(a.out[s], l.meaning)
		}
	}
	return depth
}

func (a *automaton) edge(s int32, c uint8) (int32, bool) {
	for _, e := range a.sparse[s] {
		if e.class == c {
			return e.to, true
		}
	}
	return 0, false
}

// renumber orders states by depth, so that the ones with a row come first.
func (a *automaton) renumber(depth []int) {
	order := make([]int32, len(depth))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(x, y int32) int { return depth[x] - depth[y] })
	place := make([]int32, len(depth))
	for i, s := range order {
		place[s] = int32(i)
	}
	sparse, out := make([][]edge, len(order)), make([][]int32, len(order))
	for i, s := range order {
		for _, e := range a.sparse[s] {
			sparse[i] = append(sparse[i], edge{e.class, place[e.to]})
		}
		out[i] = a.out[s]
		if depth[s] <= denseDepth {
			a.rows = i + 1
		}
	}
	a.sparse, a.out = sparse, out
}

// link computes the ways back, in order of depth, and the rows.
func (a *automaton) link() {
	a.fail = make([]int32, len(a.sparse))
	a.dense = make([]int32, a.rows*a.width)
	for s := range a.sparse {
		if s < a.rows {
			row := a.dense[s*a.width:][:a.width]
			if s > 0 {
				copy(row, a.dense[int(a.fail[s])*a.width:][:a.width])
			}
			for _, e := range a.sparse[s] {
				a.back(int32(s), e)
				row[e.class] = e.to
			}
			continue
		}
		for _, e := range a.sparse[s] {
			a.back(int32(s), e)
		}
	}
	for s := range a.rows {
		a.sparse[s] = nil
	}
	a.says = make([]bool, len(a.out))
	for s := range a.out {
		a.says[s] = len(a.out[s]) > 0
	}
}

func (a *automaton) back(s int32, e edge) {
	f := int32(0)
	if s != 0 {
		f = a.next(a.fail[s], e.class)
	}
	a.fail[e.to] = f
	for _, m := range a.out[f] {
		if !slices.Contains(a.out[e.to], m) {
			a.out[e.to] = append(slices.Clip(a.out[e.to]), m)
		}
	}
}

func (a *automaton) next(s int32, c uint8) int32 {
	for int(s) >= a.rows {
		for _, e := range a.sparse[s] {
			if e.class == c {
				return e.to
			}
		}
		s = a.fail[s]
	}
	return a.dense[int(s)*a.width+int(c)]
}

// scan sets the bits of what it meets.
func (a *automaton) scan(value string, met []uint64) {
	s := int32(0)
	for i := range len(value) {
		c := a.classes[value[i]]
		if int(s) < a.rows {
			s = a.dense[int(s)*a.width+int(c)]
		} else {
			s = a.next(s, c)
		}
		if a.says[s] {
			for _, m := range a.out[s] {
				met[m>>6] |= 1 << (m & 63)
			}
		}
	}
}
