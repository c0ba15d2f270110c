package screen

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
	"unsafe"

	"rsc.io/binaryregexp"
)

// dfa answers whether a regular expression matches somewhere in a text, as regexp.MatchString does, by a deterministic automaton that is built as texts need
// it (R. Cox, "Regular Expression Matching in the Wild", 2010). It is exact, also for \b, ^, $ and for bytes that are no UTF-8.
//
// States are shared by all who match at the same time; a known transition costs one load. Their number is bounded: a full automaton begins anew. A text that asks for
// a new state with every other byte gets its answer from package regexp: that costs less, and holds nobody else up.
type dfa struct {
	prog   *syntax.Prog
	bounds []rune     // class k is the runes from bounds[k] up to before bounds[k+1]
	table  [256]uint8 // the class of each ASCII byte, or of each byte
	bytes  bool       // texts are bytes, not UTF-8
	width  int        // classes, and one for the end of the text
	slow   func() matcher

	start atomic.Pointer[dstate]
	mu    sync.Mutex // over what follows, and over making states
	known map[string]*dstate
	work  closure
}

// matcher is package regexp's, or its like for bytes.
type matcher interface{ MatchString(text string) bool }

// dstate is where the automaton stands after some runes: instructions that could go on, before what empty-width assertions demand of the next rune.
type dstate struct {
	insts []uint32
	prev  syntax.EmptyOp // what the rune before allows: begin of text or line
	word  bool           // the rune before is a word character
	next  []atomic.Pointer[dstate]
}

// matched is the state after which nothing needs to be read any more.
var matched = new(dstate)

const (
	mostStates  = 400
	mostSteps   = 300 // that one text may have made, and one more for each stride of it
	stride      = 16  // bytes
	mostClasses = 255
)

// newDFA makes an automaton; nil where the expression tells more classes of runes apart than it can. With bytes it answers as binaryregexp does, where every
// byte is a rune of its own.
func newDFA(expr string, bytes bool) *dfa {
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil
	}
	d := &dfa{prog: prog, bounds: boundaries(prog), bytes: bytes, slow: sync.OnceValue(func() matcher {
		if bytes {
			return binaryregexp.MustCompile(expr)
		}
		return regexp.MustCompile(expr)
	})}
	d.width = len(d.bounds) + 1
	if len(d.bounds) > mostClasses {
		return nil
	}
	for r := range rune(256) {
		d.table[r] = uint8(d.class(r))
	}
	d.work = newClosure(len(prog.Inst))
	d.reset()
	return d
}

