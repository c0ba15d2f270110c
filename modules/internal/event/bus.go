package event

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/DeRuina/timberjack"

	"github.com/convosphere/gateway/modules/internal/owner"
)

// Bus takes events from requests and writes them as JSON lines, in the order they came. Emit never waits:
// it fails open, for a full disk must not stop the service; what does not fit in the queue is counted,
// and the next event that fits says how many were lost before it (gateway.events_dropped).
type Bus struct {
	queue   chan *Event
	dropped atomic.Int64 // not yet reported
	total   atomic.Int64
	failed  atomic.Int64
	done    chan struct{}
	closing sync.RWMutex // held for reading while sending: nothing is sent to a closed queue
	closed  bool
	file    io.WriteCloser
	sealer  atomic.Pointer[Sealer] // nil: lines are written as they are
	enrich  atomic.Pointer[func(*Event)]
	sinks   atomic.Pointer[[]*sink] // besides the file; replaced whole
	attach  sync.Mutex              // held while sinks are replaced
	writing sync.Mutex              // held while sinks are written to
	names   string                  // how the ids of this bus begin
}

// Record is one event as it is written.
type Record struct {
	ID    string // event.id: unique, and of one bus in order
	Time  time.Time
	Event *Event // not to be changed
	Line  []byte // the event as one JSON object and a line's end, never sealed; overwritten after Write
}

// Sink takes events, in order and from one goroutine. Write never waits: a sink that can be slow queues, and counts what it has to leave out.
type Sink interface{ Write(r *Record) }

type sink struct{ Sink }

// What the files of events take of the disk where nothing is said: the one that is written, and those before it.
const (
	DefaultMiB   = 100
	DefaultFiles = 20
)

// Options of a bus; zero values take the defaults.
type Options struct {
	Dir      string // where events.jsonl is written; made with mode 0700
	QueueLen int    // events that may wait for the disk; default 16384
	MaxMiB   int    // size at which the file is rotated; default 100
	MaxFiles int    // rotated files kept; default 20
	MaxDays  int    // age at which rotated files go; default 90
	Trial    bool   // nothing is written, only seen that it could be: a running gateway may write there
}

// Open starts a bus that writes to o.Dir/events.jsonl.
func Open(o Options) (*Bus, error) {
	if o.QueueLen == 0 {
		o.QueueLen = 16384
	}
	if o.MaxMiB == 0 {
		o.MaxMiB = DefaultMiB
	}
	if o.MaxFiles == 0 {
		o.MaxFiles = DefaultFiles
	}
	if o.MaxDays == 0 {
		o.MaxDays = 90
	}
	if err := owner.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the event folder: %w", err)
	}
	name := filepath.Join(o.Dir, "events.jsonl")
	// Opened once here so that a folder that can't be written is an error at load, not a silent loss later.
	f, err := owner.Append(name)
	if err != nil {
		return nil, fmt.Errorf("opening the event file: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("opening the event file: %w", err)
	}
	if o.Trial {
		return start(o.QueueLen, discard{io.Discard}), nil
	}
	return start(o.QueueLen, &timberjack.Logger{
		Filename: name, MaxSize: o.MaxMiB, MaxBackups: o.MaxFiles, MaxAge: o.MaxDays, FileMode: 0o600,
	}), nil
}

// discard is the file of a bus that is only tried.
type discard struct{ io.Writer }

func (discard) Close() error { return nil }

func start(queue int, file io.WriteCloser) *Bus {
	b := &Bus{queue: make(chan *Event, queue), done: make(chan struct{}), file: file, names: rand.Text()[:16] + "-"}
	b.sinks.Store(new([]*sink))
	go b.run()
	return b
}

// Attach has s take each event from now on, until detach is called. Detach returns when s takes no more.
func (b *Bus) Attach(s Sink) (detach func()) {
	one := &sink{s}
	b.attach.Lock()
	defer b.attach.Unlock()
	all := append(slices.Clone(*b.sinks.Load()), one)
	b.sinks.Store(&all)
	return func() {
		b.attach.Lock()
		defer b.attach.Unlock()
		rest := slices.DeleteFunc(slices.Clone(*b.sinks.Load()), func(other *sink) bool { return other == one })
		b.sinks.Store(&rest)
		b.writing.Lock() // the event that is just written
		defer b.writing.Unlock()
	}
}

