package auditlog

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A crash that tears what was written last, at any byte of it, costs what was not acknowledged and nothing else.
func TestATornTailIsRepaired(t *testing.T) {
	h := newLite(t)
	l := h.open(h.options())
	h.emit(l, 12, 4)
	whole := h.raw()
	h.emit(l, 1, 1) // one more group, of one event, since several may become several groups. It is torn below: nobody was told of it, as the checkpoint is an hour off
	more := h.raw()
	size, path := l.Size(), segmentPath(h.audit(), 0)
	for end := len(whole); end < len(more); end += 1 + (len(more)-len(whole))/15 {
		for _, rest := range []string{more[len(whole):end], strings.Repeat("\x00", end-len(whole))} {
			dir := filepath.Join(t.TempDir(), "audit")
			if err := os.CopyFS(dir, os.DirFS(h.audit())); err != nil {
				t.Fatal(err)
			}
			torn := filepath.Join(dir, "segments", filepath.Base(path))
			if err := os.WriteFile(torn, []byte(whole+rest), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := h.db.Exec(ctx, `DELETE FROM audit_heads`); err != nil { // the turn before went on in its own way
				t.Fatal(err)
			}
			o := h.options()
			o.Dir = dir
			again, err := Open(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			if again.Origin() != l.Origin() || again.Size() != size-1 {
				t.Fatalf("torn at %d: %s with %d events, not %s with %d", end, again.Origin(), again.Size(), l.Origin(), size-1)
			}
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !strings.Contains(h.errors(), "torn by a crash") {
		t.Error("nobody was told:", h.errors())
	}
}

// A crash can come between the events and their hashes: nothing is wrong with such a log, and its hashes are made anew.
func TestHashesThatLagBehind(t *testing.T) {
	h := newLite(t)
	l := h.open(h.options())
	h.emit(l, 600, 100)
	h.close(l)
	for name, count := range map[string]int64{"0": 255, "1": 0} {
		if err := os.Truncate(filepath.Join(h.audit(), "hashes", name), count*32+7); err != nil {
			t.Fatal(err)
		}
	}
	if report, err := Verify(h.folder()); err != nil || len(report.Findings) > 0 || report.Size != 600 {
		t.Errorf("%+v %v", report, err)
	}
	again := h.open(h.options())
	if again.Origin() != l.Origin() || again.Size() != 600 {
		t.Error("it did not go on:", h.errors())
	}
	h.close(again)
	if p, err := h.folder().ProveEvent(300); err != nil || p.Check(h.folder().Verifier) != nil {
		t.Error("the hashes were not made anew:", err)
	}
}

// A log that is not what was signed, or ends before, is kept to be looked at, and a new one begins.
func TestABrokenLogIsSetAside(t *testing.T) {
	for name, breakIt := range map[string]func(h *house, path string) error{
		"altered": func(h *house, path string) error {
			return os.WriteFile(path, bytes.Replace([]byte(h.raw()), []byte(`"GET"`), []byte(`"PUT"`), 1), 0o600)
		},
		"truncated": func(h *house, path string) error {
			raw := h.raw()
			second := strings.Index(raw[strings.Index(raw, "\n")+1:], groupHead) // behind the first group of events
			end := strings.Index(raw[strings.Index(raw, "\n")+1+second:], "\n")
			return os.WriteFile(path, []byte(raw[:strings.Index(raw, "\n")+1+second+end+1]), 0o600)
		},
		"pieces missing": func(h *house, path string) error { return os.Remove(path) },
		"another key": func(h *house, path string) error {
			return os.WriteFile(filepath.Join(h.audit(), "origin"), []byte("other/audit/abc\n"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			l := h.open(h.options())
			h.emit(l, 12, 4)
			h.close(l)
			if err := breakIt(h, segmentPath(h.audit(), 0)); err != nil {
				t.Fatal(err)
			}
			again := h.open(h.options())
			if again.Origin() == l.Origin() || !strings.Contains(h.errors(), name) {
				t.Error("it went on:", h.errors())
			}
			h.emit(again, 3, 3)
			if !strings.Contains(h.raw(), `"event.action":"audit-set-aside"`) {
				t.Error("the new log does not say so")
			}
			asides, err := filepath.Glob(filepath.Join(h.audit(), "aside-*"))
			if err != nil || len(asides) != 1 {
				t.Fatal(asides, err)
			}
			if f, err := OpenFolder(asides[0], h.ring, ""); err == nil {
				report, err := Verify(f)
				if err != nil || len(report.Findings) == 0 {
					t.Errorf("%+v %v", report, err)
				}
			} else if name != "another key" {
				t.Error(err)
			}
		})
	}
}

// A log that was removed altogether is missed by the database.
func TestARemovedLogIsMissed(t *testing.T) {
	h := newHouse(t)
	l := h.open(h.options())
	h.emit(l, 3, 3)
	h.close(l)
	if err := os.RemoveAll(h.audit()); err != nil {
		t.Fatal(err)
	}
	h.emit(h.open(h.options()), 1, 1)
	if !strings.Contains(h.errors(), "removed") || !strings.Contains(h.raw(), `"event.action":"audit-missing"`) {
		t.Error(h.errors())
	}
}

// Of two processes one writes the log.
func TestOneWriter(t *testing.T) {
	h := newLite(t)
	h.open(h.options())
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := Open(short, h.options()); !errors.Is(err, ErrLocked) {
		t.Error(err)
	}
}

// faulty is a disk that is full, or forgets, while that is set.
type faulty struct {
	file
	full, forgets *atomic.Bool
}

func (f faulty) WriteAt(b []byte, off int64) (int, error) {
	if f.full.Load() {
		n, err := f.file.WriteAt(b[:len(b)/2], off)
		return n, errors.Join(syscall.ENOSPC, err)
	}
	return f.file.WriteAt(b, off)
}

func (f faulty) Sync() error {
	if f.forgets.Load() {
		return syscall.EIO
	}
	return f.file.Sync()
}

// A disk that is full just when a segment's day is over has no room for the next one. The gateway lives on, and the log goes on once there is room.
func TestAFullDiskAtTheEndOfASegment(t *testing.T) {
	h := newLite(t)
	o := h.options()
	o.Checkpoint = time.Millisecond // and as often it is looked whether the day is over
	var full, forgets atomic.Bool
	o.disk = func(f file) file { return faulty{f, &full, &forgets} }
	l := h.open(o)
	h.emit(l, 5, 5)
	if err := l.Checkpoint(ctx); err != nil { // nothing is left to be told, or written
		t.Fatal(err)
	}
	full.Store(true)
	h.pass(segmentAge)
	for end := time.Now().Add(30 * time.Second); strings.Count(h.errors(), "beginning a segment") < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no segment was tried twice: " + h.errors())
		}
	}
	full.Store(false)
	h.emit(l, 5, 5)
	size := l.Size()
	h.close(l)
	if l = h.open(h.options()); l.Size() < size || strings.Contains(h.errors(), "set aside") {
		t.Error(l.Size(), size, h.errors())
	}
}

// While the disk is full, events wait; when there is room again, all that was not said to be lost is there, and the log is whole.
func TestAFullDisk(t *testing.T) {
	h := newLite(t)
	o := h.options()
	var full, forgets atomic.Bool
	o.disk = func(f file) file { return faulty{f, &full, &forgets} }
	o.Waiting = 20 << 10
	l := h.open(o)
	h.emit(l, 5, 5)
	for _, fault := range []*atomic.Bool{&full, &forgets} {
		fault.Store(true)
		before := l.Lost()
		for i := range 200 {
			h.bus.Emit(request(h.clock(), i))
		}
		if err := h.bus.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		if err := l.Durable(short, func() { h.bus.Emit(request(h.clock(), 1)) }); err == nil {
			t.Error("an event was acknowledged that the disk has not")
		}
		cancel()
		for end := time.Now().Add(30 * time.Second); !l.Failing() && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		if !l.Failing() || l.Lost() == before {
			t.Error("the fault is not told")
		}
		fault.Store(false)
		if err := l.Sync(ctx); err != nil { // until there is room for more
			t.Fatal(err)
		}
		h.emit(l, 5, 5)
		if l.Failing() {
			t.Error("it is still failing")
		}
	}
	lost := l.Lost()
	h.close(l)
	f, err := OpenFolder(h.audit(), h.ring, "")
	if err != nil {
		t.Fatal(err)
	}
	report, err := Verify(f)
	if err != nil || len(report.Findings) > 0 || report.Lost != lost || lost == 0 {
		t.Errorf("%+v %v, %d lost", report, err, lost)
	}
	if sum := report.Size + report.Lost; sum < 417 { // 15 that were waited for, 402 while the disk was away, and the log's own
		t.Errorf("%d events are neither there nor said to be lost", 417-sum)
	}
}
