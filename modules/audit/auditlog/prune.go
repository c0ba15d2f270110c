package auditlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/note"

	"github.com/convosphere/gateway/modules/internal/event"
)

// segmentAge is the age at which a segment ends, so that retention is right to a day.
const segmentAge = 24 * time.Hour

// prune removes whole segments that are too old, or too much. Their hashes stay, so the tree and its proofs go on as they are; that it was the gateway that
// removed them is signed first.
func (l *Log) prune() {
	all, err := segments(l.o.Dir)
	if err != nil {
		l.report(err)
		return
	}
	upTo, err := l.pruneTo(all)
	if err == nil && upTo > l.prunedTo {
		err = l.signPruned(upTo)
	}
	if err != nil {
		l.report(fmt.Errorf("removing old events from the audit log: %w", err))
		return
	}
	for i := 0; i+1 < len(all) && all[i+1].first <= l.prunedTo; i++ { // also those of a turn that a crash has ended
		if err := os.Remove(all[i].path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.report(fmt.Errorf("removing old events from the audit log: %w", err))
			return
		}
	}
}

// pruneTo is the index before which everything goes.
func (l *Log) pruneTo(all []segment) (int64, error) {
	s := l.settings.Load()
	sizes, total := make([]int64, len(all)), int64(0)
	for i := range all {
		info, err := os.Stat(all[i].path)
		if err != nil {
			return 0, err
		}
		sizes[i] = info.Size()
		total += sizes[i]
	}
	upTo := int64(0)
	for i := 0; i+1 < len(all); i++ { // never the last
		old, err := l.olderThan(all[i+1], l.o.Now().Add(-s.Keep))
		if err != nil {
			return upTo, err
		}
		if !old && total <= s.MaxSize {
			break
		}
		total -= sizes[i]
		upTo = all[i+1].first
	}
	return upTo, nil
}

// olderThan tells whether the segment begins with an event from before t, so that all segments before it are older. It asks the event, not the file's time, which
// anybody could set who may write the file: retention must not remove and sign what somebody only made look old.
func (l *Log) olderThan(s segment, t time.Time) (old bool, err error) {
	err = lines(s.path, func(x line) error {
		if x.group {
			return nil
		}
		var leaf Leaf
		if !l.enc.authentic(x.text) || leaf.parse(x.text) != nil {
			return fmt.Errorf("%s does not begin with an event of this log: it was altered", s.path)
		}
		at, err := time.Parse(time.RFC3339Nano, leaf.Time)
		if err != nil {
			return fmt.Errorf("%s: an event has no time", s.path)
		}
		old = at.Before(t)
		return errStop
	})
	return old, err
}

func (l *Log) signPruned(upTo int64) error {
	p, err := l.tree.hashes.peaksAt(upTo)
	if err != nil {
		return err
	}
	c, err := Checkpoint{Origin: l.origin, Size: upTo, Root: p.root(), Pruned: true}.sign(l.keys.signer)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(l.o.Dir, "pruned"), []byte(c.Note)); err != nil {
		return err
	}
	l.prunedTo = upTo
	l.emit("audit-pruned", event.Success, "retention", zap.Int64("gateway.audit.size", upTo))
	return nil
}

// readPruned is what retention has removed, nothing where it never did.
func readPruned(dir string, key note.Verifier) (Checkpoint, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "pruned"))
	if errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, nil
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading the audit log: %w", err)
	}
	c, err := OpenCheckpoint(raw, key)
	if err == nil && !c.Pruned {
		err = errCheckpoint
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("what says which events retention has removed is not of this log: %w", err)
	}
	return c, nil
}