// EnrichWith has f add to each event what its writer could not know, before it is written. It runs beside requests, not in them; nil adds nothing.
func (b *Bus) EnrichWith(f func(*Event)) {
	if f == nil {
		b.enrich.Store(nil)
		return
	}
	b.enrich.Store(&f)
}

// SealWith has every event that is written from now on encrypted by s; nil has none. One whose encryption fails is not written, but counted as
// lost: fail closed on what it says.
func (b *Bus) SealWith(s Sealer) {
	if s == nil {
		b.sealer.Store(nil)
		return
	}
	b.sealer.Store(&s)
}

// Sealer is what events are encrypted by that are written now; nil: they are not.
func (b *Bus) Sealer() Sealer {
	if s := b.sealer.Load(); s != nil {
		return *s
	}
	return nil
}

// Emit hands over e, which the caller must not touch again. It never blocks.
func (b *Bus) Emit(e *Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	b.closing.RLock()
	defer b.closing.RUnlock()
	if b.closed {
		b.lose()
		return
	}
	if lost := b.dropped.Swap(0); lost > 0 {
		e.dropped = lost
	}
	select {
	case b.queue <- e:
	default:
		b.dropped.Add(e.dropped)
		b.lose()
	}
}

// Flush waits until all that was emitted before has been handed to the sinks.
func (b *Bus) Flush(ctx context.Context) error {
	mark := &Event{flushed: make(chan struct{})}
	if err := b.put(ctx, mark); err != nil {
		return err
	}
	select {
	case <-mark.flushed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// put waits for a place in the queue.
func (b *Bus) put(ctx context.Context, e *Event) error {
	b.closing.RLock()
	defer b.closing.RUnlock()
	if b.closed {
		return errors.New("the event bus is closed")
	}
	select {
	case b.queue <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *Bus) lose() {
	b.dropped.Add(1)
	b.total.Add(1)
}

// Dropped tells how many events found no place since the start, and how many the disk refused.
func (b *Bus) Dropped() (queue, disk int64) { return b.total.Load(), b.failed.Load() }

// Close writes what waits and closes the file.
func (b *Bus) Close() error {
	b.closing.Lock()
	if b.closed {
		b.closing.Unlock()
		return nil
	}
	b.closed = true
	close(b.queue)
	b.closing.Unlock()
	<-b.done
	return b.file.Close()
}

func (b *Bus) run() {
	defer close(b.done)
	enc, n := newEncoder(), int64(0)
	for e := range b.queue {
		if e.flushed != nil {
			close(e.flushed)
			continue
		}
		if f := b.enrich.Load(); f != nil {
			(*f)(e)
		}
		n++
		e.id = b.names + strconv.FormatInt(n, 36)
		line, err := encode(enc, e)
		if err != nil {
			b.failed.Add(1)
			continue
		}
		b.write(line.Bytes())
		b.hand(&Record{ID: e.id, Time: e.Time, Event: e, Line: line.Bytes()})
		line.Free()
	}
}

func (b *Bus) hand(r *Record) {
	b.writing.Lock()
	defer b.writing.Unlock()
	for _, s := range *b.sinks.Load() {
		s.Write(r)
	}
}

// write gives the line to the disk, sealed where that is asked for.
func (b *Bus) write(line []byte) {
	if s := b.sealer.Load(); s != nil {
		sealed, err := Seal(*s, line)
		if err != nil {
			b.lost()
			return
		}
		line = sealed
	}
	if _, err := b.file.Write(line); err != nil {
		b.lost()
	}
}

// lost counts an event that did not reach the disk; the next one that does says so.
func (b *Bus) lost() {
	b.failed.Add(1)
	b.dropped.Add(1)
}
