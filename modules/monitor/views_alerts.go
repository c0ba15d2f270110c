package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/alert"
)

var alertTones = map[string]view.Tone{alert.Waiting: view.Warn, alert.Sent: view.Good, alert.Dead: view.Bad}

// alertsView shows whom incidents were told, and what could not be told.
func (a *App) alertsView() view.View {
	return view.View{
		Name: "alerts", Title: "Alerts", Group: view.Respond, Rank: 50, Newest: true,
		About: "Who was told of incidents, what waits to be sent, and what was given up.",
		Filters: []view.Filter{
			{Name: "state", Title: "State", Kind: view.Choice, Choices: []string{alert.Waiting, alert.Sent, alert.Dead}},
			{Name: "channel", Title: "Channel", Kind: view.Choice, Choices: a.alerts.Channels()},
		},
		Columns: []view.Column{
			{Name: "created", Title: "When", Kind: view.Time},
			{Name: "channel", Title: "Channel", Kind: view.Code, Narrow: "channel"},
			{Name: "state", Title: "State", Kind: view.State, Narrow: "state"},
			{Name: "level", Title: "Level", Kind: view.Level},
			{Name: "title", Title: "About", Kind: view.Text},
			{Name: "incidents", Title: "Incidents", Kind: view.Number, Less: true},
			{Name: "tries", Title: "Tries", Kind: view.Number, Less: true},
			{Name: "sent", Title: "Sent", Kind: view.Time},
			{Name: "detail", Title: "Why not", Kind: view.Text},
		},
		Rows: a.alertRows, Item: a.alertItem,
		Actions: []view.Action{
			{Name: "retry", Title: "Send now", On: view.OnRow, Ask: "Send this alert now?", Do: a.onAlertRow((*alert.Desk).Retry, "It is being sent.")},
			{Name: "drop", Title: "Drop", On: view.OnRow, Danger: true, Ask: "Drop this alert? Nobody will be told by it.", Do: a.onAlertRow((*alert.Desk).Drop, "It is dropped.")},
			{
				Name: "test", Title: "Send a test", On: view.OnView, Ask: "Send a test to this channel now?",
				Fields: []view.Field{{Name: "channel", Title: "Channel", Kind: view.Choice, Choices: a.alerts.Channels(), Required: true}}, Do: a.doTestAlert,
			},
		},
	}
}

func (a *App) alertRows(ctx context.Context, q view.Query) (view.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	all, err := a.alerts.List(ctx, alert.Query{State: q.Value("state"), Channel: q.Value("channel"), After: q.After, Limit: q.Limit})
	if err != nil {
		return view.Page{}, alertViewError(err)
	}
	p := view.Page{Rows: make([]view.Row, len(all)), Total: -1}
	for i := range all {
		one := &all[i]
		title := ""
		if len(one.Incidents) > 0 {
			title = one.Incidents[0].Title
		}
		p.Rows[i] = view.Row{
			ID:    one.ID,
			Cells: []any{one.Created, one.Channel, one.State, one.Level.String(), title, int64(len(one.Incidents) + one.More), int64(one.Tries), timeCell(one.Sent), one.Detail},
			Tone:  alertTones[one.State], Actions: alertWays(one),
		}
	}
	if len(all) == q.Limit {
		p.Next = all[len(all)-1].ID
	}
	return p, nil
}

func alertWays(one *alert.Alert) []string {
	if one.State == alert.Sent {
		return []string{}
	}
	return []string{"retry", "drop"}
}

func (a *App) alertItem(ctx context.Context, id string) (view.Item, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	one, err := a.alerts.Get(ctx, id)
	if err != nil {
		return view.Item{}, alertViewError(err)
	}
	facts := []view.Fact{
		{Name: "Channel", Value: one.Channel, Kind: view.Code}, {Name: "Level", Value: one.Level.String(), Kind: view.Level},
		{Name: "Escalation", Value: int64(one.Escalation), Kind: view.Number}, {Name: "Made", Value: one.Created, Kind: view.Time},
		{Name: "Tries", Value: int64(one.Tries), Kind: view.Number}, {Name: "Sent", Value: timeCell(one.Sent), Kind: view.Time},
		{Name: "Why not", Value: one.Detail, Kind: view.Text},
	}
	if one.State == alert.Waiting {
		facts = append(facts, view.Fact{Name: "Next try", Value: one.Next, Kind: view.Time})
	}
	table := &view.Table{Columns: []view.Column{
		{Name: "id", Title: "Incident", Kind: view.ID, Link: "incidents"}, {Name: "level", Title: "Level", Kind: view.Level}, {Name: "title", Title: "Title", Kind: view.Text}, {Name: "last", Title: "Last seen", Kind: view.Time},
	}}
	for _, i := range one.Incidents {
		table.Rows = append(table.Rows, view.Row{Cells: []any{i.ID, i.Level.String(), i.Title, timeCell(i.Last)}})
	}
	return view.Item{
		Title: "Alert by " + one.Channel, State: one.State, Tone: alertTones[one.State], Actions: alertWays(&one),
		Sections: []view.Section{{Title: "The alert", Facts: facts}, {Title: "Incidents", Table: table}},
	}, nil
}

func (a *App) onAlertRow(do func(*alert.Desk, context.Context, string) error, message string) func(context.Context, view.Order) (view.Done, error) {
	return func(ctx context.Context, o view.Order) (view.Done, error) {
		ctx, cancel := context.WithTimeout(ctx, adminTime)
		defer cancel()
		if err := do(a.alerts, ctx, o.ID); err != nil {
			return view.Done{}, alertViewError(err)
		}
		return view.Done{Message: message, Goto: "alerts"}, nil
	}
}

func (a *App) doTestAlert(ctx context.Context, o view.Order) (view.Done, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	name := o.Values["channel"]
	if err := a.alerts.Test(ctx, name); err != nil {
		return view.Done{}, fmt.Errorf("%w: the test did not come through: %w", view.ErrRefused, err)
	}
	return view.Done{Message: "A test went out by " + name + ".", Goto: "alerts?channel=" + url.QueryEscape(name)}, nil
}

func alertViewError(err error) error {
	if errors.Is(err, alert.ErrNotFound) {
		return fmt.Errorf("%w: %w", view.ErrNotFound, err)
	}
	return err
}
