// Package replay reads event files as fast as they can be read: lines are parsed on all cores, and seen one after the other in their order, since what
// windows find hangs on it.
package replay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

const (
	batchLines = 512
	// mostLine is more than an event may have: what is longer is skipped to its end.
	mostLine = 1 << 20
)

// Stats is what was read.
type Stats struct {
	Events     int       `json:"events"`
	Unreadable int       `json:"unreadable"`      // lines that are no events
	At         string    `json:"first,omitempty"` // where the first of those is, and what is wrong with it
	First      time.Time `json:"from,omitzero"`   // of the events
	Last       time.Time `json:"until,omitzero"`  // the latest
	Backwards  int       `json:"backwards"`       // events more than a minute older than the latest before them
}

// batch is some lines, and what is parsed of them.
type batch struct {
	data   []byte
	ends   []int
	line   int // number of the first
	events []ecs.Event
	errs   []error
	parsed chan struct{}
}

// Run parses what in holds, with so many workers, and calls see with each event. The event is see's only during the call; texts of it may be kept.
func Run(ctx context.Context, in io.Reader, name string, workers int, see func(*ecs.Event)) (Stats, error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &run{name: name, see: see, work: make(chan *batch, workers), order: make(chan *batch, 2*workers), spare: make(chan *batch, 4*workers)}
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	for range workers {
		group.Go(r.parse)
	}
	var err error
	group.Go(func() {
		err = r.read(ctx, in)
		close(r.work)
		close(r.order)
	})
	for b := range r.order {
		<-b.parsed
		r.sight(b)
	}
	if err != nil {
		return r.stats, fmt.Errorf("reading %s: %w", name, err)
	}
	return r.stats, nil
}

type run struct {
	name  string
	see   func(*ecs.Event)
	stats Stats
	work  chan *batch // to be parsed
	order chan *batch // as they were read
	spare chan *batch
}

// read makes batches of lines, until the end or an error.
func (r *run) read(ctx context.Context, in io.Reader) error {
	buf := bufio.NewReaderSize(in, 256<<10)
	for line := 1; ; {
		b := r.fresh(line)
		var err error
		for len(b.ends) < batchLines && err == nil {
			err = b.take(buf)
		}
		line += len(b.ends)
		if len(b.ends) > 0 {
			for _, to := range []chan *batch{r.work, r.order} { // what is waited for in the order is worked on already
				select {
				case to <- b:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

func (r *run) fresh(line int) *batch {
	select {
	case b := <-r.spare:
		b.data, b.ends, b.line = b.data[:0], b.ends[:0], line
		b.parsed = make(chan struct{})
		return b
	default:
		return &batch{line: line, events: make([]ecs.Event, batchLines), errs: make([]error, batchLines), parsed: make(chan struct{})}
	}
}

// take reads one line; what is too long is cut, and so no event.
func (b *batch) take(in *bufio.Reader) error {
	from := len(b.data)
	for {
		part, err := in.ReadSlice('\n')
		if room := mostLine - (len(b.data) - from); len(part) > room {
			part = part[:room]
		}
		b.data = append(b.data, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if len(b.data) > from {
			b.ends = append(b.ends, len(b.data))
		}
		return err
	}
}

// parse works on batches.
func (r *run) parse() {
	for b := range r.work {
		from := 0
		for i, end := range b.ends {
			b.errs[i] = b.events[i].Parse(b.data[from:end])
			if len(bytes.TrimSpace(b.data[from:end])) == 0 {
				b.errs[i] = errEmpty
			}
			from = end
		}
		close(b.parsed)
	}
}

var errEmpty = errors.New("an empty line")

// sight shows the events of a batch.
func (r *run) sight(b *batch) {
	for i := range b.ends {
		if err := b.errs[i]; err != nil {
			if !errors.Is(err, errEmpty) {
				r.unreadable(b.line+i, err)
			}
			continue
		}
		e := &b.events[i]
		r.stats.Events++
		if t := e.Time(); !t.IsZero() {
			r.date(t)
		}
		r.see(e)
	}
	select {
	case r.spare <- b:
	default:
	}
}

func (r *run) unreadable(line int, err error) {
	r.stats.Unreadable++
	if r.stats.At == "" {
		r.stats.At = fmt.Sprintf("%s:%d: %v", r.name, line, err)
	}
}

func (r *run) date(t time.Time) {
	s := &r.stats
	if s.First.IsZero() || t.Before(s.First) {
		s.First = t
	}
	if t.After(s.Last) {
		s.Last = t
	} else if s.Last.Sub(t) > time.Minute {
		s.Backwards++
	}
}

// Add sums up what files had, in the order of reading.
func (s *Stats) Add(o Stats) {
	s.Events, s.Unreadable, s.Backwards = s.Events+o.Events, s.Unreadable+o.Unreadable, s.Backwards+o.Backwards
	if s.At == "" {
		s.At = o.At
	}
	if !o.First.IsZero() && !s.Last.IsZero() && s.Last.Sub(o.First) > time.Minute {
		s.Backwards++
	}
	if s.First.IsZero() || !o.First.IsZero() && o.First.Before(s.First) {
		s.First = o.First
	}
	if o.Last.After(s.Last) {
		s.Last = o.Last
	}
}
