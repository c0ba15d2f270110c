package journal

import (
	"bufio"
	"encoding/binary"
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

// The log of the segment that is being made holds its lines until the segment is written. It is the magic, then records: four bytes of length and four of
// CRC-32C, little endian, a byte that is 1 where the rest is sealed, and lines, compressed (S2).
const (
	logMagic   = "GWJLOG1\n"
	logSuffix  = ".log"
	mostRecord = 8 << 20
	mostLines  = 4 << 20 // of a record
	plain      = 0
	sealed     = 1
)

func logName(first uint64) string { return fmt.Sprintf("%016x%s", first, logSuffix) }

func logPlace(first uint64, n int) string { return fmt.Sprintf("journal-log:%016x:%d", first, n) }

// wal is a log that is being written.
type wal struct {
	f     *os.File
	first uint64
	n     int // records
	size  int64
}

// openLog makes the log of a segment, or goes on with one behind its last whole record.
func openLog(dir string, first uint64, records int, size int64) (*wal, error) {
	f, err := owner.Create(filepath.Join(dir, logName(first)))
	if err != nil {
		return nil, err
	}
	w := &wal{f: f, first: first, n: records, size: size}
	if size == 0 {
		w.size = int64(len(logMagic))
		_, err = f.WriteAt([]byte(logMagic), 0)
	}
	if err = errors.Join(err, f.Truncate(w.size)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

// append writes lines as one record. After an error nothing of it stays.
func (w *wal) append(lines []byte, keys event.Sealer) error {
	body := s2.Encode(nil, lines)
	kind := byte(plain)
	if keys != nil {
		var err error
		if body, err = keys.Seal(body, logPlace(w.first, w.n)); err != nil {
			return fmt.Errorf("encrypting: %w", err)
		}
		kind = sealed
	}
	b := make([]byte, 8, 9+len(body))
	b = append(append(b, kind), body...)
	binary.LittleEndian.PutUint32(b, uint32(len(b)-8))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	if _, err := w.f.WriteAt(b, w.size); err != nil {
		return errors.Join(err, w.f.Truncate(w.size))
	}
	w.size += int64(len(b))
	w.n++
	return nil
}

func (w *wal) remove() error { return errors.Join(w.f.Close(), os.Remove(w.f.Name())) }

// readLog calls f with the lines of each record, until the log ends or is torn. It gives how many records there are and where the last one ends.
func readLog(r io.Reader, first uint64, keys event.Sealer, f func(lines []byte)) (records int, size int64, err error) {
	in := bufio.NewReader(r)
	head := make([]byte, len(logMagic))
	if _, err := io.ReadFull(in, head); err != nil || string(head) != logMagic {
		return 0, 0, nil // torn at its first bytes
	}
	size = int64(len(head))
	for {
		raw, ok := readRecord(in)
		if !ok {
			return records, size, nil
		}
		body := raw[1:]
		if raw[0] == sealed {
			if keys == nil {
				return records, size, errors.New("the journal is encrypted, and there are no keys")
			}
			if body, err = keys.Unseal(body, logPlace(first, records)); err != nil {
				return records, size, err
			}
		}
		lines, err := unpack(body, mostLines+mostBlock)
		if err != nil {
			return records, size, nil
		}
		f(lines)
		records++
		size += int64(8 + len(raw))
	}
}

func readRecord(in *bufio.Reader) ([]byte, bool) {
	var head [8]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, false
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n < 1 || n > mostRecord {
		return nil, false
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(in, raw); err != nil || crc32.Checksum(raw, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, false
	}
	return raw, true
}
