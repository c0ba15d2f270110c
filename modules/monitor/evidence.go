package monitor

import (
	"context"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

const (
	// settle is how long after a finding its events are looked for: the journal takes them beside requests, too.
	settle = 3 * time.Second
	// evidenceWaits is how many findings may wait for it. Those beyond keep the ids of their events alone.
	evidenceWaits = 256
	// evidenceEach bounds what this gateway looks up for one incident: an attack that goes on tells the same again and again.
	evidenceEach = 100
	// evidenceKnown is of how many incidents that is known.
	evidenceKnown = 1000
	evidenceTime  = 30 * time.Second
)

// collector keeps the events that findings name with their incidents, so that they outlast the journal.
type collector struct {
	journal *journal.Journal
	book    *incident.Book
	logger  *zap.Logger
	wanted  chan wanted
	looked  map[string]int // by incident; the collector's own goroutine has it
}

type wanted struct {
	incident string
	events   []string
	from, to time.Time
	found    time.Time
}

// openEvidence keeps evidence, where there are incidents to keep it with and a journal to have it from.
func (a *App) openEvidence(caddy.Context) error {
	if a.journal == nil || a.work == nil || a.work.incidents == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background()) // it ends with Cleanup
	c := &collector{journal: a.journal, book: a.work.incidents, logger: a.logger, wanted: make(chan wanted, evidenceWaits), looked: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run(ctx)
	}()
	a.work.evidence = c
	a.give = append(a.give, func() error {
		cancel()
		<-done
		return nil
	})
	return nil
}

// want has the events of a finding kept, soon. Nobody waits for it.
func (c *collector) want(id string, f *finding.Finding) {
	if c == nil || len(f.Events) == 0 {
		return
	}
	select {
	case c.wanted <- wanted{id, f.Events, f.First, f.Last, time.Now()}:
	default: // the finding names them
	}
}

func (c *collector) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-c.wanted:
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(w.found.Add(settle))):
			}
			if err := c.collect(ctx, w); err != nil && ctx.Err() == nil {
				c.logger.Warn("keeping evidence of an incident", zap.String("incident", w.incident), zap.Error(err))
			}
		}
	}
}

// collect looks for the events, and keeps those that there are.
func (c *collector) collect(ctx context.Context, w wanted) error {
	ctx, cancel := context.WithTimeout(ctx, evidenceTime)
	defer cancel()
	if len(c.looked) >= evidenceKnown {
		clear(c.looked) // the book bounds what is kept, too
	}
	var all []incident.Evidence
	for _, id := range w.events {
		if c.looked[w.incident] >= evidenceEach {
			break
		}
		c.looked[w.incident]++
		found, err := c.journal.Find(ctx, journal.Filter{ID: id, From: w.from.Add(-time.Minute), To: w.to.Add(time.Minute)}, "", 1)
		if err != nil {
			return err
		}
		for _, h := range found.Hits { // another gateway's events are in its own journal
			all = append(all, incident.Evidence{Event: h.ID, At: h.At, Line: strings.TrimSpace(h.Line)})
		}
	}
	return c.book.KeepEvidence(ctx, w.incident, all)
}
