package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
)

// addIncidents opens those that the findings begin, as they would have been opened then, and has people work on the older ones.
func addIncidents(ctx context.Context, db *database.DB, o options) (int, error) {
	clock := o.now
	book := incident.New(db, nobody{}, func() time.Time { return clock }, incident.Options{Least: finding.Medium}, func(string, time.Duration) {})
	var opened []incident.Incident
	for in := json.NewDecoder(o.findings); ; {
		var f finding.Finding
		err := in.Decode(&f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		clock = f.Last.Add(time.Second)
		i, change, err := book.Add(ctx, &f)
		if err != nil {
			return 0, err
		}
		if change == incident.Opened {
			opened = append(opened, i)
		}
	}
	w := worker{book: book, clock: &clock, now: o.now, rng: rand.New(rand.NewPCG(2, 2))}
	for _, i := range opened {
		if err := w.work(ctx, i); err != nil {
			return 0, err
		}
	}
	return len(opened), nil
}

// worker is people who work on incidents.
type worker struct {
	book  *incident.Book
	clock *time.Time
	now   time.Time
	rng   *rand.Rand
}

var who = []string{"ada", "mona", "night-shift"}

// notes that people leave, by the state that the incident goes to.
var notes = map[string]string{
	incident.Triaged:    "Looked at the events: it is one source, and nothing got through.",
	incident.Contained:  "Banned the network for a day and ended the sessions that came from it.",
	incident.Remediated: "Passwords of the accounts that were met are reset; the limit of the login is tighter.",
	incident.Closed:     "Quiet for a day.",
}

// work takes an incident on, as far as its age lets it: what is of the last hours is open still.
func (w *worker) work(ctx context.Context, i incident.Incident) error {
	by := who[w.rng.IntN(len(who))]
	at := i.Opened
	for n, state := range []string{incident.Triaged, incident.Contained, incident.Remediated, incident.Closed} {
		at = at.Add(time.Duration(1+w.rng.IntN(90*(n+1)*(n+1))) * time.Minute)
		if at.After(w.now) || w.rng.IntN(12) == 0 {
			return nil
		}
		*w.clock = at
		e := incident.Edit{State: state, Owner: &by, Note: notes[state]}
		if state == incident.Closed {
			verdict := incident.True
			if w.rng.IntN(5) == 0 {
				verdict = incident.False
			}
			lessons := "The limit would have held alone; the rule said it ten minutes earlier."
			e.Verdict, e.Lessons = &verdict, &lessons
		}
		_, err := w.book.Edit(ctx, i.ID, by, e)
		if errors.Is(err, incident.ErrState) { // it became part of another
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
