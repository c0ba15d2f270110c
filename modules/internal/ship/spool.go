package ship

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/convosphere/gateway/modules/internal/owner"
)

// Bounds of a spool.
const (
	leastSpool   = 1 << 20
	mostSegment  = 16 << 20
	mostInMemory = 8 << 20 // of what the disk refuses
)

// Spool is a queue of lines on disk, first in, first out, for one writer and one reader. It is bounded: what does not fit is refused, and what is in
// it stays. While the disk refuses, it goes on in memory.
type Spool struct {
	dir string

	mu       sync.Mutex
	max      int64
	segments []segment // the last is being written
	head     *os.File
	dirty    bool // head has what the disk may not have
	total    int64

	reading *os.File
	at      place // up to which all is done with
	next    place // up to which Next has given out
	mark    *os.File

	memory  [][]byte // what the disk did not take; younger than all that it has
	bytes   int64
	flight  int // of memory, given out by Next
	damaged int64
	unlock  func()
}

// place is a place in the spool.
type place struct {
	segment uint64
	offset  int64
}

// OpenSpool opens the spool in the folder, of at most so many bytes. Only one process can have it open. torn tells how many bytes were cut off that a crash
// had left half written.
func OpenSpool(dir string, most int64) (s *Spool, torn int64, err error) {
	if err := owner.MkdirAll(dir, 0o700); err != nil {
		return nil, 0, fmt.Errorf("making the spool: %w", err)
	}
	s = &Spool{dir: dir}
	defer func() {
		if err != nil {
			s.closeFiles()
		}
	}()
	if s.unlock, err = lockFolder(dir, lockWait); err != nil {
		return nil, 0, err
	}
	s.Bound(most)
	if s.segments, err = listSegments(dir); err != nil {
		return nil, 0, err
	}
	if torn, err = s.openHead(); err != nil {
		return nil, 0, err
	}
	for _, g := range s.segments {
		s.total += g.size
	}
	if s.mark, err = owner.Create(filepath.Join(dir, "position")); err != nil {
		return nil, 0, fmt.Errorf("opening the spool's position: %w", err)
	}
	s.at = s.readMark()
	s.next = s.at
	return s, torn, s.dropDone()
}

// lockWait is how long a spool is waited for that another output is just closing.
const lockWait = 5 * time.Second

func lockFolder(dir string, wait time.Duration) (func(), error) {
	f, err := owner.Create(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("locking the spool: %w", err)
	}
	for end := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil // ends the lock
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(end) {
			return nil, errors.Join(fmt.Errorf("the spool %s is in use by another process: %w", dir, err), f.Close())
		}
	}
}

// openHead opens the youngest segment to write on, without what is torn at its end.
func (s *Spool) openHead() (torn int64, err error) {
	if len(s.segments) == 0 {
		return 0, s.newSegment(1)
	}
	last := &s.segments[len(s.segments)-1]
	path := segmentPath(s.dir, last.number)
	whole, err := wholeLen(path)
	if err != nil {
		return 0, err
	}
	if s.head, err = os.OpenFile(path, os.O_RDWR, 0o600); err != nil {
		return 0, fmt.Errorf("opening the spool: %w", err)
	}
	if torn = last.size - whole; torn > 0 {
		if err := s.head.Truncate(whole); err != nil {
			return 0, fmt.Errorf("mending the spool: %w", err)
		}
		last.size = whole
	}
	return torn, nil
}

// newSegment makes the next segment and writes on there.
func (s *Spool) newSegment(number uint64) error {
	f, err := owner.New(segmentPath(s.dir, number))
	if err != nil {
		return fmt.Errorf("making a segment of the spool: %w", err)
	}
	if s.head != nil {
		if s.dirty {
			_ = s.head.Sync() // what it could not make sure of, no later try can
		}
		_ = s.head.Close() // written by now, or told by Sync
	}
	s.head = f
	s.segments = append(s.segments, segment{number: number})
	return syncFolder(s.dir)
}

// syncFolder has the disk make sure of the files' names.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing the spool: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing the spool: %w", err)
	}
	return nil
}

// Bound sets how many bytes the spool may have.
func (s *Spool) Bound(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.max = max(bytes, leastSpool)
}

func (s *Spool) segmentSize() int64 { return min(s.max/8, mostSegment) }

// ErrFull is of a spool that has no room.
var ErrFull = errors.New("the spool is full")

// Append puts lines at the end. It returns how many it took: the first ones. Errors: ErrFull, or the disk's where memory is full, too.
// An error beside all lines tells that the disk refused some, which are in memory now.
func (s *Spool) Append(lines [][]byte) (taken int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.memory) > 0 {
		err = s.flushMemory()
	}
	if len(s.memory) == 0 {
		taken, err = s.write(lines)
		if err == nil || errors.Is(err, ErrFull) {
			return taken, err
		}
	}
	for _, line := range lines[taken:] {
		if s.bytes+int64(len(line)) > mostInMemory {
			return taken, err
		}
		s.memory, s.bytes = append(s.memory, append([]byte(nil), line...)), s.bytes+int64(len(line))
		taken++
	}
	return taken, err
}

