package detect

// aho finds all of many texts in a value in one pass (Aho and Corasick, 1975). States are rows of one table whose columns are classes of bytes:
// what occurs in no text is class 0. look.texts runs it.
type aho struct {
	class   [256]uint8
	classes int
	next    []int32 // state*classes + class
	found   [][]int32
}

// newAho makes the automaton; found tells the index of a text. No text is empty.
func newAho(texts [][]byte) *aho {
	a := &aho{classes: 1}
	for _, t := range texts {
		for _, c := range t {
			if a.class[c] == 0 && a.classes < 256 {
				a.class[c] = uint8(a.classes)
				a.classes++
			}
		}
	}
	a.state()
	for i, t := range texts {
		s := int32(0)
		for _, c := range t {
			at := int(s)*a.classes + int(a.class[c])
			if a.next[at] == 0 {
				n := a.state()
				a.next[at] = n
			}
			s = a.next[at]
		}
		a.found[s] = append(a.found[s], int32(i))
	}
	a.link()
	return a
}

func (a *aho) state() int32 {
	a.next = append(a.next, make([]int32, a.classes)...)
	a.found = append(a.found, nil)
	return int32(len(a.found) - 1)
}

// link fills in where each state goes with a byte that none of its texts continues with: where the longest end of it goes that begins a text.
func (a *aho) link() {
	fail := make([]int32, len(a.found))
	var queue []int32
	for c := range a.classes {
		if s := a.next[c]; s != 0 {
			queue = append(queue, s)
		}
	}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if more := a.found[fail[s]]; len(more) > 0 {
			a.found[s] = append(a.found[s], more...)
		}
		for c := range a.classes {
			at, back := int(s)*a.classes+c, a.next[int(fail[s])*a.classes+c]
			if n := a.next[at]; n != 0 {
				fail[n] = back
				queue = append(queue, n)
			} else {
				a.next[at] = back
			}
		}
	}
}
