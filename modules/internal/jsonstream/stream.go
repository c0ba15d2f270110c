package jsonstream

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/strictjson"
)

// Limits of what is held while a document passes.
const (
	maxText  = 64 << 10 // bytes of one name, or of one value that is asked for
	maxNames = 1 << 16  // names of all objects that are open, and
	maxBytes = 1 << 20  // their bytes
)

// Stream is one document on its way: Write what comes, Take what may go on, Close at the end. An error is for good.
type Stream struct {
	filter  *Filter
	keep    Keep
	largest int // bytes of an element
	err     error
	at      int64 // bytes before the chunk

	scanner
	covering
	stack []frame
	names names
	next  place // of the value that comes next

	chunk   []byte
	mark    int // what is before it has gone where it belongs
	out     []byte
	taken   bool // of out, all
	element []byte
	fields  []Field
	field   int // that the value being read goes to; -1 none
	listAt  int // levels of an element, while the list is open; -1 it is not
	inside  bool
	holding bool   // it is not yet known whether what comes is left out
	held    []byte // what has come of it
	listed  bool   // the list has been found
	kept    int
	removed int
}

// place is how far the paths have come.
type place struct {
	masks  *node
	fields *node
	list   int // names of the path to the list; -1 it does not lead here
}

type frame struct {
	place
	object bool
	index  int // of the element of an array that comes next
	names  int // how many there were before
	bytes  int
	large  map[string]struct{}
	kept   bool // of an object from which members may be left out, one was not
}

// New makes a stream. filter and masks may be nil. An element of more than largest bytes ends it.
func New(filter *Filter, masks *Masks, keep Keep, largest int) *Stream {
	s := &Stream{filter: filter, keep: keep, largest: largest, field: -1, covering: covering{masking: -1}, listAt: -1, next: place{list: -1}}
	if masks != nil {
		s.next.masks = masks.root
	}
	if filter != nil {
		s.next.list = 0
		s.fields = make([]Field, filter.count)
	}
	return s
}

// Write takes the next bytes of the document.
func (s *Stream) Write(chunk []byte) error {
	if s.err != nil {
		return s.err
	}
	s.again()
	s.chunk, s.mark = chunk, 0
	for i := 0; i < len(chunk) && s.err == nil; {
		var err error
		if i, err = s.step(i); err != nil {
			s.err = fmt.Errorf("byte %d: %w", s.at+int64(i), err)
		}
	}
	if s.err == nil {
		s.pass(len(chunk))
		switch {
		case s.inside && len(s.element) > s.largest:
			s.err = errElement
		case len(s.held) > maxBytes:
			s.err = errMany
		}
	}
	s.at += int64(len(chunk))
	s.chunk = nil
	return s.err
}

// Close tells whether the document was complete.
func (s *Stream) Close() error {
	if s.err != nil {
		return s.err
	}
	s.again()
	if err := s.finish(); err != nil {
		s.err = err
	} else if s.filter != nil && !s.listed && s.filter.rewrite == nil {
		s.err = errList
	}
	return s.err
}

// Whole takes a document that is there at once, and returns what is left of it.
func (s *Stream) Whole(document []byte) ([]byte, error) {
	if err := s.Write(document); err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return s.Take(), nil
}

// Take returns what may go on, until the next Write. What was taken is not given again.
func (s *Stream) Take() []byte {
	if s.taken {
		return nil
	}
	s.taken = true
	return s.out
}

// again makes room: what was taken is no longer needed.
func (s *Stream) again() {
	if s.taken {
		s.out, s.taken = s.out[:0], false
	}
}

// Ready is how many bytes Take would return.
func (s *Stream) Ready() int {
	if s.taken {
		return 0
	}
	return len(s.out)
}

// Empty tells that nothing has come yet.
func (s *Stream) Empty() bool { return s.at == 0 }

// Listed tells whether the list has been found: before, it is not known that the document is what it should be. Without a filter there is nothing
// to wait for.
func (s *Stream) Listed() bool { return s.listed || s.filter == nil }

// Counts tells how many elements were kept and removed.
func (s *Stream) Counts() (kept, removed int) { return s.kept, s.removed }

// pass sends what came before i where it belongs.
func (s *Stream) pass(i int) {
	part := s.chunk[s.mark:i]
	s.mark = i
	switch {
	case s.masking >= 0:
	case s.holding:
		s.held = append(s.held, part...)
	case s.inside:
		s.element = append(s.element, part...)
	case s.listAt >= 0: // between elements
	default:
		s.out = append(s.out, part...)
	}
}

// atList tells whether the value that begins is where the list should be.
func (s *Stream) atList() bool {
	return s.filter != nil && !s.listed && s.next.list == len(s.filter.list)
}