// boundaries are the runes at which an answer of some instruction may change.
func boundaries(prog *syntax.Prog) []rune {
	out := []rune{0}
	between := func(from, to rune) { out = append(out, from, to+1) }
	between('\n', '\n')
	between('0', '9')
	between('A', 'Z')
	between('_', '_')
	between('a', 'z')
	for i := range prog.Inst {
		in := &prog.Inst[i]
		switch in.Op {
		case syntax.InstRune, syntax.InstRune1:
			if len(in.Rune) == 1 {
				between(in.Rune[0], in.Rune[0])
				if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
					for r := unicode.SimpleFold(in.Rune[0]); r != in.Rune[0]; r = unicode.SimpleFold(r) {
						between(r, r)
					}
				}
				continue
			}
			for k := 0; k+1 < len(in.Rune); k += 2 {
				between(in.Rune[k], in.Rune[k+1])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (d *dfa) class(r rune) int {
	k, exact := slices.BinarySearch(d.bounds, r)
	if exact {
		return k
	}
	return k - 1
}

func (d *dfa) reset() {
	d.known = map[string]*dstate{}
	d.start.Store(d.state(nil, syntax.EmptyBeginText|syntax.EmptyBeginLine, false))
}

// match tells whether the expression matches somewhere in the text.
func (d *dfa) match(text string) bool {
	s, steps := d.start.Load(), 0
	for i := 0; i < len(text); {
		c := 0
		if b := text[i]; b < utf8.RuneSelf || d.bytes {
			c = int(d.table[b])
			i++
		} else {
			r, n := utf8.DecodeRuneInString(text[i:])
			c = d.class(r)
			i += n
		}
		to := s.next[c].Load()
		if to == nil {
			if steps++; steps > mostSteps+i/stride {
				return d.slow().MatchString(text)
			}
			to = d.step(s, c)
		}
		if to == matched {
			return true
		}
		s = to
	}
	to := s.next[d.width-1].Load()
	if to == nil {
		to = d.step(s, d.width-1)
	}
	return to == matched
}

// step makes the transition that a text asked for.
func (d *dfa) step(s *dstate, class int) *dstate {
	d.mu.Lock()
	defer d.mu.Unlock()
	end := class == d.width-1
	r := rune(-1)
	if !end {
		r = d.bounds[class]
	}
	word := isWord(r)
	flags := s.prev
	switch {
	case end:
		flags |= syntax.EmptyEndText | syntax.EmptyEndLine
	case r == '\n':
		flags |= syntax.EmptyEndLine
	}
	if s.word != word {
		flags |= syntax.EmptyWordBoundary
	} else {
		flags |= syntax.EmptyNoWordBoundary
	}
	c := &d.work
	c.clear()
	found := c.follow(d.prog, uint32(d.prog.Start), flags) // a match may begin here
	for _, pc := range s.insts {
		found = c.follow(d.prog, pc, flags) || found
	}
	if found {
		s.next[class].Store(matched)
		return matched
	}
	var insts []uint32
	if !end {
		for _, pc := range c.list {
			if in := &d.prog.Inst[pc]; in.MatchRune(r) {
				insts = append(insts, in.Out)
			}
		}
	}
	var prev syntax.EmptyOp
	if r == '\n' {
		prev = syntax.EmptyBeginLine
	}
	if len(d.known) >= mostStates {
		d.reset()
	}
	to := d.state(insts, prev, word)
	s.next[class].Store(to)
	return to
}

// state returns the one state of its kind; needs mu, or that nobody knows the automaton yet.
func (d *dfa) state(insts []uint32, prev syntax.EmptyOp, word bool) *dstate {
	slices.Sort(insts)
	insts = slices.Compact(insts)
	key := make([]byte, 0, 2+4*len(insts))
	key = append(key, byte(prev), 0)
	if word {
		key[1] = 1
	}
	for _, pc := range insts {
		key = append(key, byte(pc), byte(pc>>8), byte(pc>>16), byte(pc>>24))
	}
	if s, ok := d.known[unsafe.String(unsafe.SliceData(key), len(key))]; ok {
		return s
	}
	s := &dstate{insts: insts, prev: prev, word: word, next: make([]atomic.Pointer[dstate], d.width)}
	d.known[string(key)] = s
	return s
}

func isWord(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
}

// closure is a set of instructions that are reached without reading.
type closure struct {
	list  []uint32 // those that read a rune
	seen  []uint32
	mark  uint32
	stack []uint32
}

func newClosure(n int) closure { return closure{seen: make([]uint32, n)} }

func (c *closure) clear() {
	c.list = c.list[:0]
	c.mark++
}

// follow adds what is reached from pc, and tells whether that is a match.
func (c *closure) follow(prog *syntax.Prog, pc uint32, flags syntax.EmptyOp) (found bool) {
	c.stack = append(c.stack[:0], pc)
	for len(c.stack) > 0 {
		pc := c.stack[len(c.stack)-1]
		c.stack = c.stack[:len(c.stack)-1]
		if c.seen[pc] == c.mark {
			continue
		}
		c.seen[pc] = c.mark
		switch in := &prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			c.stack = append(c.stack, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			c.stack = append(c.stack, in.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^flags == 0 {
				c.stack = append(c.stack, in.Out)
			}
		case syntax.InstMatch:
			return true
		case syntax.InstFail:
		default:
			c.list = append(c.list, pc)
		}
	}
	return false
}
