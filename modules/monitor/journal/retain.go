package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// damagedSuffix is what files end in that can't be read. They go when they are as old as what is kept.
const damagedSuffix = ".damaged"

// restore finds what a process before has left.
func (j *Journal) restore() error {
	entries, err := os.ReadDir(j.o.Dir)
	if err != nil {
		return err
	}
	var logs []uint64
	for _, e := range entries {
		path := filepath.Join(j.o.Dir, e.Name())
		switch {
		case !e.Type().IsRegular():
		case strings.HasSuffix(e.Name(), ".tmp"): // a segment that was being written
			if err := os.Remove(path); err != nil {
				return err
			}
		case strings.HasSuffix(e.Name(), logSuffix):
			if first, err := strconv.ParseUint(strings.TrimSuffix(e.Name(), logSuffix), 16, 64); err == nil {
				logs = append(logs, first)
			}
		case strings.HasSuffix(e.Name(), segmentSuffix):
			j.restoreSegment(path)
		}
	}
	slices.SortFunc(j.segments, func(a, b *segment) int { return int(int64(a.First - b.First)) })
	if n := len(j.segments); n > 0 {
		j.making.start = j.segments[n-1].First + uint64(j.segments[n-1].Rows)
	}
	slices.Sort(logs)
	for _, first := range logs {
		if err := j.restoreLog(first); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) restoreSegment(path string) {
	s, err := openSegment(path)
	if err != nil {
		j.setAside(path, err)
		return
	}
	j.segments = append(j.segments, s)
}

func (j *Journal) setAside(path string, why error) {
	j.o.Error(fmt.Errorf("the journal leaves out %s: %w", path, why))
	if err := os.Rename(path, path+damagedSuffix); err != nil {
		j.o.Error(err)
	}
}

// restoreLog takes over the lines of a log whose segment was not written.
func (j *Journal) restoreLog(first uint64) error {
	path := filepath.Join(j.o.Dir, logName(first))
	if slices.ContainsFunc(j.segments, func(s *segment) bool { return s.First == first }) {
		return os.Remove(path) // the process ended between writing the one and removing the other
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	j.seal() // an older log's
	j.making.start = max(j.making.start, first)
	same := j.making.start == first
	records, size, err := readLog(f, first, j.o.Ring, func(lines []byte) {
		for line := range strings.Lines(string(lines)) {
			if j.event.Parse([]byte(line)) == nil && j.row.read(&j.event) && len(j.making.at) < segmentRows {
				j.making.add(&j.row, []byte(line))
			}
		}
	})
	if err != nil {
		j.setAside(path, err)
		j.making = &making{start: j.making.start + segmentRows} // no file gets the name of one that was set aside
		return nil
	}
	if len(j.making.at) == 0 {
		return os.Remove(path)
	}
	if same {
		if j.log, err = openLog(j.o.Dir, first, records, size); err != nil {
			return err
		}
	}
	if !same || len(j.making.at) == segmentRows {
		j.seal()
	}
	return nil
}

// care is what is done every few seconds: nothing stays longer than it may.
func (j *Journal) care() {
	j.adding.Lock()
	defer j.adding.Unlock()
	j.flush()
	now, keep := j.o.Now(), j.set().Keep
	// A segment goes as a whole, with its oldest event: one that is never full must not hold its newer ones for that.
	if m := j.making; len(m.at) > 0 && m.oldest < now.Add(-max(keep/16, time.Hour)).UnixMicro() {
		j.seal()
	}
	j.prune()
	j.cache.idle(now.Add(-idleTime))
}

// prune removes segments that are too many, or that hold an event which is too old. The mutex adding is held, or nobody adds yet.
func (j *Journal) prune() {
	j.mu.Lock()
	old := j.o.Now().Add(-j.settings.Keep)
	events, bytes := segmentRows, int64(0) // the one that is made may become full
	for _, s := range j.segments {
		events, bytes = events+s.Rows, bytes+s.size
	}
	var gone []*segment
	j.segments = slices.DeleteFunc(slices.Clone(j.segments), func(s *segment) bool {
		if s.Oldest >= old.UnixMicro() && events <= j.settings.MaxEvents && bytes <= j.settings.MaxSize {
			return false
		}
		events, bytes, gone = events-s.Rows, bytes-s.size, append(gone, s)
		return true
	})
	j.mu.Unlock()
	for _, s := range gone {
		if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			j.o.Error(fmt.Errorf("removing what is too old of the journal: %w", err))
		}
	}
	j.pruneDamaged(old)
}

func (j *Journal) pruneDamaged(old time.Time) {
	damaged, err := filepath.Glob(filepath.Join(j.o.Dir, "*"+damagedSuffix))
	if err != nil {
		return // the pattern is our own, but for the folder's name
	}
	for _, path := range damaged {
		if info, err := os.Stat(path); err == nil && info.ModTime().Before(old) {
			if err := os.Remove(path); err != nil {
				j.o.Error(err)
			}
		}
	}
}
