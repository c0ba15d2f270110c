package fleet

import (
	"bytes"
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/store"
)

const (
	maxBatch = 16 << 10 // bytes of one entry of a stream
	perCall  = 2 * time.Second
	rounds   = 128 // of sending, in one turn
)

// batch is what goes to a partition as one entry. Its number stays when it is sent again, so that it counts once.
type batch struct {
	partition int
	number    int64
	lines     []byte
	hits      int
}

// send sends what waits: first notes, then what is spooled, then the rest.
func (f *Fleet) send(ctx context.Context) {
	for range rounds {
		if len(f.outbox) == 0 {
			f.fill()
		}
		if len(f.outbox) == 0 {
			if f.away.IsZero() {
				return
			}
			if f.client.Ping(ctx).Err() != nil {
				return
			}
			f.back()
			return
		}
		if err := f.push(ctx); err != nil {
			f.lost(err)
			return
		}
		if f.spooled {
			f.spooled = false
			if err := f.o.Spool.Done(); err != nil {
				f.lost(err) // they come again, and are told apart by their events
				return
			}
		}
		f.back()
	}
}

// lost notes that Redis is away.
func (f *Fleet) lost(err error) {
	if f.away.IsZero() {
		f.away = time.Now()
		f.changed(err)
	}
	f.up.Store(false)
	f.keep()
}

// back notes that Redis is there. While hits of before wait, those that come now count here, too: theirs are counted late.
func (f *Fleet) back() {
	if !f.away.IsZero() {
		f.away = time.Time{}
		f.changed(nil)
	}
	f.up.Store(true)
}

func (f *Fleet) changed(err error) {
	if f.o.Changed != nil {
		f.o.Changed(err)
	}
}

// fill makes batches, at most one for a partition: so they stay in order.
func (f *Fleet) fill() {
	if items := f.queue.takeNotes(); len(items) > 0 {
		f.queue.back(f.pack(items))
		return
	}
	if f.o.Spool != nil && f.o.Spool.Size() > 0 {
		lines, err := f.o.Spool.Next(1000, maxBatch)
		if err == nil && len(lines) > 0 {
			items := make([]item, 0, len(lines))
			for _, l := range lines {
				if len(l) > 1 && l[0] < Partitions {
					items = append(items, item{int(l[0]), l[1:]})
				}
			}
			f.spooled = true
			f.pack(items) // all of them fit
			return
		}
	}
	f.queue.back(f.pack(f.queue.take()))
}

// pack makes batches of items and gives those that have no place in them.
func (f *Fleet) pack(items []item) (rest []item) {
	var at [Partitions]int // of the batch, plus one; -1: it is full
	for _, i := range items {
		n := at[i.partition]
		if n == 0 {
			f.numbers[i.partition]++
			f.outbox = append(f.outbox, batch{partition: i.partition, number: f.numbers[i.partition]})
			n = len(f.outbox)
			at[i.partition] = n
		}
		if n < 0 || len(f.outbox[n-1].lines)+len(i.line) > maxBatch && f.outbox[n-1].hits > 0 {
			at[i.partition] = -1
			rest = append(rest, i)
			continue
		}
		b := &f.outbox[n-1]
		b.lines = append(append(b.lines, i.line...), '\n')
		b.hits++
	}
	return rest
}

// place is what a batch is bound to: it counts as that one, of that gateway, there.
func (f *Fleet) place(partition int, node string, number int64) string {
	return store.Key("batch", f.key(partition, "hits"), node, strconv.FormatInt(number, 10))
}

// push sends the outbox; what did not go stays in it.
func (f *Fleet) push(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	answers := make([]*redis.StringCmd, len(f.outbox))
	_, err := f.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, b := range f.outbox {
			answers[i] = p.XAdd(ctx, &redis.XAddArgs{
				Stream: f.key(b.partition, "hits"), MaxLen: f.o.MaxLen, Approx: true,
				Values: []any{"node", f.node, "number", b.number, "lines", f.o.Box.Seal(bytes.TrimSuffix(b.lines, []byte{'\n'}), f.place(b.partition, f.node, b.number))},
			})
		}
		return nil
	})
	rest := f.outbox[:0]
	for i, b := range f.outbox {
		if answers[i].Err() == nil {
			f.counts.sent.Add(int64(b.hits))
			continue
		}
		rest = append(rest, b)
	}
	f.outbox = rest
	return err
}

// keep has what waits on disk, where there is a spool.
func (f *Fleet) keep() {
	if f.o.Spool == nil {
		return
	}
	items := f.queue.take()
	if len(items) == 0 {
		return
	}
	lines := make([][]byte, len(items))
	for i, it := range items {
		lines[i] = append([]byte{byte(it.partition)}, it.line...)
	}
	taken, _ := f.o.Spool.Append(lines) // what it could not take stays in the queue, and the next one is counted that finds no room there
	f.queue.back(items[taken:])
	_ = f.o.Spool.Sync()
}

// keepOutbox puts what is packed and not from the spool into it: for the end.
func (f *Fleet) keepOutbox() {
	if f.spooled || f.o.Spool == nil {
		return
	}
	for _, b := range f.outbox {
		for l := range bytes.SplitSeq(bytes.TrimSuffix(b.lines, []byte{'\n'}), []byte{'\n'}) {
			f.queue.back([]item{{b.partition, l}})
		}
	}
	f.outbox = nil
}
