package ship

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
)

// Bounds of the queue before the spool.
const (
	queueLen   = 8192
	queueBytes = 8 << 20
)

// Config is how an output works. It may change while the output lives on.
type Config struct {
	Sender    Sender
	Format    Format
	Only      []string      // categories and actions; none: all
	Level     Level         // the least
	SpoolSize int64         // bytes
	Linger    time.Duration // how long the first event of a batch waits for others
	MaxBatch  int           // events; default 500
	Sealer    event.Sealer  // encrypts the spool; nil does not
	Opener    event.Sealer  // reads what was encrypted
	Log       *zap.Logger
}

// inForce is a Config that is used, and what it was read into.
type inForce struct {
	Config
	only map[string]bool
	bus  *event.Bus
}

// Output is one way that events take. Its spool and what it counts live as long as it does, whatever configurations come and go.
type Output struct {
	name string
	dir  string

	queue  chan []byte
	queued atomic.Int64 // bytes
	config atomic.Pointer[inForce]

	mu     sync.Mutex
	stack  []*inForce // the last is in force
	rest   *inForce   // taken back, but none has taken its place
	opened bool
	detach func()
	done   sync.WaitGroup
	closed chan struct{}      // no more is taken
	cancel context.CancelFunc // ends deliveries
	spool  *Spool
	shown  atomic.Pointer[Spool] // spool, for Status

	collected chan struct{} // all that was taken is in the spool

	wake    chan struct{}
	changed chan struct{} // another configuration: a failed delivery is tried at once
	count   counts
	tell    teller
}

// New makes an output whose spool is in the folder. It does nothing before Use.
func New(name, dir string) *Output {
	return &Output{
		name: name, dir: dir, queue: make(chan []byte, queueLen), closed: make(chan struct{}), collected: make(chan struct{}),
		wake: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
}

// Use puts a configuration in force, and the first has the output begin to take events of the bus. Release takes it back: what was in force before is
// again, as after a load that failed. Errors: the spool can't be opened.
func (o *Output) Use(c Config, bus *event.Bus) (release func(), err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.MaxBatch == 0 {
		c.MaxBatch = 500
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	in := &inForce{Config: c, bus: bus}
	for _, word := range c.Only {
		if in.only == nil {
			in.only = map[string]bool{}
		}
		in.only[word] = true
	}
	if err := o.open(in); err != nil {
		return nil, err
	}
	o.stack = append(o.stack, in)
	o.choose()
	if o.rest != nil {
		o.drop(o.rest)
		o.rest = nil
	}
	return func() { o.release(in) }, nil
}

func (o *Output) release(in *inForce) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.stack) == 1 { // it stays in force until Close, or until another comes: what happens meanwhile is delivered, too
		o.rest = in
		return
	}
	o.drop(in)
	o.choose()
}

// drop forgets a configuration. What it was just sending is sent again by the one in force.
func (o *Output) drop(in *inForce) {
	if at := slices.Index(o.stack, in); at >= 0 {
		o.stack = slices.Delete(slices.Clone(o.stack), at, at+1)
		_ = in.Sender.Close() // nothing waits in it
	}
}

// choose has the last configuration hold from now on.
func (o *Output) choose() {
	in := o.stack[len(o.stack)-1]
	o.config.Store(in)
	o.spool.Bound(in.SpoolSize)
	poke(o.changed)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // was poked already
	}
}

// open starts the output with its first configuration.
func (o *Output) open(in *inForce) error {
	if o.opened {
		return nil
	}
	s, torn, err := OpenSpool(o.dir, in.SpoolSize)
	if err != nil {
		return fmt.Errorf("output %s: %w", o.name, err)
	}
	if torn > 0 {
		o.count.lost[lostDamaged].Add(1)
		in.Log.Warn("an event that a crash left half written was cut off the spool", zap.String("output", o.name), zap.Int64("bytes", torn))
	}
	o.spool, o.opened = s, true
	o.shown.Store(s)
	ctx, cancel := context.WithCancel(context.Background()) // ends with Close
	o.cancel = cancel
	o.config.Store(in)
	o.done.Go(o.collect)
	o.done.Go(func() { o.deliver(ctx) })
	o.detach = in.bus.Attach(o)
	return nil
}

