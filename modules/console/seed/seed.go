// Package seed fills the data folder of a gateway that does not run with what weeks of a site would leave there: events in the journal, figures of them, people, incidents
// that some work on. It is for looking at the console and for measuring it; no program of ours but test/console links it.
package seed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/figure"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

// Options of Fill.
type Options struct {
	Data     string        // folder of a gateway that has run, and does not now
	Events   io.ReadSeeker // lines of test/simulate, the oldest first
	Findings io.Reader     // lines of `detect replay --json` over the same events
	Now      time.Time     // when the last events were
}

// Filled says what Fill put in.
type Filled struct{ Events, People, Incidents int }

// Fill puts all of it in.
func Fill(ctx context.Context, o Options) (f Filled, err error) {
	db, err := database.Open(ctx, database.Config{SQLite: filepath.Join(o.Data, "gateway.db")})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	who := newPeople()
	if f.Events, err = events(ctx, o, who); err != nil {
		return f, fmt.Errorf("the events: %w", err)
	}
	if _, err := o.Events.Seek(0, io.SeekStart); err != nil {
		return f, fmt.Errorf("the events: %w", err)
	}
	if _, _, err := figure.NewStore(db, "gateway-k7qd", 0, func() time.Time { return o.Now }).Import(ctx, o.Events); err != nil {
		return f, fmt.Errorf("the figures: %w", err)
	}
	if f.People, err = who.add(ctx, db, o.Now); err != nil {
		return f, fmt.Errorf("the people: %w", err)
	}
	if f.Incidents, err = incidents(ctx, db, o); err != nil {
		return f, fmt.Errorf("the incidents: %w", err)
	}
	return f, nil
}

func events(ctx context.Context, o Options, who *people) (n int, err error) {
	j, err := journal.Open(journal.Options{Dir: filepath.Join(o.Data, "journal"), Error: func(e error) { err = errors.Join(err, e) }})
	if err != nil {
		return 0, err
	}
	in, err := j.Import(ctx, io.TeeReader(o.Events, who))
	return in.Kept, errors.Join(err, j.Close())
}

// nobody takes events that would tell of what was long ago.
type nobody struct{}

// Emit implements incident.Events.
func (nobody) Emit(*event.Event) {}
