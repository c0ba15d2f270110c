package auditlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/owner"
)

// Why a log can't go on.
const (
	causeKey       = "another key"    // the key ring is another, or what names the log was altered
	causeAltered   = "altered"        // it is not what was signed
	causeTruncated = "truncated"      // it ends before what was signed
	causePieces    = "pieces missing" // files of it are missing
)

// goOn takes up the log that is there. cause says why it can't be.
func (l *Log) goOn(ctx context.Context, origin string) (notices []notice, cause string, err error) {
	l.origin = origin
	if err := l.useKeys(); err != nil {
		return nil, causeKey, nil // the name is none
	}
	vkey, err := os.ReadFile(filepath.Join(l.o.Dir, "vkey"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", err
	}
	if strings.TrimSpace(string(vkey)) != l.keys.vkey {
		return nil, causeKey, nil
	}
	pruned, err := readPruned(l.o.Dir, l.keys.verifier)
	if err != nil {
		return nil, causeAltered, nil
	}
	l.prunedTo = pruned.Size
	all, err := segments(l.o.Dir)
	if err != nil {
		return nil, "", err
	}
	if len(all) == 0 || all[0].first > pruned.Size {
		return nil, causePieces, nil
	}
	l.tree = tree{hashes: hashes{dir: filepath.Join(l.o.Dir, "hashes"), write: true}}
	r, err := l.replay(all[len(all)-1])
	if err == nil && r.cause == "" && r.good == 0 && len(all) > 1 {
		// A crash came while the segment was made: the one before goes on.
		if err = os.Remove(all[len(all)-1].path); err == nil {
			r, err = l.replay(all[len(all)-2])
		}
	}
	if err == nil && r.cause == "" && r.good == 0 {
		r.cause = causeAltered
	}
	if err != nil || r.cause != "" {
		return nil, r.cause, err
	}
	if err := l.tree.flush(); err != nil {
		return nil, "", err
	}
	if cause, err = l.judge(ctx); err != nil || cause != "" {
		return nil, cause, err
	}
	if err := l.takeUp(r); err != nil {
		return nil, "", err
	}
	if torn := r.end - r.good; torn > 0 {
		notices = append(notices, notice{"audit-repaired", event.Success, "torn by a crash", []zap.Field{
			zap.Int64("gateway.audit.size", l.tree.n), zap.Int64("gateway.audit.bytes", torn)}})
		l.report(fmt.Errorf("the audit log was torn by a crash: %d bytes behind the last checkpoint, which nobody was told are written, were cut off", torn))
	}
	return notices, "", nil
}

// replayed is what the last segment turned out to be.
type replayed struct {
	segment
	good, end int64 // where the last checkpoint that is right ends, 0: there is none; and the file
	cause     string
}

// replay reads the last segment up to the last checkpoint that is right, and makes its hashes anew.
func (l *Log) replay(s segment) (r replayed, err error) {
	r.segment = s
	if l.tree.peaks, err = l.tree.hashes.peaksAt(s.first); err != nil {
		r.cause = causePieces
		return r, nil
	}
	mark := l.tree.mark() // as it was at the last checkpoint
	broken, later, events := false, 0, 0
	err = lines(s.path, func(x line) error {
		r.end = x.at + int64(len(x.text))
		if x.whole {
			r.end++
		}
		if !x.group {
			events++
			index, ok := indexOf(x.text)
			broken = broken || !ok || !x.whole || index != l.tree.n || !l.enc.authentic(x.text)
			if !broken {
				l.tree.add(l.enc.hash(x.text))
			}
			return nil
		}
		raw, err := noteOf(x.text)
		if err != nil {
			broken = true
			return nil
		}
		c, err := OpenCheckpoint(raw, l.keys.verifier)
		if err == nil && x.whole && !broken && c.Size == l.tree.n && c.Root == l.tree.root() {
			mark, r.good = l.tree.mark(), r.end
			return nil
		}
		if err == nil {
			later++
		}
		broken = true
		return nil
	})
	// A crash can tear the group that was written last, and no other: each was on the disk before the next began. And no event comes before a segment's first checkpoint.
	if err == nil && (later > 1 || r.good == 0 && events > 0) {
		r.cause = causeAltered
	}
	l.tree.back(mark)
	return r, err
}

// takeUp opens the segment to be written on, and cuts off what a crash has left.
func (l *Log) takeUp(r replayed) error {
	opened, err := owner.Create(r.path)
	if err != nil {
		return fmt.Errorf("opening the audit log: %w", err)
	}
	f := l.o.disk(opened)
	l.file, l.at, l.first, l.began = f, r.good, r.first, l.o.Now()
	l.size.Store(l.tree.n)
	if r.end > r.good {
		if err := errors.Join(f.Truncate(r.good), f.Sync()); err != nil {
			return fmt.Errorf("repairing the audit log: %w", err)
		}
	}
	return nil
}

// judge compares the log with what was told of it elsewhere.
func (l *Log) judge(ctx context.Context) (cause string, err error) {
	head, err := Head(ctx, l.o.DB, l.origin)
	if err != nil {
		return "", err
	}
	told, err := os.ReadFile(filepath.Join(l.o.Dir, "checkpoint"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, raw := range []string{head, string(told)} {
		if raw == "" {
			continue
		}
		c, err := OpenCheckpoint([]byte(raw), l.keys.verifier)
		switch {
		case err != nil:
			return causeAltered, nil
		case c.Size > l.tree.n:
			return causeTruncated, nil
		}
		root, err := tlog.TreeHash(c.Size, &l.tree.hashes)
		if err != nil {
			return causePieces, nil
		}
		if root != c.Root {
			return causeAltered, nil
		}
	}
	return "", nil
}