// begin is called at the first byte of a value.
func (s *Stream) begin(i int) error {
	if len(s.stack) > strictjson.MaxDepth {
		return errDepth
	}
	if n := len(s.stack); n > 0 && !s.stack[n-1].object {
		s.next = s.elementOf(&s.stack[n-1])
	}
	if s.listAt == len(s.stack) && s.masking < 0 {
		s.pass(i)
		s.inside, s.element = true, s.element[:0]
		clear(s.fields)
		s.next.fields = s.filter.fields
	}
	if s.atList() && s.chunk[i] != '[' && s.filter.rewrite == nil {
		return errList
	}
	s.field = -1
	if s.next.fields != nil {
		s.field = s.next.fields.end
	}
	s.mayCover(i)
	return nil
}

// elementOf is the place of the next element of an array: masks mean each, and a pointer to the list may name one by its position.
func (s *Stream) elementOf(f *frame) place {
	next := place{masks: f.masks, list: -1}
	if f.list >= 0 && f.list < len(s.filter.list) && s.filter.list[f.list] == strconv.Itoa(f.index) {
		next.list = f.list + 1
	}
	f.index++
	return next
}

// open is called at the bracket of an array or object.
func (s *Stream) open(i int, object bool) error {
	f := frame{place: s.next, object: object, names: len(s.names.ends), bytes: len(s.names.text)}
	if s.atList() && !object {
		s.listed = true
		if s.masking < 0 {
			s.pass(i + 1)
			s.listAt = len(s.stack) + 1
		}
	}
	s.capture(object)
	s.stack = append(s.stack, f)
	if s.drops() {
		s.pass(i + 1)
		s.hold()
	}
	return nil
}

// capture notes that what was asked for is no scalar.
func (s *Stream) capture(object bool) {
	if s.field < 0 {
		return
	}
	kind := strictjson.Array
	if object {
		kind = strictjson.Object
	}
	s.fields[s.field] = Field{Given: true, Kind: kind}
	s.field = -1
}

// scalar is called behind the last byte of a value that is neither array nor object.
func (s *Stream) scalar(i int, kind strictjson.Kind) error {
	if s.field >= 0 {
		s.fields[s.field] = Field{Given: true, Kind: kind, Text: string(s.text)}
		s.field = -1
	}
	if s.masking == len(s.stack) {
		s.kind, s.covering.scalar = kind, true
	}
	return s.end(i)
}

// close is called at the closing bracket.
func (s *Stream) close(i int) error {
	top := &s.stack[len(s.stack)-1]
	if s.holding { // it is empty
		s.pass(i)
		s.holding = false
		s.emit(s.held)
	}
	s.names.cut(top.names, top.bytes)
	if s.listAt == len(s.stack) && !s.inside {
		s.pass(i)
		s.listAt = -1
	}
	s.stack = s.stack[:len(s.stack)-1]
	return s.end(i + 1)
}

// end is called behind the last byte of a value.
func (s *Stream) end(i int) error {
	if s.masking == len(s.stack) {
		s.uncover(i)
	}
	if s.inside && s.listAt == len(s.stack) {
		s.pass(i)
		s.inside = false
		return s.decide()
	}
	return nil
}

// decide lets an element go on, or not.
func (s *Stream) decide() error {
	if len(s.element) > s.largest {
		return errElement
	}
	if s.filter.rewrite != nil {
		return s.change()
	}
	keep, masks, err := s.keep(s.fields)
	if err != nil {
		return err
	}
	if !keep {
		s.removed++
		return nil
	}
	masked, err := masks.Apply(s.element)
	if err != nil {
		return err
	}
	if s.kept++; s.kept > 1 {
		s.out = append(s.out, ',')
	}
	s.out = append(s.out, masked...)
	return nil
}

// change lets an element go on as it is made.
func (s *Stream) change() error {
	changed, err := s.filter.rewrite(s.element)
	if err != nil {
		return err
	}
	if s.kept++; s.kept > 1 {
		s.out = append(s.out, ',')
	}
	s.out = append(s.out, changed...)
	return nil
}

// name is called behind the name of a member, at i.
func (s *Stream) name(i int) (err error) {
	f := &s.stack[len(s.stack)-1]
	if err := s.names.add(f, s.text); err != nil {
		return err
	}
	s.next = place{list: -1, masks: f.masks.folded(s.text)}
	if s.next.fields, err = f.fields.exactly(s.text); err != nil {
		return err
	}
	if s.holding {
		s.member(i)
	}
	return s.towardsList(f)
}

func (s *Stream) towardsList(f *frame) error {
	if f.list < 0 || f.list >= len(s.filter.list) {
		return nil
	}
	want := s.filter.list[f.list]
	switch {
	case want == string(s.text):
		s.next.list = f.list + 1
	case strings.EqualFold(want, string(s.text)) && s.filter.rewrite == nil:
		return errAmbiguous
	}
	return nil
}
