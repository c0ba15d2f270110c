package ship

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
)

// Why events were lost.
const (
	lostQueue   = iota // they came faster than the spool's disk takes them
	lostFull           // the spool was full
	lostDisk           // the disk refused them, or they could not be encrypted
	lostRefused        // the receiver does not take them
	lostDamaged        // what the spool held was not what had been written, or the key ring is another
	reasons
)

var reasonWords = [reasons]string{"queue", "full", "disk", "refused", "damaged"}

// counts is what became of events, since the process began.
type counts struct {
	sent atomic.Int64
	lost [reasons]atomic.Int64
	away atomic.Bool // the receiver takes nothing
}

// tellEvery is how often losses are told while they go on.
const tellEvery = time.Minute

// awayAfter is how many tries have to fail in a row before a receiver is said to be away.
const awayAfter = 2

// teller tells of losses, receivers and disks: as events, once at a change and once a minute while it lasts, and in the log.
type teller struct {
	mu       sync.Mutex
	told     [reasons]int64
	lastTold time.Time
	since    time.Time // away; zero: is there
	diskBad  bool
	lastWhy  string
}

// lost tells of events that were lost since it was last told.
func (t *teller) lost(in *inForce, name string, c *counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.lastTold) < tellEvery {
		return
	}
	var fields []zap.Field
	all := int64(0)
	for i := range c.lost {
		if n := c.lost[i].Load(); n > t.told[i] {
			fields = append(fields, zap.Int64("gateway.event_output.lost_"+reasonWords[i], n-t.told[i]))
			all, t.told[i] = all+n-t.told[i], n
		}
	}
	if all == 0 {
		return
	}
	t.lastTold = time.Now()
	in.Log.Error("events were lost on their way to an output", append([]zap.Field{zap.String("output", name), zap.Int64("events", all)}, fields...)...)
	in.emit("output-dropped", event.Failure, "events were left out of an output", append(fields, zap.String("gateway.event_output.name", name), zap.Int64("gateway.event_output.lost", all)))
}

// failed tells, once, of a receiver that is away.
func (t *teller) failed(in *inForce, name string, c *counts, failures int, waiting int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if failures < awayAfter || !t.since.IsZero() {
		return
	}
	t.since = time.Now()
	c.away.Store(true)
	in.emit("output-lost", event.Failure, "the receiver takes no events: they wait in the spool", []zap.Field{
		zap.String("gateway.event_output.name", name), zap.Int64("gateway.event_output.waiting_bytes", waiting),
	})
}

// back tells of one that is there again.
func (t *teller) back(in *inForce, name string, c *counts, waiting int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lastWhy = ""
	if t.since.IsZero() {
		return
	}
	away := time.Since(t.since)
	t.since = time.Time{}
	c.away.Store(false)
	in.Log.Info("an output's receiver takes events again", zap.String("output", name), zap.Duration("after", away))
	in.emit("output-back", event.Success, "the receiver takes events again", []zap.Field{
		zap.String("gateway.event_output.name", name), zap.Int64("gateway.event_output.away_seconds", int64(away.Seconds())), zap.Int64("gateway.event_output.waiting_bytes", waiting),
	})
}

// why logs what a receiver answered, where it is another answer than before.
func (t *teller) why(in *inForce, name string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text := err.Error(); text != t.lastWhy {
		t.lastWhy = text
		in.Log.Warn("an output's receiver did not take events; they are tried again", zap.String("output", name), zap.Error(err))
	}
}

// disk logs, once, that the spool's disk refuses, and that it no longer does.
func (t *teller) disk(in *inForce, name string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	bad := err != nil && !errors.Is(err, ErrFull)
	if bad == t.diskBad {
		return
	}
	t.diskBad = bad
	if bad {
		in.Log.Error("the spool of an output can't be written: events are kept in memory", zap.String("output", name), zap.Error(err))
		return
	}
	in.Log.Info("the spool of an output is written again", zap.String("output", name))
}

func (in *inForce) emit(action, outcome, reason string, fields []zap.Field) {
	in.bus.Emit(&event.Event{Category: "configuration", Action: action, Outcome: outcome, Reason: reason, Fields: fields})
}

// Status is how an output does.
type Status struct {
	Name    string
	Sent    int64            // events that the receiver took
	Lost    map[string]int64 // by reason
	Waiting int64            // bytes in the spool
	Away    bool
}

// Status tells how the output does.
func (o *Output) Status() Status {
	s := Status{Name: o.name, Sent: o.count.sent.Load(), Away: o.count.away.Load(), Lost: map[string]int64{}}
	for i := range o.count.lost {
		s.Lost[reasonWords[i]] = o.count.lost[i].Load()
	}
	if spool := o.shown.Load(); spool != nil {
		s.Waiting = spool.Size()
	}
	return s
}
