package records

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/modules/internal/owner"
)

// Options of a writer.
type Options struct {
	Dir  string // made with mode 0700
	Kind string // of the records: those of one kind are not read as another's
	Keys Sealer
	Keep time.Duration // nothing is kept longer, all is kept for seven eighths of it
	Size int64         // bytes of all files together; the oldest go first

	Trial bool // nothing is removed: a running gateway, which may keep more, may write there

	Now   func() time.Time // time.Now
	Error func(error)      // told of what the disk refuses; nil: nobody
	Done  func(ok bool)    // told of every record that Put took: it was written, or the disk refused it; nil: nobody
}

const (
	queueLen   = 512
	queueBytes = 32 << 20 // of records that wait for the disk, as they weigh themselves
	leastFile  = 64 << 10
)

// Writer writes records to files. Put never waits: it fails open, for capturing must not slow a request; what is lost is counted.
type Writer struct {
	o       Options
	queue   chan Record
	waiting atomic.Int64 // bytes in the queue
	written atomic.Int64
	dropped atomic.Int64
	closing sync.RWMutex // held for reading while sending: nothing is sent to a closed queue
	closed  bool
	done    chan struct{}
	current *file // nil: none yet; the goroutine's alone
}

// Open makes the folder, removes what has expired and starts the writer's goroutine, which Close ends.
func Open(o Options) (*Writer, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Error == nil {
		o.Error = func(error) {}
	}
	if o.Done == nil {
		o.Done = func(bool) {}
	}
	if err := owner.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the capture folder: %w", err)
	}
	w := &Writer{o: o, queue: make(chan Record, queueLen), done: make(chan struct{})}
	if !o.Trial {
		if err := w.tidy(0); err != nil {
			return nil, err
		}
	}
	go w.run()
	return w, nil
}

// Put hands over r, which the caller must not touch again. False: it was dropped.
func (w *Writer) Put(r Record) bool {
	size := r.Weight()
	w.closing.RLock()
	defer w.closing.RUnlock()
	if !w.closed && w.waiting.Load() < queueBytes {
		w.waiting.Add(size)
		select {
		case w.queue <- r:
			return true
		default:
			w.waiting.Add(-size)
		}
	}
	w.dropped.Add(1)
	return false
}

// Counts tells how many records were written, and how many were lost: no room in the queue, or the disk refused them.
func (w *Writer) Counts() (written, dropped int64) { return w.written.Load(), w.dropped.Load() }

// Close writes what waits and ends the goroutine.
func (w *Writer) Close() error {
	w.closing.Lock()
	first := !w.closed
	w.closed = true
	if first {
		close(w.queue)
	}
	w.closing.Unlock()
	<-w.done
	return nil
}

// span is how long one file is written to: a day at most.
func (w *Writer) span() time.Duration { return min(24*time.Hour, max(w.o.Keep/16, time.Second)) }

// every is how often expired files are looked for.
func (w *Writer) every() time.Duration { return min(time.Hour, w.span()) }

// fileSize is where a file ends: small enough that removing one keeps most of what may be kept.
func (w *Writer) fileSize() int64 { return max(w.o.Size/16, leastFile) }

func (w *Writer) run() {
	defer close(w.done)
	tick := time.NewTicker(w.every())
	defer tick.Stop()
	defer w.rotate()
	for {
		select {
		case r, ok := <-w.queue:
			if !ok {
				return
			}
			w.waiting.Add(-r.Weight())
			if err := w.write(r); err != nil {
				w.dropped.Add(1)
				w.o.Error(err)
				w.o.Done(false)
				continue
			}
			w.written.Add(1)
			w.o.Done(true)
		case <-tick.C: // so that files expire without traffic, too
			if w.current != nil && w.o.Now().Sub(w.current.born) >= w.span() {
				w.rotate()
			}
			if err := w.tidy(0); err != nil {
				w.o.Error(err)
			}
		}
	}
}

func (w *Writer) write(r Record) error {
	plain, err := r.Encode()
	if err != nil {
		return err
	}
	if len(plain) > mostRecord {
		return errTooLong
	}
	now, need := w.o.Now(), int64(len(plain))+64 // 4 of the length, and what sealing adds
	if need > w.o.Size {
		return errTooLong
	}
	if c := w.current; c != nil && (now.Sub(c.born) >= w.span() || now.UTC().YearDay() != c.born.UTC().YearDay() || c.size+need > w.fileSize()) {
		w.rotate()
	}
	if w.current == nil {
		// Room for the whole file, so that the cap holds without looking at every record. A record larger than a file has one to itself.
		if err := w.tidy(max(w.fileSize(), need+int64(len(magic)+idSize))); err != nil {
			return err
		}
		if w.current, err = create(w.o.Dir, w.o.Kind, now); err != nil {
			return err
		}
	}
	if err := w.current.append(w.o.Keys, plain); err != nil {
		w.rotate() // its tail may be torn: nothing is written after it
		return err
	}
	return nil
}

func (w *Writer) rotate() {
	if w.current == nil {
		return
	}
	if err := w.current.f.Close(); err != nil {
		w.o.Error(fmt.Errorf("closing a capture file: %w", err))
	}
	w.current = nil
}

// tidy removes what has expired, and then the oldest files until there is room for so many bytes more. A file's records may be as old as its
// first one, so it goes by that.
func (w *Writer) tidy(room int64) error {
	all, err := list(w.o.Dir)
	if err != nil {
		return fmt.Errorf("reading the capture folder: %w", err)
	}
	var total int64
	for _, s := range all {
		total += s.size
	}
	var failed error
	for _, s := range all {
		expired := w.o.Now().Sub(s.born) >= w.o.Keep-w.every() // by the next look it would be too old
		if !expired && total+room <= w.o.Size {
			break // the ones after it are younger
		}
		if w.current != nil && s.path == w.current.f.Name() {
			w.rotate()
		}
		if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, fmt.Errorf("removing a capture file: %w", err))
			continue
		}
		total -= s.size
	}
	return failed
}
