package auditlog

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/audit/auditlog/personal"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/owner"
)

// ErrLocked says that another process writes the log.
var ErrLocked = errors.New("another process writes this audit log: two gateways can't share a data folder")

// notice is what Open has to say once it can.
type notice struct {
	action, outcome, cause string
	fields                 []zap.Field
}

// Open opens the log in a folder, or makes one, and attaches it to the bus.
func Open(ctx context.Context, o Options) (*Log, error) {
	o = o.filled()
	if err := makeFolders(o.Dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	l := &Log{o: o, lock: lock, kick: make(chan struct{}, 1), hurry: make(chan struct{}, 1), ask: make(chan chan struct{}), quit: make(chan struct{}), done: make(chan struct{}),
		filling: new(batch), progress: make(chan struct{})}
	l.settings.Store(&o.Settings)
	l.personal = personal.Open(o.DB, o.Feed, o.Ring, o.Now)
	notices, err := l.recover(ctx)
	if err == nil {
		err = l.today(ctx)
	}
	if err != nil {
		l.personal.Close()
		return nil, errors.Join(fmt.Errorf("opening the audit log: %w", err), l.closeFiles(), lock.Close())
	}
	l.detach = o.Bus.Attach(l)
	for _, n := range notices {
		l.emit(n.action, n.outcome, n.cause, n.fields...)
	}
	go l.run()
	return l, nil
}

// Check sees that a log can be had in a folder, also while another process writes it. It writes nothing of it.
func Check(dir string) error {
	if err := makeFolders(dir); err != nil {
		return err
	}
	f, err := lockFile(dir)
	if err != nil {
		return err
	}
	return f.Close()
}

func makeFolders(dir string) error {
	for _, dir := range []string{dir, filepath.Join(dir, "segments"), filepath.Join(dir, "hashes")} {
		if err := owner.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("making the folder of the audit log: %w", err)
		}
	}
	return nil
}

func lockFile(dir string) (*os.File, error) {
	f, err := owner.Create(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("locking the audit log: %w", err)
	}
	return f, nil
}

func (o Options) filled() Options {
	o.Settings = o.Settings.filled()
	o.Retry = or(o.Retry, time.Second)
	o.Waiting = or(o.Waiting, 16<<20)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.disk == nil {
		o.disk = func(f file) file { return f }
	}
	if o.Machine == "" {
		o.Machine, _ = os.Hostname() // without one it is "": a name is nicer, but not needed
	}
	return o
}

// lockWait is how long a process that is just ending is waited for.
const lockWait = 10 * time.Second

// lockFolder keeps other processes from writing the log, for as long as the file is open.
func lockFolder(ctx context.Context, dir string) (*os.File, error) {
	f, err := lockFile(dir)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("locking the audit log: %w", err), f.Close())
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s: %w", dir, ErrLocked), f.Close())
		}
	}
}

// recover finds where the log goes on. One that can't go on is set aside, and a new one begins.
func (l *Log) recover(ctx context.Context) (notices []notice, err error) {
	origin, err := readOrigin(l.o.Dir)
	if err != nil {
		return nil, err
	}
	cause := ""
	if origin != "" {
		if notices, cause, err = l.goOn(ctx, origin); err != nil || cause == "" {
			return notices, err
		}
	} else if cause, err = l.leftovers(); err != nil {
		return nil, err
	}
	if cause != "" {
		// Fail open: the gateway goes on and says so, for else who breaks its log could shut it down. What they have left is kept to be looked at.
		aside, err := l.setAside()
		if err != nil {
			return nil, err
		}
		l.report(fmt.Errorf("the audit log %s can't go on (%s): it is kept in %s, and a new one begins; look at it with `convosphere audit verify`", origin, cause, aside))
		notices = []notice{{"audit-set-aside", event.Failure, cause, []zap.Field{zap.String("gateway.audit.folder", filepath.Base(aside))}}}
	}
	lost, err := l.begin(ctx)
	return append(notices, lost...), err
}

