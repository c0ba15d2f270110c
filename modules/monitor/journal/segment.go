package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/s2"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/owner"
)

// A segment's file is the magic; sections and blocks, each compressed (S2) and, where events are encrypted, sealed; the foot as JSON; four bytes of its
// length, four of its CRC-32C, little endian. It is written under another name, synced and renamed: there is none that is half.
const (
	segmentMagic  = "GWJRNL1\n"
	segmentSuffix = ".segment"
	mostFoot      = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// foot says what is where in a segment.
type foot struct {
	First    uint64             `json:"first"`
	Rows     int                `json:"rows"`
	Oldest   int64              `json:"oldest"` // microseconds
	Newest   int64              `json:"newest"`
	Sealed   bool               `json:"sealed,omitempty"`
	Sections map[string]section `json:"sections"`
	Blocks   []section          `json:"blocks"`
}

type section struct {
	At   int64  `json:"at"`
	Size int    `json:"size"`
	Sum  uint32 `json:"sum"` // CRC-32C
}

func segmentName(first uint64) string { return fmt.Sprintf("%016x%s", first, segmentSuffix) }

func placeOf(first uint64, name string) string { return fmt.Sprintf("journal:%016x:%s", first, name) }

// segmentWriter writes one.
type segmentWriter struct {
	w    io.Writer
	keys event.Sealer // nil: in plain
	at   int64
	foot foot
}

func (w *segmentWriter) put(name string, packed []byte) (section, error) {
	if w.keys != nil {
		sealed, err := w.keys.Seal(packed, placeOf(w.foot.First, name))
		if err != nil {
			return section{}, fmt.Errorf("encrypting: %w", err)
		}
		packed = sealed
	}
	s := section{w.at, len(packed), crc32.Checksum(packed, castagnoli)}
	w.at += int64(len(packed))
	_, err := w.w.Write(packed)
	return s, err
}

// write writes all of m.
func (m *making) write(w io.Writer, keys event.Sealer) error {
	sw := &segmentWriter{w: w, keys: keys, at: int64(len(segmentMagic)), foot: foot{
		First: m.start, Rows: len(m.at), Oldest: m.oldest, Newest: m.newest, Sealed: keys != nil, Sections: map[string]section{},
	}}
	if _, err := io.WriteString(w, segmentMagic); err != nil {
		return err
	}
	m.close()
	for n, packed := range m.blocks {
		s, err := sw.put(fmt.Sprint(n), packed)
		if err != nil {
			return err
		}
		sw.foot.Blocks = append(sw.foot.Blocks, s)
	}
	sections := []struct {
		name string
		raw  []byte
	}{{sectionTimes, encodeTimes(m.at)}, {markID, encodeMarks(m.ids)}, {markRequest, encodeMarks(m.asked)}, {sectionGrams, m.words.encode()}}
	for f := range fields {
		sections = append(sections, struct {
			name string
			raw  []byte
		}{"field " + f.String(), m.columns[f].encode()})
	}
	for _, one := range sections {
		s, err := sw.put(one.name, s2.Encode(nil, one.raw))
		if err != nil {
			return err
		}
		sw.foot.Sections[one.name] = s
	}
	raw, err := json.Marshal(sw.foot)
	if err != nil {
		return err
	}
	end := binary.LittleEndian.AppendUint32(nil, uint32(len(raw)))
	end = binary.LittleEndian.AppendUint32(end, crc32.Checksum(raw, castagnoli))
	_, err = w.Write(append(raw, end...))
	return err
}

// save writes m into the folder.
func (m *making) save(dir string, keys event.Sealer) (s *segment, err error) {
	f, err := owner.CreateTemp(dir, "new-*.tmp")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(m.write(f, keys), f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	s, err = openSegment(f.Name())
	if err != nil {
		return nil, err
	}
	s.path = filepath.Join(dir, segmentName(m.start))
	return s, os.Rename(f.Name(), s.path)
}

// segment is one on the disk.
type segment struct {
	foot
	path string
	size int64
}

// openSegment reads a segment's foot.
func openSegment(path string) (*segment, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s := &segment{path: path, size: info.Size()}
	s.foot, err = readFoot(f, info.Size())
	return s, err
}

func readFoot(f io.ReaderAt, size int64) (foot, error) {
	var t foot
	var end [8]byte
	head := make([]byte, len(segmentMagic))
	if size < int64(len(head)+len(end)) {
		return t, errDamaged
	}
	if _, err := f.ReadAt(head, 0); err != nil || string(head) != segmentMagic {
		return t, errDamaged
	}
	if _, err := f.ReadAt(end[:], size-int64(len(end))); err != nil {
		return t, errDamaged
	}
	n := int64(binary.LittleEndian.Uint32(end[:]))
	if n > mostFoot || n > size-int64(len(head)+len(end)) {
		return t, errDamaged
	}
	raw := make([]byte, n)
	if _, err := f.ReadAt(raw, size-int64(len(end))-n); err != nil || crc32.Checksum(raw, castagnoli) != binary.LittleEndian.Uint32(end[4:]) {
		return t, errDamaged
	}
	if err := json.Unmarshal(raw, &t); err != nil || t.Rows < 1 || t.Rows > segmentRows || len(t.Blocks) != (t.Rows+blockLines-1)/blockLines {
		return t, errDamaged
	}
	return t, nil
}

// read gives a section as it was before it was sealed; it is still compressed.
func (s *segment) read(f io.ReaderAt, at section, name string, keys event.Sealer) ([]byte, error) {
	if at.Size < 0 || at.Size > mostSection || at.At < 0 || at.At+int64(at.Size) > s.size {
		return nil, errDamaged
	}
	raw := make([]byte, at.Size)
	if _, err := f.ReadAt(raw, at.At); err != nil || crc32.Checksum(raw, castagnoli) != at.Sum {
		return nil, errDamaged
	}
	if !s.Sealed {
		return raw, nil
	}
	if keys == nil {
		return nil, errors.New("the journal is encrypted, and there are no keys")
	}
	return keys.Unseal(raw, placeOf(s.First, name))
}

// section reads and decompresses one by its name.
func (s *segment) section(f io.ReaderAt, name string, keys event.Sealer) ([]byte, error) {
	at, ok := s.Sections[name]
	if !ok {
		return nil, errDamaged
	}
	packed, err := s.read(f, at, name, keys)
	if err != nil {
		return nil, err
	}
	return unpack(packed, mostSection)
}
