package ship

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Next gives out the lines that come next, at most so many and so many bytes, but one at least; none where nothing waits. What it gave out is given again
// until Done. A place that is damaged is counted and passed over, with what follows in its segment.
func (s *Spool) Next(most int, bytes int) (lines [][]byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.flight = s.at, 0
	for {
		g, last := s.find(s.next.segment)
		if s.next.offset < g.size {
			lines, err := s.readSome(g, most, bytes)
			if err != nil || len(lines) > 0 {
				return lines, err
			}
			s.damaged++ // of the rest of the segment nothing can be told apart
			s.next.offset = g.size
			s.at = s.next // nothing before it waits
			continue
		}
		if last {
			break
		}
		s.next = place{segment: s.after(g.number)}
	}
	size := 0
	for _, line := range s.memory {
		if len(lines) > 0 && (len(lines) >= most || size+len(line) > bytes) {
			break
		}
		lines, size = append(lines, line), size+len(line)
	}
	s.flight = len(lines)
	return lines, nil
}

// find is the segment of that number; last tells that it is the one being written.
func (s *Spool) find(number uint64) (g segment, last bool) {
	for i, g := range s.segments {
		if g.number == number {
			return g, i == len(s.segments)-1
		}
	}
	return s.segments[0], len(s.segments) == 1
}

func (s *Spool) after(number uint64) uint64 {
	for _, g := range s.segments {
		if g.number > number {
			return g.number
		}
	}
	return number
}

// readSome reads whole records of g from s.next on.
func (s *Spool) readSome(g segment, most, bytes int) ([][]byte, error) {
	if err := s.openReading(g.number); err != nil {
		return nil, err
	}
	raw := make([]byte, min(g.size-s.next.offset, int64(max(bytes, headLen+maxRecord))))
	n, err := s.reading.ReadAt(raw, s.next.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the spool: %w", err)
	}
	raw = raw[:n]
	var lines [][]byte
	for size := 0; len(lines) < most; {
		line, n, ok := firstRecord(raw)
		if !ok || n == 0 || len(lines) > 0 && size+len(line) > bytes {
			break
		}
		lines, size, raw = append(lines, line), size+len(line), raw[n:]
		s.next.offset += int64(n)
	}
	return lines, nil
}

func (s *Spool) openReading(number uint64) error {
	path := segmentPath(s.dir, number)
	if s.reading != nil && s.reading.Name() == path {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading the spool: %w", err)
	}
	if s.reading != nil {
		_ = s.reading.Close() // was only read
	}
	s.reading = f
	return nil
}

// Done takes out what Next gave out last.
func (s *Spool) Done() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.memory[:s.flight] {
		s.bytes -= int64(len(line))
	}
	s.memory, s.flight = append([][]byte(nil), s.memory[s.flight:]...), 0
	s.at = s.next
	if err := s.writeMark(); err != nil {
		return errors.Join(err, s.dropDone())
	}
	return s.dropDone()
}

// dropDone removes the segments that are read. The one that is written on is left behind for a new one once it is large.
func (s *Spool) dropDone() error {
	last := s.segments[len(s.segments)-1]
	if s.at.segment == last.number && s.at.offset == last.size && last.size >= min(s.segmentSize(), 1<<20) {
		if err := s.newSegment(last.number + 1); err != nil {
			return err
		}
		s.dirty = false
		s.at = place{segment: last.number + 1}
		s.next = s.at
		if err := s.writeMark(); err != nil {
			return err
		}
	}
	for len(s.segments) > 1 && s.segments[0].number < s.at.segment {
		g := s.segments[0]
		if err := os.Remove(segmentPath(s.dir, g.number)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing what was sent: %w", err)
		}
		s.segments, s.total = s.segments[1:], s.total-g.size
	}
	return nil
}
