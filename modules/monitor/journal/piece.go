package journal

import "github.com/klauspost/compress/s2"

// piece is a run of events that questions go over: a segment on the disk, or the one that is being made as it stood at a moment.
type piece interface {
	first() uint64 // the number of its first event
	rows() int
	span() (oldest, newest int64)
	column(Field) (*column, error)
	times() ([]int64, error)
	marks(which string) ([]uint32, error) // markID or markRequest
	grams() (*grams, error)               // nil: nobody knows
	block(n int) ([]byte, error)          // the lines of rows n*blockLines and on
}

// Sections of a segment besides its columns.
const (
	sectionTimes = "times"
	markID       = "id"
	markRequest  = "request"
	sectionGrams = "grams"
)

// making is the segment that events are added to. Its owner guards it; what snapshot gives is only read, and stays as it is.
type making struct {
	start   uint64
	columns [fields]interner
	at      []int64
	ids     []uint32
	asked   []uint32 // of which request
	oldest  int64
	newest  int64
	words   grams
	blocks  [][]byte // compressed
	open    []byte   // the lines that are no block yet
	bytes   int      // of blocks
}

func (m *making) add(r *row, line []byte) {
	if len(m.at) == 0 {
		m.oldest, m.newest = r.at, r.at
	}
	m.oldest, m.newest = min(m.oldest, r.at), max(m.newest, r.at)
	for f := range m.columns {
		m.columns[f].add(r.values[f])
	}
	m.at, m.ids, m.asked = append(m.at, r.at), append(m.ids, mark(r.id)), append(m.asked, mark(r.request))
	m.words.add(line)
	m.open = append(m.open, line...)
	if line[len(line)-1] != '\n' {
		m.open = append(m.open, '\n')
	}
	if len(m.at)%blockLines == 0 {
		m.close()
	}
}

// close makes a block of the open lines. Who has a snapshot keeps their bytes: they are not used again.
func (m *making) close() {
	if len(m.open) == 0 {
		return
	}
	packed := s2.Encode(nil, m.open)
	m.blocks, m.bytes, m.open = append(m.blocks, packed), m.bytes+len(packed), make([]byte, 0, cap(m.open))
}

func (m *making) snapshot() piece {
	s := &snapshot{making: *m}
	for f := range s.columns {
		s.columns[f].number = nil
	}
	return s
}

// snapshot is what a segment was while it was made.
type snapshot struct{ making }

func (s *snapshot) first() uint64                   { return s.start }
func (s *snapshot) rows() int                       { return len(s.at) }
func (s *snapshot) span() (oldest, newest int64)    { return s.oldest, s.newest }
func (s *snapshot) column(f Field) (*column, error) { return &s.columns[f].column, nil }
func (s *snapshot) times() ([]int64, error)         { return s.at, nil }
func (s *snapshot) grams() (*grams, error)          { return nil, nil }

func (s *snapshot) marks(which string) ([]uint32, error) {
	if which == markID {
		return s.ids, nil
	}
	return s.asked, nil
}

func (s *snapshot) block(n int) ([]byte, error) {
	switch {
	case n < len(s.blocks):
		return unpack(s.blocks[n], mostBlock)
	case n == len(s.blocks):
		return s.open, nil
	}
	return nil, errDamaged
}

const (
	mostBlock   = blockLines * (64<<10 + 1) // what ecs takes as a line
	mostSection = 64 << 20
)

// unpack decompresses what takes at most so many bytes.
func unpack(packed []byte, most int) ([]byte, error) {
	n, err := s2.DecodedLen(packed)
	if err != nil || n > most {
		return nil, errDamaged
	}
	raw, err := s2.Decode(nil, packed)
	if err != nil {
		return nil, errDamaged
	}
	return raw, nil
}