// begin begins an empty log.
func (l *Log) begin(ctx context.Context) (notices []notice, err error) {
	l.origin = newOrigin(l.o.Machine)
	if err := l.useKeys(); err != nil {
		return nil, err
	}
	// A log that was here and is gone altogether is known to the database alone.
	var gone int64
	err = l.o.DB.QueryRow(ctx, `SELECT COUNT(*) FROM audit_heads WHERE place = ?`, l.o.place()).Scan(&gone)
	if err != nil {
		return nil, fmt.Errorf("looking for earlier logs: %w", err)
	}
	asides, err := filepath.Glob(filepath.Join(l.o.Dir, asideHead+"*"))
	if err != nil {
		return nil, err
	}
	if gone > int64(len(asides)) {
		l.report(errors.New("the database knows of an audit log in this folder that is not there any more: it was removed"))
		notices = append(notices, notice{"audit-missing", event.Failure, "removed", nil})
	}
	l.tree = tree{hashes: hashes{dir: filepath.Join(l.o.Dir, "hashes"), write: true}}
	if err := l.newSegment(); err != nil {
		return nil, err
	}
	// The name is written last: without it, nothing has begun.
	for _, f := range []struct{ name, text string }{{"vkey", l.keys.vkey}, {"origin", l.origin}} {
		if err := writeFile(filepath.Join(l.o.Dir, f.name), []byte(f.text+"\n")); err != nil {
			return nil, fmt.Errorf("beginning an audit log: %w", err)
		}
	}
	return notices, nil
}

// leftovers tells whether a folder without a log's name holds one all the same, or only what a crash at its beginning has left.
func (l *Log) leftovers() (cause string, err error) {
	all, err := segments(l.o.Dir)
	if err != nil {
		return "", err
	}
	for _, s := range all {
		err = errors.Join(err, lines(s.path, func(x line) error {
			if !x.group {
				cause = causePieces
				return errStop
			}
			return nil
		}))
	}
	return cause, err
}

// useKeys makes the keys of the log's name.
func (l *Log) useKeys() (err error) {
	if l.keys, err = keysOf(l.o.Ring, l.origin); err == nil {
		l.enc = newEncoder(l.origin, l.keys.mac)
	}
	return err
}

func readOrigin(dir string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "origin"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading the name of the audit log: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

// newOrigin names a log: the machine is for people, what is random makes it one that never was.
func newOrigin(machine string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return -1
	}, strings.ToLower(machine))
	if name = event.Cut(name, 64); name == "" {
		name = "gateway"
	}
	return name + "/audit/" + strings.ToLower(rand.Text()[:10])
}

const asideHead = "aside-"

// setAside moves everything but the lock into a folder of its own.
func (l *Log) setAside() (string, error) {
	if err := l.tree.hashes.close(); err != nil {
		return "", err
	}
	aside := filepath.Join(l.o.Dir, asideHead+l.o.Now().UTC().Format("20060102T150405.000000"))
	if err := owner.MkdirAll(aside, 0o700); err != nil {
		return "", fmt.Errorf("setting the audit log aside: %w", err)
	}
	entries, err := os.ReadDir(l.o.Dir)
	if err != nil {
		return "", fmt.Errorf("setting the audit log aside: %w", err)
	}
	for _, e := range entries {
		if e.Name() == "lock" || strings.HasPrefix(e.Name(), asideHead) || strings.HasPrefix(e.Name(), ".new-") {
			continue
		}
		if err := os.Rename(filepath.Join(l.o.Dir, e.Name()), filepath.Join(aside, e.Name())); err != nil {
			return "", fmt.Errorf("setting the audit log aside: %w", err)
		}
	}
	for _, name := range []string{"segments", "hashes"} {
		if err := owner.MkdirAll(filepath.Join(l.o.Dir, name), 0o700); err != nil {
			return "", fmt.Errorf("setting the audit log aside: %w", err)
		}
	}
	return aside, nil
}

// Head is what the database knows of a log: the last checkpoint that it was told, "" where none was.
func Head(ctx context.Context, db *database.DB, origin string) (checkpoint string, err error) {
	err = db.QueryRow(ctx, `SELECT checkpoint FROM audit_heads WHERE origin = ?`, origin).Scan(&checkpoint)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("asking the database how far the audit log was: %w", err)
	}
	return checkpoint, nil
}
