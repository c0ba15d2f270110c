package leak

import "slices"

// keyLength is how much of a literal the automaton knows; the rest is compared where it found the beginning.
const keyLength = 8

// automaton finds keys in a text, letters of either case alike (Aho and Corasick, 1975), as one table.
type automaton struct {
	classes [256]uint8
	width   int
	next    []uint32 // state*width+class → state, with found where keys end
	out     [][]int32
}

// found marks a step into a state where keys end.
const found = 1 << 31

// node of the trie that the table is made of.
type node struct {
	next map[byte]int
	fail int
	out  []int32 // ids of the keys that end here
}

// build makes the automaton of keys in lower case; out gives their positions.
func build(keys []string) *automaton {
	nodes := []node{{next: map[byte]int{}}}
	for id, key := range keys {
		at := 0
		for i := range len(key) {
			to, ok := nodes[at].next[key[i]]
			if !ok {
				to = len(nodes)
				nodes[at].next[key[i]] = to
				nodes = append(nodes, node{next: map[byte]int{}})
			}
			at = to
		}
		nodes[at].out = append(nodes[at].out, int32(id))
	}
	a := new(automaton)
	a.width = 1 // class 0: no key has it
	for _, key := range keys {
		for i := range len(key) {
			if a.classes[key[i]] == 0 {
				a.classes[key[i]] = uint8(a.width)
				a.width++
			}
		}
	}
	a.next = make([]uint32, len(nodes)*a.width)
	a.out = make([][]int32, len(nodes))
	for queue := []int{0}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		n := &nodes[at]
		if at != 0 {
			copy(a.next[at*a.width:(at+1)*a.width], a.next[n.fail*a.width:])
			n.out = append(n.out, nodes[n.fail].out...)
		}
		a.out[at] = slices.Clip(n.out)
		for c, to := range n.next {
			class := int(a.classes[c])
			if at != 0 {
				nodes[to].fail = int(a.next[n.fail*a.width+class])
			}
			a.next[at*a.width+class] = uint32(to)
			queue = append(queue, to)
		}
	}
	for i, to := range a.next {
		if len(a.out[to]) > 0 {
			a.next[i] |= found
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.classes[c] = a.classes[c+'a'-'A']
	}
	return a
}

// within tells whether a key stands in the text, white space in it or not. Keys are ASCII: what is beyond is taken for white space.
func (a *automaton) within(text []byte) bool {
	state := uint32(0)
	for _, c := range text {
		if c <= ' ' || c >= 0x80 {
			continue
		}
		if state = a.next[int(state)*a.width+int(a.classes[c])]; state&found != 0 {
			return true
		}
	}
	return false
}
