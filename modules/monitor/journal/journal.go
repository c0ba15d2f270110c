package journal

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/owner"
	"github.com/convosphere/gateway/modules/monitor/ecs"
)

const (
	queued      = 8192      // events that may wait to be kept
	mostPending = 64 << 10  // bytes of lines that are written to the log together
	cacheBytes  = 96 << 20  // of what was read of segments
	idleTime    = time.Hour // what nobody asked for in so long leaves the memory
	tickTime    = 10 * time.Second
)

// Settings say how much is kept: the oldest go first.
type Settings struct {
	Keep      time.Duration // default 7 days
	MaxEvents int           // default 1,000,000
	MaxSize   int64         // bytes on the disk; default 1 GiB
}

// DefaultSize is how many bytes of the disk a journal takes where nothing is said.
const DefaultSize = 1 << 30

// Bounds of settings.
const (
	LeastKeep   = time.Hour
	MostKeep    = 366 * 24 * time.Hour
	LeastEvents = 2 * segmentRows
	MostEvents  = 20_000_000
	LeastSize   = 16 << 20
)

func (s Settings) filled() Settings {
	if s.Keep == 0 {
		s.Keep = 7 * 24 * time.Hour
	}
	if s.MaxEvents == 0 {
		s.MaxEvents = 1_000_000
	}
	if s.MaxSize == 0 {
		s.MaxSize = DefaultSize
	}
	return s
}

// Check says what of s can't be; 0 is the default.
func (s Settings) Check() error {
	switch s = s.filled(); {
	case s.Keep < LeastKeep || s.Keep > MostKeep:
		return fmt.Errorf("keep %s: it is 1h to 366d", s.Keep)
	case s.MaxEvents < LeastEvents || s.MaxEvents > MostEvents:
		return fmt.Errorf("max_events %d: it is %d to %d", s.MaxEvents, LeastEvents, MostEvents)
	case s.MaxSize < LeastSize || s.MaxSize > 1<<50:
		return fmt.Errorf("max_size %d: it is at least 16MiB", s.MaxSize)
	}
	return nil
}

// Options of a journal.
type Options struct {
	Dir    string
	Ring   event.Sealer        // what is encrypted is read with it; nil: such can't be read
	Sealer func() event.Sealer // what is written is encrypted with it; nil, or one that gives nil: in plain
	Now    func() time.Time
	Error  func(error) // told of what goes wrong beside
	Settings
}

// Journal is an open one.
type Journal struct {
	o     Options
	cache *cache
	queue chan *[]byte
	spare chan *[]byte
	done  chan struct{}
	tick  *time.Ticker

	adding  sync.Mutex // held while events are added; before mu
	event   ecs.Event
	row     row
	pending []byte
	log     *wal // nil: nothing of the segment that is made was written

	mu       sync.RWMutex
	settings Settings
	segments []*segment // the oldest first
	making   *making
	follow   map[*follower]struct{}
	closed   bool

	asking  chan struct{} // a place for each question at a time
	dropped atomic.Int64  // found no place
	lost    atomic.Int64  // could not be written
	strange atomic.Int64  // lines that are no events
	old     atomic.Int64  // older than what is kept
}

