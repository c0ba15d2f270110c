package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

const (
	viewTime = 30 * time.Second // of one question: it may wait for others of the journal
	mostBars = 10
)

// addPolicyViews shows those who run the gateway which policy is in force, and what it decided.
func (a *App) addPolicyViews() { a.ground.Views.Add(a.policyView(), a.decisionsView()) }

// noJournal is what views say where no events are kept to be asked for.
const noJournal = "No events are kept to be asked for: see `journal` in the block `monitor`."

// events are what was kept of events, by the app gw_monitor, which loads after this one; nil where none are.
func (a *App) events() (*journal.Journal, error) {
	app, err := caddy.ActiveContext().AppIfConfigured("gw_monitor")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	keeper, ok := app.(interface{ EventJournal() *journal.Journal })
	if !ok {
		return nil, nil
	}
	return keeper.EventJournal(), nil
}

// eventsError is what the journal says, in the words of a view.
func eventsError(err error) error {
	if errors.Is(err, journal.ErrCursor) || errors.Is(err, journal.ErrAsked) {
		return fmt.Errorf("%w: %w", view.ErrMalformed, err)
	}
	return err
}

// conditions are those of filters that are given; fields are by their names.
func conditions(q view.Query, fields map[string]journal.Field) []journal.Cond {
	var all []journal.Cond
	for name, field := range fields {
		if v := q.Value(name); v != "" {
			all = append(all, journal.Is(field, v))
		}
	}
	return all
}

// topBars are the values that most events have.
func topBars(ctx context.Context, j *journal.Journal, f journal.Filter, by journal.Field, link func(string) string) (*view.Bars, error) {
	top, err := j.Top(ctx, f, by, mostBars)
	if err != nil {
		return nil, eventsError(err)
	}
	bars := &view.Bars{Kind: view.Number}
	for _, v := range top.Values {
		bars.Items = append(bars.Items, view.Bar{Name: v.Name, Value: float64(v.Count), Link: link(v.Name)})
	}
	return bars, nil
}

func timeCell(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}
