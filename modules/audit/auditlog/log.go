package auditlog

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/modules/audit/auditlog/personal"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
)

// DefaultSize is how many bytes of the disk a log takes where nothing is said.
const DefaultSize = 10 << 30

// Settings may change while the log is open.
type Settings struct {
	Keep       time.Duration // events older than this go, a segment at a time; default 90 days
	Anonymous  time.Duration // what belongs to nobody who is known can be read for so long; default: as long as the events are kept
	MaxSize    int64         // bytes of all segments: the oldest go first; default 10 GiB
	Checkpoint time.Duration // how often a checkpoint is told, while there is something new; default a minute
	Group      time.Duration // for how long events gather that nobody waits for, before they are written and signed; default 100 ms
	Segment    int64         // bytes at which a new segment begins; default 64 MiB
}

func (s Settings) filled() Settings {
	s.Keep = or(s.Keep, 90*24*time.Hour)
	s.Anonymous = or(s.Anonymous, s.Keep)
	s.MaxSize = or(s.MaxSize, DefaultSize)
	s.Checkpoint = or(s.Checkpoint, time.Minute)
	s.Group = or(s.Group, 100*time.Millisecond)
	s.Segment = or(s.Segment, 64<<20)
	return s
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Bus is *event.Bus.
type Bus interface {
	Attach(s event.Sink) (detach func())
	Emit(e *event.Event)
	Flush(ctx context.Context) error
}

// Options of a log.
type Options struct {
	Dir  string // made with mode 0700
	Bus  Bus
	Ring personal.Ring // the node's key ring
	DB   *database.DB  // of keys and heads
	Feed *database.Feed
	Settings

	Now     func() time.Time // default time.Now
	Error   func(error)      // told of what the disk or the database refuses, once until it does not; nil: nobody
	Retry   time.Duration    // between two tries to write; default a second
	Waiting int64            // bytes of events that may wait for the disk; default 16 MiB
	Machine string           // its name; default the host's
	disk    func(file) file  // tests put faults between
}

// file is what is needed of *os.File.
type file interface {
	WriteAt(b []byte, off int64) (int, error)
	Sync() error
	Truncate(size int64) error
	Close() error
}

// Log is an open log. It is an event.Sink.
type Log struct {
	o        Options
	settings atomic.Pointer[Settings]
	origin   string
	keys     keys
	personal *personal.Keys
	lock     *os.File
	detach   func()

	writer // of its goroutine

	kick  chan struct{}      // something waits
	hurry chan struct{}      // and not for more to come
	ask   chan chan struct{} // a checkpoint is asked for: closed once it is told
	quit  chan struct{}
	done  chan struct{}

	mu       sync.Mutex
	filling  *batch
	handed   int64         // events that were taken or lost, since the start; guarded by mu
	durable  int64         // of them
	progress chan struct{} // closed when durable grows
	closed   bool
	lost     atomic.Int64 // since the start
	size     atomic.Int64 // events in the log
	failing  atomic.Bool
}

// batch is what is written at once.
type batch struct {
	lines []byte
	ends  []int    // of each line
	users []string // whose it is, "" for nobody
	own   int      // how many are of the log itself
	lost  int64    // before the first
	upTo  int64    // events handed
}

const (
	soonBytes = 256 << 10 // that much is written without waiting for more
	stopTime  = 5 * time.Second
)

// Write takes an event (event.Sink).
func (l *Log) Write(r *event.Record) {
	l.mu.Lock()
	b := l.filling
	l.handed++
	b.upTo = l.handed
	if l.closed || int64(len(b.lines)+len(r.Line)) > l.o.Waiting {
		b.lost++
		l.lost.Add(1)
		l.mu.Unlock()
		return
	}
	b.lines = append(b.lines, r.Line...)
	b.ends = append(b.ends, len(b.lines))
	b.users = append(b.users, r.Event.UserID)
	if r.Event.Action == checkpointAction {
		b.own++
	}
	first, soon := len(b.ends) == 1, len(b.lines) > soonBytes
	l.mu.Unlock()
	if first {
		signal(l.kick)
	}
	if soon {
		signal(l.hurry)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take gives the batch that has filled up, and lets spare fill up.
func (l *Log) take(spare *batch) *batch {
	*spare = batch{lines: spare.lines[:0], ends: spare.ends[:0], users: spare.users[:0]}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.filling
	l.filling, spare.upTo = spare, b.upTo
	return b
}

// Lost tells how many events found no place since the start.
func (l *Log) Lost() int64 { return l.lost.Load() }

// Size is how many events the log has, with those that were removed by retention.
func (l *Log) Size() int64 { return l.size.Load() }

// Failing tells whether the disk refuses events at the moment. They wait.
func (l *Log) Failing() bool { return l.failing.Load() }

// Origin is the log's name.
func (l *Log) Origin() string { return l.origin }

// VerifierKey is its public key, as C2SP signed-note writes it.
func (l *Log) VerifierKey() string { return l.keys.vkey }

// Configure changes the settings.
func (l *Log) Configure(s Settings) {
	s = s.filled()
	l.settings.Store(&s)
	signal(l.kick)
}

// Settings are those in force.
func (l *Log) Settings() Settings { return *l.settings.Load() }

// ErrLost says that an event may be among those that found no place.
var ErrLost = errors.New("events were lost meanwhile: it is not known whether this one was written")

// Durable has emit hand events to the bus, and returns when they are on the disk and signed. An error tells that this is not known: who must not act without a
// record then does not act. Of a nil log nothing is promised, and nothing waited for.
func (l *Log) Durable(ctx context.Context, emit func()) error {
	if l == nil {
		emit()
		return nil
	}
	lost := l.lost.Load()
	emit()
	if err := l.Sync(ctx); err != nil {
		return err
	}
	if l.lost.Load() != lost {
		return ErrLost
	}
	return nil
}

// Sync waits until what was emitted before is on the disk.
func (l *Log) Sync(ctx context.Context) error {
	if err := l.o.Bus.Flush(ctx); err != nil {
		return fmt.Errorf("waiting for the audit log: %w", err)
	}
	l.mu.Lock()
	upTo := l.handed
	for l.durable < upTo {
		if l.closed {
			l.mu.Unlock()
			return errClosed
		}
		progress := l.progress
		l.mu.Unlock()
		signal(l.kick)
		signal(l.hurry)
		select {
		case <-progress:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the audit log: %w", ctx.Err())
		}
		l.mu.Lock()
	}
	l.mu.Unlock()
	return nil
}

// Checkpoint writes what was emitted before and tells how far the log is.
func (l *Log) Checkpoint(ctx context.Context) error {
	if err := l.Sync(ctx); err != nil {
		return err
	}
	told := make(chan struct{})
	select {
	case l.ask <- told:
	case <-l.done:
		return errClosed
	case <-ctx.Done():
		return fmt.Errorf("waiting for the audit log: %w", ctx.Err())
	}
	<-told             // the goroutine is at it, and asks nobody who may be slow for more than seconds
	return l.Sync(ctx) // for its event, which comes after what it tells of
}

var errClosed = errors.New("the audit log was closed")

// acknowledge tells those who wait.
func (l *Log) acknowledge(upTo int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.durable = upTo
	close(l.progress)
	l.progress = make(chan struct{})
}

// Close writes what waits, tells a last checkpoint and gives the folder back.
func (l *Log) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	err := l.o.Bus.Flush(ctx)
	l.detach()
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		return nil
	}
	close(l.quit)
	<-l.done
	l.mu.Lock()
	close(l.progress)
	l.progress = make(chan struct{})
	l.mu.Unlock()
	l.personal.Close()
	return errors.Join(err, l.closeFiles(), l.lock.Close())
}

// run is the log's goroutine, which Close ends.
func (l *Log) run() {
	defer close(l.done)
	spare := new(batch)
	l.tell(causeStart)
	tick := time.NewTimer(l.settings.Load().Checkpoint)
	defer tick.Stop()
	for {
		quitting := false
		select {
		case <-l.kick:
			quitting = l.gather()
		case <-tick.C:
			l.keepHouse()
			l.tell("interval")
			tick.Reset(l.settings.Load().Checkpoint)
			continue
		case told := <-l.ask:
			l.tell("asked for")
			close(told)
			continue
		case <-l.quit:
			quitting = true
		}
		b := l.take(spare)
		l.write(b)
		spare = b
		if quitting {
			l.tell("stop")
			return
		}
	}
}

// gather lets more come, unless somebody waits or there is much.
func (l *Log) gather() (quitting bool) {
	wait := time.NewTimer(l.settings.Load().Group)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-l.hurry:
	case <-l.quit:
		return true
	}
	return false
}

// write has a batch on the disk, however often that takes; only when the log is closed meanwhile it is lost.
func (l *Log) write(b *batch) {
	if len(b.ends) == 0 {
		l.carry(b.lost)
	}
	for len(b.ends) > 0 {
		err := l.commit(b)
		if err == nil {
			if l.failing.Swap(false) {
				l.report(errors.New("the audit log is written again"))
			}
			break
		}
		if !l.failing.Swap(true) {
			l.report(fmt.Errorf("the audit log can't be written, events wait: %w", err))
		}
		select {
		case <-time.After(l.o.Retry):
		case <-l.quit:
			if err := l.commit(b); err != nil {
				l.lost.Add(int64(len(b.ends)))
				l.report(fmt.Errorf("%d events are missing from the audit log, which was closed: %w", len(b.ends), err))
				return
			}
		}
	}
	l.acknowledge(b.upTo)
}

func (l *Log) report(err error) {
	if l.o.Error != nil {
		l.o.Error(err)
	}
}
