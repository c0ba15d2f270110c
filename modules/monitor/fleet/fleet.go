package fleet

import (
	"context"
	"crypto/rand"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/detect/correlate"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Partitions is into how many streams hits go. All gateways of a fleet must have the same number.
const Partitions = 16

// Spool keeps lines while Redis is away, first in, first out.
type Spool interface {
	Append(lines [][]byte) (taken int, err error)
	Next(most, bytes int) (lines [][]byte, err error)
	Done() error // with what Next gave last
	Size() int64
	Sync() error
}

// Options of a fleet; zero values take the defaults.
type Options struct {
	Windows correlate.Options // MaxBytes is for all partitions together
	Spool   Spool             // default: up to QueueBytes wait in memory
	Tick    time.Duration     // how often hits are sent and read; default 100ms
	Lease   time.Duration     // how long an owner may be away before another takes over; default 5s
	MaxLen  int64             // entries that a stream keeps, of at most 16 KiB; default 2,000
	Save    time.Duration     // how often what is counted is saved, if there is something new; default 30s

	// Box seals what the gateways tell each other of events and findings. Default: it is in plain.
	Box *store.Box

	// Changed is told when Redis goes away, with why, and with nil when it is back. Default: nobody.
	Changed func(err error)

	// QueueBytes may wait to be sent; default 8 MiB.
	QueueBytes int

	// Lateness is by how much the gateways' events may come out of order, those included that waited while Redis was away. Default 10m.
	Lateness time.Duration
}

func (o *Options) defaults() {
	if o.Tick == 0 {
		o.Tick = 100 * time.Millisecond
	}
	if o.Lease == 0 {
		o.Lease = 5 * time.Second
	}
	if o.MaxLen == 0 {
		o.MaxLen = 2000
	}
	if o.Save == 0 {
		o.Save = 30 * time.Second
	}
	if o.QueueBytes == 0 {
		o.QueueBytes = 8 << 20
	}
	if o.Lateness == 0 {
		o.Lateness = 10 * time.Minute
	}
	if o.Windows.MaxBytes == 0 {
		o.Windows.MaxBytes = 256 << 20
	}
}

// Limit changes how many bytes the groups of all partitions may take, and the lateness; 0 is the default.
func (f *Fleet) Limit(bytes int64, lateness time.Duration) {
	o := Options{Windows: correlate.Options{MaxBytes: bytes}, Lateness: lateness}
	o.defaults()
	f.limits.Store(&limits{o.Windows.MaxBytes / Partitions, o.Lateness})
}

type limits struct {
	bytes    int64
	lateness time.Duration
}

func (l *limits) on(w *correlate.Windows) { w.Limit(l.bytes, l.lateness) }

// Fleet is a gateway's part of what gateways count together.
type Fleet struct {
	o      Options
	client redis.UniversalClient
	node   string // random
	found  func(*finding.Finding)
	rules  func() *detect.Rules
	limits atomic.Pointer[limits]
	up     atomic.Bool // Redis took what was sent last
	queue  queue
	ends   context.CancelFunc
	done   sync.WaitGroup
	counts counters

	// Of the one goroutine:
	outbox  []batch
	spooled bool // the outbox is from the spool
	numbers [Partitions]int64
	mine    sync.Mutex // held while owned is changed, and by others who read it
	owned   [Partitions]*partition
	beat    time.Time // when leases were asked for last
	swept   time.Time // when entries were looked for that got lost on their way
	away    time.Time // since when Redis is away; zero: it is there
	swapped *detect.Rules
	limited *limits
}

type counters struct{ sent, lost, counted, repeated, gaps, took atomic.Int64 }

// Stats are figures of a fleet since the start.
type Stats struct {
	Up       bool  // Redis is there
	Owned    int   // partitions that this gateway counts
	Sent     int64 // hits that went to Redis
	Lost     int64 // hits that found no place while Redis was away
	Counted  int64 // hits that this gateway counted for all
	Repeated int64 // hits that came a second time, and were not counted again
	Gaps     int64 // entries that the streams had dropped before they were read
	Took     int64 // partitions that were taken over
	Waiting  int64 // bytes that wait for Redis
	Windows  correlate.Stats
}

// New joins the fleet that has this Redis. rules gives those in force; found gets what is found in partitions that this gateway owns, by one goroutine.
func New(client redis.UniversalClient, rules func() *detect.Rules, o Options, found func(*finding.Finding)) *Fleet {
	o.defaults()
	f := &Fleet{o: o, client: client, node: rand.Text(), found: found, rules: rules, swapped: rules()}
	f.queue.most = o.QueueBytes
	f.Limit(o.Windows.MaxBytes, o.Lateness)
	f.limited = f.limits.Load()
	f.up.Store(true)                                        // until it shows: what is sent first is not counted twice
	ctx, cancel := context.WithCancel(context.Background()) // Close ends it
	f.ends = cancel
	f.done.Go(func() { f.run(ctx) })
	return f
}

// Close sends what waits, gives the partitions back and leaves the fleet.
func (f *Fleet) Close() {
	f.ends()
	f.done.Wait()
}

// Route is for correlate.Options: it takes hits that the fleet counts. While Redis is away it takes none, so that they count here, but they are kept for later, too.
func (f *Fleet) Route(h *correlate.Hit) bool {
	p := partitionOf(h.Key)
	up := f.up.Load()
	if !f.queue.put(p, hitLine(h)) {
		f.counts.lost.Add(1)
		return false // counts here at least
	}
	return up
}

// Told notes what was found here by hits that counted here: it is not told again when the fleet has counted them.
func (f *Fleet) Told(found *finding.Finding) {
	if found.Kind != finding.Correlation || f.up.Load() {
		return
	}
	for _, r := range f.rules().Correlations() {
		if r.ID == found.Rule {
			line := toldLine(r, found)
			for p := range Partitions {
				f.queue.first(p, line)
			}
		}
	}
}

func (f *Fleet) run(ctx context.Context) {
	defer f.leave()
	tick := time.NewTicker(f.o.Tick)
	defer tick.Stop()
	for {
		f.turn(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// turn is what is done every tick.
func (f *Fleet) turn(ctx context.Context) {
	if rules := f.rules(); rules != f.swapped {
		f.swapped = rules
		for _, p := range f.owned {
			if p != nil {
				p.windows.Swap(rules)
			}
		}
	}
	if l := f.limits.Load(); l != f.limited {
		f.limited = l
		for _, p := range f.owned {
			if p != nil {
				l.on(p.windows)
			}
		}
	}
	if time.Since(f.beat) >= f.o.Lease/5 {
		f.beat = time.Now()
		f.lease(ctx)
	}
	f.send(ctx)
	f.read(ctx)
	f.saveDue(ctx)
	if time.Since(f.swept) >= f.o.Lease {
		f.swept = time.Now()
		f.sweep(ctx)
	}
}

// leave is done last: with a while of its own, since the fleet's has ended.
func (f *Fleet) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	f.send(ctx)
	f.keepOutbox()
	f.keep()
	f.release(ctx)
}

// key is of a partition. A fleet with a box has keys of its own: one without can't read what it writes, and would drop it.
func (f *Fleet) key(p int, parts ...string) string {
	return store.Key(f.tag()+strconv.Itoa(p), parts...)
}

func (f *Fleet) nodes() string { return store.Key(f.tag(), "nodes") }

func (f *Fleet) tag() string {
	if f.o.Box == nil {
		return "monitor"
	}
	return "monitor-sealed"
}
