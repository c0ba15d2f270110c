package journal

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
)

// Sizes of a segment.
const (
	segmentRows = 16384 // events; fits the codes
	blockLines  = 64    // that are compressed together
	gramBits    = 1 << 18
)

var errDamaged = errors.New("a piece of the journal is damaged")

// column is a field's values: each row has the number of one in dict. Those who have it only read it, and only as many rows as they know of.
type column struct {
	dict  []string
	codes []uint16
}

// alike are the codes of a column of one value.
var alike [segmentRows]uint16

// size is about what it takes of memory.
func (c *column) size() int {
	n := 64 + 2*len(c.codes)
	if len(c.codes) > 0 && &c.codes[0] == &alike[0] {
		n = 64
	}
	for _, v := range c.dict {
		n += 16 + len(v)
	}
	return n
}

// encode gives the column as it is written: how many values, each with its length, how many bytes a code takes, then the codes.
func (c *column) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(len(c.dict)))
	for _, v := range c.dict {
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(b, v...)
	}
	switch {
	case len(c.dict) <= 1:
		return append(b, 0)
	case len(c.dict) <= math.MaxUint8+1:
		b = append(b, 1)
		for _, code := range c.codes {
			b = append(b, byte(code))
		}
	default:
		b = append(b, 2)
		for _, code := range c.codes {
			b = binary.LittleEndian.AppendUint16(b, code)
		}
	}
	return b
}

// decodeColumn reads what encode gave, of so many rows.
func decodeColumn(raw []byte, rows int) (*column, error) {
	n, used := binary.Uvarint(raw)
	if used <= 0 || n == 0 || n > segmentRows || n > uint64(len(raw)) || rows > segmentRows {
		return nil, errDamaged
	}
	text := string(raw) // one copy, of which all values are parts
	at := used
	c := &column{dict: make([]string, n), codes: alike[:rows]}
	for i := range c.dict {
		size, used := binary.Uvarint(raw[at:])
		if used <= 0 || size > uint64(len(raw)-at-used) {
			return nil, errDamaged
		}
		at += used
		c.dict[i] = text[at : at+int(size)]
		at += int(size)
	}
	if at >= len(raw) {
		return nil, errDamaged
	}
	width, raw := int(raw[at]), raw[at+1:]
	if width > 2 || len(raw) != width*rows || width == 0 && n != 1 {
		return nil, errDamaged
	}
	if width > 0 {
		c.codes = make([]uint16, rows)
	}
	for i := range width * rows / max(width, 1) {
		if width == 1 {
			c.codes[i] = uint16(raw[i])
		} else {
			c.codes[i] = binary.LittleEndian.Uint16(raw[2*i:])
		}
		if int(c.codes[i]) >= len(c.dict) {
			return nil, errDamaged
		}
	}
	return c, nil
}

func encodeTimes(times []int64) []byte {
	b := make([]byte, 0, 8*len(times))
	for _, t := range times {
		b = binary.LittleEndian.AppendUint64(b, uint64(t))
	}
	return b
}

func decodeTimes(raw []byte, rows int) ([]int64, error) {
	if len(raw) != 8*rows {
		return nil, errDamaged
	}
	times := make([]int64, rows)
	for i := range times {
		times[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return times, nil
}

func encodeMarks(marks []uint32) []byte {
	b := make([]byte, 0, 4*len(marks))
	for _, m := range marks {
		b = binary.LittleEndian.AppendUint32(b, m)
	}
	return b
}

func decodeMarks(raw []byte, rows int) ([]uint32, error) {
	if len(raw) != 4*rows {
		return nil, errDamaged
	}
	marks := make([]uint32, rows)
	for i := range marks {
		marks[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	return marks, nil
}

// mark is what ids are looked for by (FNV-1a); 0 is none. Two ids may share one: whoever finds it looks at the line.
func mark(id string) uint32 {
	if id == "" {
		return 0
	}
	h := uint32(2166136261)
	for i := range len(id) {
		h = (h ^ uint32(id[i])) * 16777619
	}
	return max(h, 1)
}

// grams are which three bytes stand next to each other anywhere in a segment's lines: a text one of whose is not among them is in none.
type grams [gramBits / 64]uint64

func gram(a, b, c byte) uint32 {
	return (uint32(a)<<16 | uint32(b)<<8 | uint32(c)) * 0x9e3779b1 >> 14 // 18 bits are left
}

func (g *grams) add(line []byte) {
	for i := 2; i < len(line); i++ {
		h := gram(line[i-2], line[i-1], line[i])
		g[h/64] |= 1 << (h % 64)
	}
}

// may tells whether a text may be in a line.
func (g *grams) may(text string) bool {
	for i := 2; i < len(text); i++ {
		h := gram(text[i-2], text[i-1], text[i])
		if g[h/64]&(1<<(h%64)) == 0 {
			return false
		}
	}
	return true
}

func (g *grams) encode() []byte {
	b := make([]byte, 0, gramBits/8)
	for _, w := range g {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

func decodeGrams(raw []byte) (*grams, error) {
	if len(raw) != gramBits/8 {
		return nil, errDamaged
	}
	g := new(grams)
	for i := range g {
		g[i] = binary.LittleEndian.Uint64(raw[8*i:])
	}
	return g, nil
}

// interner gives the values of a column their numbers, while a segment is made.
type interner struct {
	column
	number map[string]uint16
}

func (n *interner) add(v string) {
	code, ok := n.number[v]
	if !ok {
		if n.number == nil {
			n.number = map[string]uint16{}
		}
		v = strings.Clone(v) // of a line, which must not stay for it
		code = uint16(len(n.dict))
		n.dict, n.number[v] = append(n.dict, v), code
	}
	n.codes = append(n.codes, code)
}
