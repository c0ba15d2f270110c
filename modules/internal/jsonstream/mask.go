package jsonstream

import (
	"fmt"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// Mask is what becomes of the members at a path. Names are taken in whatever case they are written, and a list on the way means each of its
// elements, whether or not the path has a * for them.
type Mask struct {
	Path string // as ParsePath reads it; segments of a pointer that are * stand for elements

	// Drop leaves the member out of its object. What is no member becomes null.
	Drop bool

	// Replace, where it is not nil, gives the JSON in the place of a scalar. Of a list it is asked for each element. Of what it returns nil for, of
	// objects, and of what is longer than 64 KiB, null is what comes out. Without it everything becomes null.
	Replace func(Field) []byte

	// Where several are for one place, that of the highest rank is done.
	Rank int
}

// Masks are members whose values are not to be seen.
type Masks struct{ root *node }

// NewMasks reads paths as ParsePath does: the members become null. There are none where texts is empty.
func NewMasks(texts []string) (*Masks, error) {
	list := make([]Mask, len(texts))
	for i, text := range texts {
		list[i].Path = text
	}
	return MakeMasks(list)
}

// MakeMasks makes them ready. There are none where the list is empty.
func MakeMasks(list []Mask) (*Masks, error) {
	if len(list) == 0 {
		return nil, nil
	}
	m := &Masks{newNode("")}
	for i := range list {
		p, err := ParsePath(list[i].Path)
		if err != nil {
			return nil, fmt.Errorf("mask: %w", err)
		}
		m.root.cover(p, &list[i])
		if strings.HasPrefix(list[i].Path, "/") && slices.Contains(p, "*") {
			m.root.cover(slices.DeleteFunc(slices.Clone(p), func(s string) bool { return s == "*" }), &list[i])
		}
	}
	return m, nil
}

// cover puts a mask at a path below the node.
func (n *node) cover(p Path, m *Mask) {
	at := n.at(p, strings.EqualFold)
	if at.mask == nil || at.mask.Rank < m.Rank {
		at.mask = m
	}
	if parent := n.at(p[:max(len(p)-1, 0)], strings.EqualFold); parent != at {
		parent.drops = parent.drops || m.Drop
	}
}

// Apply masks a whole document.
func (m *Masks) Apply(document []byte) ([]byte, error) {
	if m == nil {
		return document, nil
	}
	return New(nil, m, nil, 0).Whole(document)
}

var null = []byte("null")

// covering is a mask while it lies over a value.
type covering struct {
	masking int // levels above the value that is masked; -1 none is
	mask    *Mask
	grab    bool // the text of the value is wanted
	long    bool // and is too long
	kind    strictjson.Kind
	scalar  bool
}

// mayCover begins a mask at the first byte of a value.
func (s *Stream) mayCover(i int) {
	if s.masking >= 0 || s.next.masks == nil || s.next.masks.mask == nil {
		return
	}
	m := s.next.masks.mask
	if m.Replace != nil && s.chunk[i] == '[' {
		return // its elements have the same mask
	}
	s.pass(i)
	s.covering = covering{masking: len(s.stack), mask: m, grab: m.Replace != nil && s.chunk[i] != '{'}
}

// uncover ends it behind the last byte of the value.
func (s *Stream) uncover(i int) {
	s.pass(i)
	c := s.covering
	s.covering = covering{masking: -1}
	if c.mask == nil { // the member is left out
		return
	}
	var instead []byte
	if c.scalar && c.grab && !c.long {
		instead = c.mask.Replace(Field{Given: true, Kind: c.kind, Text: string(s.text)})
	}
	if instead == nil {
		instead = null
	}
	s.emit(instead)
}

// emit sends what did not come where it belongs.
func (s *Stream) emit(part []byte) {
	if s.inside {
		s.element = append(s.element, part...)
	} else {
		s.out = append(s.out, part...)
	}
}

// hold begins, behind a bracket or comma, to hold back what comes until it is known which member it is of an object from which some are left out.
func (s *Stream) hold() { s.holding, s.held = true, s.held[:0] }

// drops tells whether members of the innermost object may have to be left out.
func (s *Stream) drops() bool {
	f := &s.stack[len(s.stack)-1]
	return s.masking < 0 && f.object && f.masks != nil && f.masks.drops
}

// member is called behind the name of one, at i, that was held back.
func (s *Stream) member(i int) {
	s.holding = false
	f := &s.stack[len(s.stack)-1]
	if m := s.next.masks; m != nil && m.mask != nil && m.mask.Drop {
		s.mark = i
		s.covering = covering{masking: len(s.stack)}
		return
	}
	if f.kept {
		s.emit([]byte{','})
	}
	f.kept = true
	s.emit(s.held)
}