// Open opens the journal in a folder, which it makes.
func Open(o Options) (*Journal, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sealer == nil {
		o.Sealer = func() event.Sealer { return nil }
	}
	if o.Error == nil {
		o.Error = func(error) {}
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	if err := Check(o.Dir); err != nil {
		return nil, err
	}
	j := &Journal{
		o: o, settings: o.filled(), cache: newCache(cacheBytes, o.Now), queue: make(chan *[]byte, queued), spare: make(chan *[]byte, queued),
		done: make(chan struct{}), tick: time.NewTicker(tickTime), making: new(making), follow: map[*follower]struct{}{}, asking: make(chan struct{}, 4),
	}
	if err := j.restore(); err != nil {
		j.tick.Stop()
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	j.prune()
	go j.run()
	return j, nil
}

// Check sees that a journal can be had in a folder. It touches nothing of one that is there.
func Check(dir string) error {
	if err := owner.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the journal's folder: %w", err)
	}
	return nil
}

// Configure has other settings hold from now on.
func (j *Journal) Configure(s Settings) {
	j.mu.Lock()
	j.settings = s.filled()
	j.mu.Unlock()
}

// Write implements event.Sink. It never waits.
func (j *Journal) Write(r *event.Record) {
	var line *[]byte
	select {
	case line = <-j.spare:
	default:
		line = new([]byte)
	}
	*line = append((*line)[:0], r.Line...)
	select {
	case j.queue <- line:
	default:
		j.dropped.Add(1)
	}
}

// Close keeps what waits. Whoever opened it has detached it from the bus before.
func (j *Journal) Close() error {
	close(j.queue)
	<-j.done
	j.tick.Stop()
	j.adding.Lock()
	defer j.adding.Unlock()
	j.mu.Lock()
	j.closed = true
	for f := range j.follow {
		f.end()
	}
	j.mu.Unlock()
	if j.log == nil {
		return nil
	}
	err := j.log.f.Close()
	j.log = nil
	return err
}

func (j *Journal) run() {
	defer close(j.done)
	for {
		select {
		case line, ok := <-j.queue:
			if !ok {
				j.Flush()
				return
			}
			j.take(line)
		case <-j.tick.C:
			j.care()
		}
	}
}

// take keeps one event. While none waits, all that came is on the disk.
func (j *Journal) take(line *[]byte) {
	j.adding.Lock()
	defer j.adding.Unlock()
	j.add(*line, true)
	select {
	case j.spare <- line:
	default:
	}
	if len(j.queue) == 0 {
		j.flush()
	}
}

// add keeps one line; tell has those who follow hear of it.
func (j *Journal) add(line []byte, tell bool) bool {
	if j.event.Parse(line) != nil || !j.row.read(&j.event) {
		j.strange.Add(1)
		return false
	}
	if j.row.at < j.o.Now().Add(-j.set().Keep).UnixMicro() {
		j.old.Add(1)
		return false
	}
	j.mu.Lock()
	j.making.add(&j.row, line)
	seq, full := j.making.start+uint64(len(j.making.at))-1, len(j.making.at) == segmentRows
	if tell && len(j.follow) > 0 {
		j.tell(seq, line)
	}
	j.mu.Unlock()
	j.pending = append(j.pending, line...)
	if line[len(line)-1] != '\n' {
		j.pending = append(j.pending, '\n')
	}
	if len(j.pending) >= mostPending {
		j.flush()
	}
	if full {
		j.seal()
	}
	return true
}

func (j *Journal) set() Settings {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.settings
}

// Flush has all that was taken from the queue on the disk.
func (j *Journal) Flush() {
	j.adding.Lock()
	defer j.adding.Unlock()
	j.flush()
}

// flush writes pending lines to the log. Fails open: what can't be written is answered from memory until the segment is full.
func (j *Journal) flush() {
	if len(j.pending) == 0 {
		return
	}
	defer func() { j.pending = j.pending[:0] }()
	if j.log == nil {
		var err error
		if j.log, err = openLog(j.o.Dir, j.making.start, 0, 0); err != nil {
			j.o.Error(fmt.Errorf("making the journal's log: %w", err))
			return
		}
	}
	if err := j.log.append(j.pending, j.o.Sealer()); err != nil {
		j.o.Error(fmt.Errorf("writing the journal's log: %w", err))
	}
}

// seal writes the segment that is made, and begins another.
func (j *Journal) seal() {
	j.flush()
	m := j.making
	rows := len(m.at)
	if rows == 0 {
		return
	}
	j.mu.Lock()
	m.close()
	j.mu.Unlock()
	s, err := m.save(j.o.Dir, j.o.Sealer())
	j.mu.Lock()
	if err == nil {
		j.segments = append(j.segments, s)
	}
	j.making = &making{start: m.start + uint64(rows)}
	j.mu.Unlock()
	if err != nil { // its log stays, if there is one: the next start tries again
		j.lost.Add(int64(rows))
		j.o.Error(fmt.Errorf("writing a segment of the journal: %w", err))
	}
	if j.log != nil {
		end := j.log.remove
		if err != nil {
			end = j.log.f.Close
		}
		if err := end(); err != nil {
			j.o.Error(fmt.Errorf("ending a log of the journal: %w", err))
		}
		j.log = nil
	}
	j.prune()
}

// Stats tell how a journal is.
type Stats struct {
	Events  int       // that are kept
	Bytes   int64     // on the disk, without the log
	Memory  int       // about what questions have read and keep in memory
	Oldest  time.Time // event; zero there is none
	Dropped int64     // events that found no place since the start
	Lost    int64     // events that could not be written
}

// Stats of now.
func (j *Journal) Stats() Stats {
	j.mu.RLock()
	defer j.mu.RUnlock()
	s := Stats{Dropped: j.dropped.Load(), Lost: j.lost.Load(), Memory: j.cache.held(), Events: len(j.making.at)}
	oldest := j.making.oldest
	for _, one := range j.segments {
		s.Events, s.Bytes = s.Events+one.Rows, s.Bytes+one.size
		if oldest == 0 || one.Oldest < oldest {
			oldest = one.Oldest
		}
	}
	if oldest != 0 {
		s.Oldest = time.UnixMicro(oldest).UTC()
	}
	return s
}
