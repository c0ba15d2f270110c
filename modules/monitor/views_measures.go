package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/respond"
)

var measureColumns = []view.Column{
	{Name: "kind", Title: "What", Kind: view.Code, Sort: true, Narrow: "kind"},
	{Name: "subject", Title: "To whom", Kind: view.Code, Sort: true},
	{Name: "created", Title: "Since", Kind: view.Time, Sort: true},
	{Name: "expires", Title: "Until", Kind: view.Time, Sort: true},
	{Name: "response", Title: "Response", Kind: view.ID, Link: "responses"},
}

// measuresView shows what is in force against whom, short of keeping them out.
func (a *App) measuresView() view.View {
	kinds := make([]string, 0, len(measure.Kinds()))
	for _, k := range measure.Kinds() {
		kinds = append(kinds, k.String())
	}
	return view.View{
		Name: "measures", Title: "Measures in force", Group: view.Respond, Rank: 25,
		About: "What is done to clients, accounts and sessions for a while, short of a ban: puzzles, tighter limits, stricter inspection, a second factor, closed sockets.",
		Filters: []view.Filter{
			{Name: "kind", Title: "What", Kind: view.Choice, Choices: kinds},
			{Name: "subject", Title: "To whom", Kind: view.Text, Hint: "a part of client:192.0.2.7 or user:ID"},
		},
		Columns: measureColumns, Panels: a.measurePanels, Rows: a.measureRows,
		Actions: []view.Action{{Name: "lift", Title: "Lift", On: view.OnRow, Ask: "Lift this measure, on every node?", Do: a.doLiftMeasure}},
	}
}

func (a *App) measurePanels(context.Context, view.Query) ([]view.Panel, error) {
	counts := a.ground.Measures.Counts()
	bars := &view.Bars{Kind: view.Number}
	for _, k := range measure.Kinds() {
		bars.Items = append(bars.Items, view.Bar{Name: strings.ReplaceAll(k.String(), "_", " "), Value: float64(counts[k]), Link: "measures?kind=" + k.String()})
	}
	return []view.Panel{{Name: "kinds", Title: "In force, by what is done", Bars: bars}}, nil
}

func (a *App) measureRows(ctx context.Context, q view.Query) (view.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	all, err := a.ground.Measures.List(ctx, measure.Most)
	if err != nil {
		return view.Page{}, err
	}
	var rows []view.Row
	for _, m := range all {
		subject := m.Subject.Kind + ":" + m.Subject.ID
		if kind := q.Value("kind"); kind != "" && kind != m.Kind.String() || !strings.Contains(subject, q.Value("subject")) {
			continue
		}
		var response any
		if m.By != "" {
			response = m.By
		}
		rows = append(rows, view.Row{ID: m.Kind.String() + ":" + subject, Cells: []any{m.Kind.String(), subject, m.Created, m.Expires, response}})
	}
	p, err := view.Few(q, measureColumns, rows)
	if a.ground.Measures.Stale() {
		p.Note = "This node can't see changes at present: what it knew last holds."
	}
	return p, err
}

// measureOf is the measure in force that an id of a row means.
func (a *App) measureOf(ctx context.Context, id string) (measure.Measure, error) {
	kind, subject, _ := strings.Cut(id, ":")
	all, err := a.ground.Measures.List(ctx, measure.Most)
	if err != nil {
		return measure.Measure{}, err
	}
	for _, m := range all {
		if m.Kind.String() == kind && m.Subject.Kind+":"+m.Subject.ID == subject {
			return m, nil
		}
	}
	return measure.Measure{}, view.ErrNotFound
}

// doLiftMeasure ends one. What belongs to a response is undone as that, so that no machine does it again at once.
func (a *App) doLiftMeasure(ctx context.Context, o view.Order) (view.Done, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	m, err := a.measureOf(ctx, o.ID)
	if err != nil {
		return view.Done{}, err
	}
	message := fmt.Sprintf("%s of %s:%s is lifted.", m.Kind, m.Subject.Kind, m.Subject.ID)
	if m.By != "" {
		_, err := a.work.responses.Undo(ctx, m.By, o.Who.ID)
		if err == nil {
			return view.Done{Message: message, Goto: "responses/" + url.PathEscape(m.By)}, nil
		}
		if !errors.Is(err, respond.ErrNotFound) && !errors.Is(err, respond.ErrState) { // else its response is over, and the measure itself is left
			return view.Done{}, workViewError(err)
		}
	}
	if err := a.ground.Measures.Lift(ctx, m.Subject, m.Kind, m.By); err != nil {
		return view.Done{}, workViewError(err)
	}
	a.tellLifted(m)
	return view.Done{Message: message, Goto: "measures"}, nil
}

// tellLifted records that somebody lifted a measure whose response did not.
func (a *App) tellLifted(m measure.Measure) {
	e := &event.Event{Category: "intrusion_detection", Action: "measure-lifted", Outcome: event.Success, Fields: []zap.Field{zap.String("gateway.response.action", m.Kind.String())}}
	switch m.Subject.Kind {
	case measure.Client:
		e.SourceIP, _, _ = strings.Cut(m.Subject.ID, "/")
	case measure.User:
		e.TargetID = m.Subject.ID
	case measure.Session:
		e.Session = m.Subject.ID
	}
	a.ground.Events.Emit(e)
}
