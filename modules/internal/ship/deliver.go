package ship

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
)

// Bounds of deliveries.
const (
	firstWait   = 500 * time.Millisecond
	longestWait = time.Minute
	mostWait    = 10 * time.Minute // that a receiver can ask for
	batchBytes  = 1 << 20
	sendTimeout = 30 * time.Second
)

// deliver sends what is in the spool until ctx ends, or the output closes and nothing waits or the receiver fails.
func (o *Output) deliver(ctx context.Context) {
	failures := 0
	most := 0 // how many events the next batch may have; 0: as configured
	for ctx.Err() == nil {
		select {
		case <-o.changed: // seen here
		default:
		}
		in := o.config.Load()
		lines, err := o.spool.Next(cmp.Or(most, in.MaxBatch), batchBytes)
		if err != nil {
			o.tell.disk(in, o.name, err)
			o.sleep(ctx, longestWait)
			continue
		}
		if len(lines) == 0 {
			if !o.idle(ctx, in.Linger) {
				return
			}
			continue
		}
		wait, rest := o.attempt(ctx, in, lines)
		if wait == 0 {
			failures, most = 0, rest
			continue
		}
		failures++
		if o.closing() || ctx.Err() != nil {
			return // it stays in the spool
		}
		o.tell.failed(in, o.name, &o.count, failures, o.spool.Size())
		o.sleep(ctx, max(wait, backoff(failures)))
	}
}

// attempt sends the lines once. wait is 0 where they are done with, and most how many the next batch may have: what a receiver refuses as a whole is tried in
// halves, until the one event that it does not take is alone, and left out.
func (o *Output) attempt(ctx context.Context, in *inForce, lines [][]byte) (wait time.Duration, most int) {
	batch := o.messages(in, lines)
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	var err error
	if len(batch) > 0 {
		err = in.Sender.Send(ctx, batch)
	}
	var refused Refused
	var later Later
	switch {
	case err == nil:
		o.taken(in, len(batch), len(lines))
	case errors.As(err, &refused) && refused.Some > 0:
		o.count.lost[lostRefused].Add(int64(refused.Some))
		in.Log.Warn("a receiver did not take all events", zap.String("output", o.name), zap.Int("events", refused.Some), zap.Error(err))
		o.taken(in, len(batch)-refused.Some, len(lines))
	case errors.As(err, &refused) && len(lines) > 1:
		return 0, len(lines) / 2
	case errors.As(err, &refused):
		o.count.lost[lostRefused].Add(1)
		in.Log.Warn("a receiver refuses an event, which is left out", zap.String("output", o.name), zap.Error(err))
		o.finish(in)
	case errors.As(err, &later):
		o.tell.why(in, o.name, err)
		return min(max(later.Wait, time.Millisecond), mostWait), 0
	default:
		o.tell.why(in, o.name, err)
		return time.Millisecond, 0
	}
	return 0, 0
}

// taken notes a delivery.
func (o *Output) taken(in *inForce, sent, lines int) {
	o.count.sent.Add(int64(sent))
	if sent > 0 {
		o.tell.back(in, o.name, &o.count, o.spool.Size())
	}
	o.finish(in)
}

func (o *Output) finish(in *inForce) {
	if err := o.spool.Done(); err != nil { // sent again after a restart: event.id tells
		o.tell.disk(in, o.name, err)
	}
}

// messages reads and writes what the receiver gets. What can't be read is lost, and counted.
func (o *Output) messages(in *inForce, lines [][]byte) []Message {
	batch := make([]Message, 0, len(lines))
	for _, line := range lines {
		if event.IsSealed(line) {
			plain, err := o.unsealed(in, line)
			if err != nil {
				o.count.lost[lostDamaged].Add(1)
				continue
			}
			line = plain
		}
		f, err := readFlat(line)
		if err != nil {
			o.count.lost[lostDamaged].Add(1)
			continue
		}
		batch = append(batch, Message{
			ID: f.text("event.id"), Action: f.text("event.action"), Time: f.time(), Level: f.level(), Body: in.Format.encode(f), event: f,
		})
	}
	return batch
}

var errSealed = errors.New("the spool is sealed, and no key ring is there")

func (o *Output) unsealed(in *inForce, line []byte) ([]byte, error) {
	if in.Opener == nil {
		return nil, errSealed
	}
	return event.Unseal(in.Opener, line)
}

// idle waits for events. It is false where none will come.
func (o *Output) idle(ctx context.Context, linger time.Duration) bool {
	if o.closing() {
		<-o.collected // then all is in the spool
		return o.spool.Size() > 0 && ctx.Err() == nil
	}
	select {
	case <-o.wake:
	case <-o.closed:
	case <-ctx.Done():
		return false
	}
	if linger > 0 {
		select {
		case <-time.After(linger):
		case <-o.closed:
		case <-ctx.Done():
		}
	}
	return true
}

func (o *Output) closing() bool {
	select {
	case <-o.closed:
		return true
	default:
		return false
	}
}

// sleep waits for the next try; another configuration is tried at once.
func (o *Output) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-o.changed:
	case <-o.closed: // one last try
	case <-ctx.Done():
	}
}

// backoff doubles from half a second to a minute, and is spread by a quarter, so that gateways do not come back all at once.
func backoff(failures int) time.Duration {
	d := firstWait
	for ; failures > 1 && d < longestWait; failures-- {
		d *= 2
	}
	d = min(d, longestWait)
	return d - time.Duration(rand.Int64N(int64(d)/4)) // no secret: only spread
}
