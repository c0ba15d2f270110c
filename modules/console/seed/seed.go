// Command seed fills the data folder of a gateway that does not run with what days of a site would leave there: events in the journal, figures of them,
// people, incidents that some work on. It is for looking at the console and for measuring it; test/console runs it.
//
//	go run ./modules/console/seed -data DIR -events FILE -findings FILE
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/monitor/figure"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

type options struct {
	database database.Config
	journal  string        // its folder
	events   io.ReadSeeker // lines of test/simulate, the oldest first
	findings io.Reader     // lines of `detect replay --json` over the same events
	now      time.Time     // when the last events were
}

// filled says what was put in.
type filled struct{ events, people, incidents int }

func main() {
	data := flag.String("data", "", "folder of a gateway that has run, and does not now")
	events := flag.String("events", "", "events of test/simulate")
	findings := flag.String("findings", "", "what detect replay --json finds in them")
	flag.Parse()
	if err := run(*data, *events, *findings); err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
}

func run(data, events, findings string) error {
	e, err := os.Open(events)
	if err != nil {
		return err
	}
	defer e.Close()
	f, err := os.Open(findings)
	if err != nil {
		return err
	}
	defer f.Close()
	began := time.Now()
	in, err := fill(context.Background(), options{
		database: database.Config{SQLite: filepath.Join(data, "gateway.db")}, journal: filepath.Join(data, "journal"), events: e, findings: f, now: began.UTC(),
	})
	if err != nil {
		return err
	}
	fmt.Printf("%d events of %d people and %d incidents put into %s, in %s\n", in.events, in.people, in.incidents, data, time.Since(began).Round(time.Millisecond))
	return nil
}

// fill puts all of it in.
func fill(ctx context.Context, o options) (f filled, err error) {
	db, err := database.Open(ctx, o.database)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	who := newPeople()
	if f.events, err = addEvents(ctx, o, who); err != nil {
		return f, fmt.Errorf("the events: %w", err)
	}
	if _, err := o.events.Seek(0, io.SeekStart); err != nil {
		return f, fmt.Errorf("the events: %w", err)
	}
	if _, _, err := figure.NewStore(db, "gateway-k7qd", 0, func() time.Time { return o.now }).Import(ctx, o.events); err != nil {
		return f, fmt.Errorf("the figures: %w", err)
	}
	if f.people, err = who.add(ctx, db, o.now); err != nil {
		return f, fmt.Errorf("the people: %w", err)
	}
	if f.incidents, err = addIncidents(ctx, db, o); err != nil {
		return f, fmt.Errorf("the incidents: %w", err)
	}
	return f, nil
}

func addEvents(ctx context.Context, o options, who *people) (n int, err error) {
	j, err := journal.Open(journal.Options{Dir: o.journal, Error: func(e error) { err = errors.Join(err, e) }})
	if err != nil {
		return 0, err
	}
	in, err := j.Import(ctx, io.TeeReader(o.events, who))
	return in.Kept, errors.Join(err, j.Close())
}

// nobody takes events that would tell of what was long ago.
type nobody struct{}

// Emit implements incident.Events.
func (nobody) Emit(*event.Event) {}