// flushMemory writes what the disk refused before, unless it is just being sent.
func (s *Spool) flushMemory() error {
	if s.flight > 0 {
		return nil
	}
	n, err := s.write(s.memory)
	for _, line := range s.memory[:n] {
		s.bytes -= int64(len(line))
	}
	s.memory = append([][]byte(nil), s.memory[n:]...)
	return err
}

// write puts lines on the disk, as many as there is room for.
func (s *Spool) write(lines [][]byte) (written int, err error) {
	for written < len(lines) {
		if s.segments[len(s.segments)-1].size >= s.segmentSize() {
			if err := s.newSegment(s.segments[len(s.segments)-1].number + 1); err != nil {
				return written, err
			}
		}
		last := &s.segments[len(s.segments)-1]
		var buf []byte
		n := 0
		for _, line := range lines[written:] {
			if len(line) == 0 || len(line) > maxRecord {
				n++ // nothing that an event can be
				continue
			}
			size := int64(len(buf) + headLen + len(line))
			if s.total+size > s.max || n > 0 && last.size+size > s.segmentSize() {
				break
			}
			buf = appendRecord(buf, line)
			n++
		}
		if n == 0 {
			return written, ErrFull
		}
		if _, err := s.head.WriteAt(buf, last.size); err != nil {
			_ = s.head.Truncate(last.size) // half a record at most stays; the next write goes over it
			return written, fmt.Errorf("writing the spool: %w", err)
		}
		last.size, s.total, s.dirty = last.size+int64(len(buf)), s.total+int64(len(buf)), true
		written += n
	}
	return written, nil
}

// Sync has the disk make sure of what was appended.
func (s *Spool) Sync() error {
	s.mu.Lock()
	if len(s.memory) > 0 {
		_ = s.flushMemory() // the disk still refuses: Append has told
	}
	if !s.dirty {
		s.mu.Unlock()
		return nil
	}
	f := s.head
	s.dirty = false
	s.mu.Unlock()
	if err := f.Sync(); err != nil && !errors.Is(err, os.ErrClosed) { // a closed one was synced when it was left
		return fmt.Errorf("syncing the spool: %w", err)
	}
	return nil
}

// Size is how many bytes wait, at most.
func (s *Spool) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting()
}

func (s *Spool) waiting() int64 {
	n := s.total + s.bytes
	if len(s.segments) > 0 && s.segments[0].number == s.at.segment {
		n -= s.at.offset
	}
	return n
}

// takeDamaged counts the places at which the spool was not what had been written, since it was last asked.
func (s *Spool) takeDamaged() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.damaged
	s.damaged = 0
	return n
}

// Close leaves what waits for the next time. What only memory has is lost: left tells how much.
func (s *Spool) Close() (left int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flight = 0
	if len(s.memory) > 0 {
		err = s.flushMemory()
	}
	left = len(s.memory)
	if s.dirty {
		err = errors.Join(err, s.head.Sync())
	}
	s.closeFiles()
	return left, err
}

func (s *Spool) closeFiles() {
	for _, f := range []*os.File{s.head, s.reading, s.mark} {
		if f != nil {
			_ = f.Close() // nothing is buffered
		}
	}
	if s.unlock != nil {
		s.unlock()
	}
}

// readMark is where reading goes on: the oldest record where nothing says otherwise.
func (s *Spool) readMark() place {
	first := place{segment: s.segments[0].number}
	raw := make([]byte, 20)
	if n, _ := s.mark.ReadAt(raw, 0); n < len(raw) { // shorter: never written
		return first
	}
	if crc32.Checksum(raw[:16], castagnoli) != binary.BigEndian.Uint32(raw[16:]) {
		return first // sent again rather than not at all
	}
	at := place{binary.BigEndian.Uint64(raw), int64(binary.BigEndian.Uint64(raw[8:]))}
	for _, g := range s.segments {
		if g.number == at.segment && at.offset >= 0 && at.offset <= g.size {
			return at
		}
	}
	return first
}

func (s *Spool) writeMark() error {
	raw := binary.BigEndian.AppendUint64(nil, s.at.segment)
	raw = binary.BigEndian.AppendUint64(raw, uint64(s.at.offset))
	raw = binary.BigEndian.AppendUint32(raw, crc32.Checksum(raw, castagnoli))
	if _, err := s.mark.WriteAt(raw, 0); err != nil {
		return fmt.Errorf("writing the spool's position: %w", err)
	}
	return nil
}
