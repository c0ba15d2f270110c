package records

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/owner"
)

// A capture file is the magic and 16 random bytes, its id; then each record as a length (4 bytes, big endian) and as many bytes, the
// record sealed for the file's id and its number. So none can be altered, moved, repeated or taken out of the middle without being seen; that
// the last ones are missing can't be told from a crash.
const (
	magic  = "GWCAPT1\n"
	idSize = 16
	prefix = "capture-"
	suffix = ".gwc"
	stamp  = "20060102T150405.000000000Z" // of the first record, UTC; so fine that files of a burst keep their order
)

// place is what a record is sealed for: its kind, so that none is read as another kind's, its file and its number.
func place(kind string, id []byte, n uint64) string { return fmt.Sprintf("%s:%x:%d", kind, id, n) }

// file is one that is being written.
type file struct {
	f    *os.File
	kind string
	id   []byte
	n    uint64
	size int64
	born time.Time
}

func create(dir, kind string, now time.Time) (*file, error) {
	head := make([]byte, len(magic)+idSize)
	copy(head, magic)
	if _, err := rand.Read(head[len(magic):]); err != nil {
		return nil, err
	}
	id := head[len(magic):]
	name := fmt.Sprintf("%s%s-%x%s", prefix, now.UTC().Format(stamp), id[:4], suffix)
	f, err := owner.New(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("making a capture file: %w", err)
	}
	if _, err := f.Write(head); err != nil {
		return nil, errors.Join(fmt.Errorf("writing a capture file: %w", err), f.Close())
	}
	return &file{f: f, kind: kind, id: id, size: int64(len(head)), born: now}, nil
}

func (c *file) append(keys Sealer, plain []byte) error {
	sealed, err := keys.Seal(plain, place(c.kind, c.id, c.n))
	if err != nil {
		return err
	}
	// One write, so that a crash leaves at most one torn record.
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(sealed)), uint32(len(sealed)))
	n, err := c.f.Write(append(b, sealed...))
	c.size += int64(n)
	if err != nil {
		return fmt.Errorf("writing a capture file: %w", err)
	}
	c.n++
	return nil
}

// ErrTorn says that a file ends within a record, as after a crash: all that came before is whole.
var ErrTorn = errors.New("the file ends within a record")

// Read calls f with every record of the file, in the order they came; f must not keep the bytes. It ends at the first one that was altered, since
// nothing after it can be trusted to be in its place, and at one of another kind.
func Read(r io.Reader, kind string, keys Sealer, f func(plain []byte) error) error {
	in := bufio.NewReader(r)
	head := make([]byte, len(magic)+idSize)
	if _, err := io.ReadFull(in, head); err != nil || string(head[:len(magic)]) != magic {
		return errors.New("it is no capture file")
	}
	id := head[len(magic):]
	for n := uint64(0); ; n++ {
		sealed, err := next(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		plain, err := keys.Unseal(sealed, place(kind, id, n))
		if err != nil {
			return fmt.Errorf("record %d: %w", n+1, err)
		}
		if err := f(plain); err != nil {
			return fmt.Errorf("record %d: %w", n+1, err)
		}
	}
}

func next(in *bufio.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		if err == io.ErrUnexpectedEOF {
			err = ErrTorn
		}
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > mostRecord+1024 { // what sealing adds is less
		return nil, errTooLong
	}
	// Grows with what is there, so that a forged length takes no memory.
	b := new(bytes.Buffer)
	if _, err := io.CopyN(b, in, int64(n)); err == io.EOF {
		return nil, ErrTorn
	} else if err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// stored is a capture file in a folder.
type stored struct {
	path string
	born time.Time
	size int64
}

// list is the folder's capture files, the oldest first. Other files are left alone.
func list(dir string) ([]stored, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []stored
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), prefix)
		day, _, dash := strings.Cut(rest, "-")
		if !ok || !dash || !strings.HasSuffix(rest, suffix) || !e.Type().IsRegular() {
			continue
		}
		born, err := time.Parse(stamp, day)
		if err != nil {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // another gateway's writer removed it
		}
		if err != nil {
			return nil, err
		}
		all = append(all, stored{filepath.Join(dir, e.Name()), born, info.Size()})
	}
	slices.SortStableFunc(all, func(a, b stored) int { return a.born.Compare(b.born) })
	return all, nil
}

// Files are the capture files of a folder, the oldest first; of a file, itself.
func Files(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	all, err := list(path)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.path
	}
	return names, nil
}