// Write implements event.Sink.
func (o *Output) Write(r *event.Record) {
	in := o.config.Load()
	if !in.wants(r) {
		return
	}
	n := int64(len(r.Line))
	if o.queued.Add(n) > queueBytes {
		o.queued.Add(-n)
		o.count.lost[lostQueue].Add(1)
		return
	}
	select {
	case o.queue <- slices.Clone(r.Line):
	default:
		o.queued.Add(-n)
		o.count.lost[lostQueue].Add(1)
	}
}

func (in *inForce) wants(r *event.Record) bool {
	if in.only != nil && !in.only[r.Event.Action] && !in.only[quick(r.Line, "event.category")] {
		return false
	}
	return in.Level == Informational || levelOfLine(r.Line, r.Event.Action) >= in.Level
}

// collect takes what comes into the spool, until the output closes.
func (o *Output) collect() {
	defer close(o.collected)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case line := <-o.queue:
			o.store(o.gather(line))
		case <-tick.C:
			o.settle()
		case <-o.closed:
			for {
				select {
				case line := <-o.queue:
					o.store(o.gather(line))
				default:
					return
				}
			}
		}
	}
}

// gather takes what waits beside the line.
func (o *Output) gather(line []byte) [][]byte {
	lines := [][]byte{line}
	for len(lines) < 512 {
		select {
		case line := <-o.queue:
			lines = append(lines, line)
		default:
			return lines
		}
	}
	return lines
}

// store puts lines into the spool. It fails open: what finds no room is counted and told.
func (o *Output) store(lines [][]byte) {
	in := o.config.Load()
	for _, line := range lines {
		o.queued.Add(-int64(len(line)))
	}
	if in.Sealer != nil {
		lines = o.sealed(in, lines)
	}
	taken, err := o.spool.Append(lines)
	if left := int64(len(lines) - taken); left > 0 {
		reason := lostDisk
		if errors.Is(err, ErrFull) {
			reason = lostFull
		}
		o.count.lost[reason].Add(left)
	}
	o.tell.disk(in, o.name, err)
	poke(o.wake)
}

// sealed encrypts lines. It fails closed on what they say: one that can't be encrypted is lost.
func (o *Output) sealed(in *inForce, lines [][]byte) [][]byte {
	all := make([][]byte, 0, len(lines))
	for _, line := range lines {
		sealed, err := event.Seal(in.Sealer, line)
		if err != nil {
			o.count.lost[lostDisk].Add(1)
			continue
		}
		all = append(all, sealed)
	}
	return all
}

// settle is done once a second.
func (o *Output) settle() {
	in := o.config.Load()
	if err := o.spool.Sync(); err != nil {
		o.tell.disk(in, o.name, err)
	}
	o.count.lost[lostDamaged].Add(o.spool.takeDamaged())
	o.tell.lost(in, o.name, &o.count)
}

// closeGrace is how long Close goes on delivering.
const closeGrace = 2 * time.Second

// Close takes no more, tries for two seconds to deliver what waits, and leaves the rest in the spool.
func (o *Output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.opened {
		return nil
	}
	o.opened = false
	o.detach()
	close(o.closed)
	stop := time.AfterFunc(closeGrace, o.cancel)
	o.done.Wait()
	stop.Stop()
	o.cancel()
	for _, in := range o.stack {
		_ = in.Sender.Close() // nothing is being sent
	}
	in := o.config.Load()
	left, err := o.spool.Close()
	if left > 0 {
		in.Log.Error("events were lost: the disk did not take them", zap.String("output", o.name), zap.Int("events", left))
	}
	if err != nil {
		return fmt.Errorf("closing output %s: %w", o.name, err)
	}
	return nil
}
