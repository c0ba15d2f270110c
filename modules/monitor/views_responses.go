package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/respond"
)

var responseStates = []string{
	respond.Proposed, respond.Held, respond.Applying, respond.Applied, respond.Done, respond.Ended, respond.Undone, respond.Failed, respond.Dismissed,
}

var responseTones = map[string]view.Tone{
	respond.Proposed: view.Warn, respond.Held: view.Warn, respond.Applied: view.Good, respond.Failed: view.Bad,
	respond.Ended: view.Muted, respond.Undone: view.Muted, respond.Dismissed: view.Muted,
}

// addWorkViews describes what is done about findings, and who is told of it.
func (a *App) addWorkViews() {
	a.ground.Views.Add(a.responsesView(), a.measuresView())
	if a.alerts != nil {
		a.ground.Views.Add(a.alertsView())
	}
}

// responsesView shows what was done about findings, and what waits for a person.
func (a *App) responsesView() view.View {
	return view.View{
		Name: "responses", Title: "Responses", Group: view.Respond, Rank: 20, Newest: true,
		About: "What was done about findings, by itself or by people, and what waits for somebody to decide.",
		Filters: []view.Filter{
			{Name: "state", Title: "State", Kind: view.Choice, Choices: responseStates},
			{Name: "action", Title: "What", Kind: view.Choice, Choices: respond.Actions()},
			{Name: "subject", Title: "To whom", Kind: view.Text, Hint: "client:192.0.2.7 or user:ID"},
			{Name: "incident", Title: "Incident", Kind: view.Text},
		},
		Columns: []view.Column{
			{Name: "created", Title: "When", Kind: view.Time},
			{Name: "action", Title: "What", Kind: view.Code, Narrow: "action"},
			{Name: "subject", Title: "To whom", Kind: view.Code, Narrow: "subject"},
			{Name: "state", Title: "State", Kind: view.State, Narrow: "state"},
			{Name: "by", Title: "By", Kind: view.ID},
			{Name: "expires", Title: "Until", Kind: view.Time, Less: true},
			{Name: "reason", Title: "Why", Kind: view.Text},
			{Name: "incident", Title: "Incident", Kind: view.ID, Link: "incidents", Less: true},
		},
		Panels: a.responsePanels, Rows: a.responseRows, Item: a.responseItem, Actions: a.responseActions(),
	}
}

func (a *App) responseActions() []view.Action {
	ordered := slices.DeleteFunc(respond.Actions(), func(word string) bool { return word == respond.Webhook })
	decide := func(name, title, ask, message string, danger, back bool, do func(context.Context, string, string) (respond.Response, error)) view.Action {
		return view.Action{Name: name, Title: title, Ask: ask, On: view.OnRow, Danger: danger, Do: func(ctx context.Context, o view.Order) (view.Done, error) {
			ctx, cancel := context.WithTimeout(ctx, adminTime)
			defer cancel()
			r, err := do(ctx, o.ID, o.Who.ID)
			if err != nil {
				return view.Done{}, workViewError(err)
			}
			done := view.Done{Message: fmt.Sprintf(message, r.Action, r.Subject)}
			if back && r.Undo() != "" {
				done.Undo = &view.Undo{View: "responses", Action: "undo", ID: r.ID}
			}
			return done, nil
		}}
	}
	desk := a.work.responses
	return []view.Action{
		decide("approve", "Do it", "Do what is proposed?", "%s of %s is done.", true, true, desk.Approve),
		decide("dismiss", "Dismiss", "Decide against it? For a day no machine proposes it again.", "%s of %s is dismissed.", false, false, desk.Dismiss),
		decide("undo", "Take it back", "Take it back? For a day no machine does it again.", "%s of %s is taken back.", false, false, desk.Undo),
		{
			Name: "order", Title: "Respond", On: view.OnView, Danger: true, Ask: "Do this now, on every node?",
			Fields: []view.Field{
				{Name: "action", Title: "What", Kind: view.Choice, Choices: ordered, Required: true},
				{Name: "subject", Title: "To whom", Kind: view.Text, Required: true, Most: 512, Hint: "client:192.0.2.7, user:ID or session:ID"},
				{Name: "for", Title: "For", Kind: view.Duration, Hint: "as 1h; empty: as long as is usual"},
				{Name: "reason", Title: "Reason", Kind: view.Text, Most: respond.MostReason},
				{Name: "incident", Title: "Incident", Kind: view.Text, Hint: "its id, if it belongs to one"},
			},
			Do: a.doRespond,
		},
	}
}

// waysOf are the actions that make sense for a response as it is.
func waysOf(r *respond.Response) []string {
	switch {
	case r.State == respond.Proposed || r.State == respond.Held:
		return []string{"approve", "dismiss"}
	case r.Undo() != "":
		return []string{"undo"}
	}
	return []string{}
}

func (a *App) responsePanels(ctx context.Context, _ view.Query) ([]view.Panel, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	counts, err := a.work.responses.Counts(ctx)
	if err != nil {
		return nil, err
	}
	tile := func(name, title string, state string, tone view.Tone) view.Panel {
		t := &view.Tile{Value: counts[state], Kind: view.Number, Link: "responses?state=" + state}
		if counts[state] > 0 {
			t.Tone = tone
		}
		return view.Panel{Name: name, Title: title, Tile: t}
	}
	return []view.Panel{
		tile("proposed", "Wait for a decision", respond.Proposed, view.Warn),
		tile("held", "Held: machines did enough for now", respond.Held, view.Warn),
		tile("applied", "In force", respond.Applied, view.Plain),
	}, nil
}

func (a *App) responseRows(ctx context.Context, q view.Query) (view.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	ask := respond.Query{State: q.Value("state"), Action: q.Value("action"), Incident: q.Value("incident"), After: q.After, Limit: q.Limit}
	if text := q.Value("subject"); text != "" {
		var err error
		if ask.Subject, err = finding.ParseSubject(text); err != nil {
			return view.Page{}, fmt.Errorf("%w: %w", view.ErrMalformed, err)
		}
	}
	all, err := a.work.responses.List(ctx, ask)
	if err != nil {
		return view.Page{}, workViewError(err)
	}
	p := view.Page{Rows: make([]view.Row, len(all)), Total: -1}
	for i := range all {
		r := &all[i]
		p.Rows[i] = view.Row{
			ID: r.ID, Cells: []any{r.Created, r.Action, r.Subject.String(), r.State, r.By, timeCell(r.Expires), r.Reason, r.Incident},
			Tone: responseTones[r.State], Actions: waysOf(r),
		}
	}
	if len(all) == q.Limit {
		p.Next = all[len(all)-1].ID
	}
	return p, nil
}

func timeCell(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

func (a *App) responseItem(ctx context.Context, id string) (view.Item, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	r, err := a.work.responses.Get(ctx, id)
	if err != nil {
		return view.Item{}, workViewError(err)
	}
	facts := []view.Fact{
		{Name: "What", Value: r.Action, Kind: view.Code},
		{Name: "To whom", Value: r.Subject.String(), Kind: view.Code, Link: "responses?subject=" + url.QueryEscape(r.Subject.String())},
		{Name: "Begun", Value: r.Mode, Kind: view.Text}, {Name: "By", Value: r.By, Kind: view.ID},
		{Name: "Why", Value: r.Reason, Kind: view.Text}, {Name: "Detail", Value: r.Detail, Kind: view.Text},
		{Name: "Rule", Value: r.Rule, Kind: view.Code}, {Name: "Finding", Value: r.Finding, Kind: view.ID},
	}
	if r.Incident != "" {
		facts = append(facts, view.Fact{Name: "Incident", Value: r.Incident, Kind: view.ID, Link: "incidents/" + url.PathEscape(r.Incident)})
	}
	if r.Lasts > 0 {
		facts = append(facts, view.Fact{Name: "Lasts", Value: r.Lasts, Kind: view.Duration})
	}
	var moments []view.Moment
	for _, m := range []view.Moment{
		{At: r.Created, Title: "Begun", Who: r.Mode}, {At: r.Applied, Title: "Done", Who: r.By}, {At: r.Expires, Title: "Its time is over"}, {At: r.Closed, Title: "Closed: " + r.State, Who: r.By},
	} {
		if !m.At.IsZero() {
			moments = append(moments, m)
		}
	}
	slices.SortStableFunc(moments, func(x, y view.Moment) int { return x.At.Compare(y.At) })
	return view.Item{
		Title: r.Action + " of " + r.Subject.String(), State: r.State, Tone: responseTones[r.State], Actions: waysOf(&r),
		Sections: []view.Section{{Title: "The response", Facts: facts}, {Title: "What happened", Timeline: moments}},
	}, nil
}

func (a *App) doRespond(ctx context.Context, o view.Order) (view.Done, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTime)
	defer cancel()
	order := respond.Order{By: o.Who.ID, Reason: o.Values["reason"], Incident: o.Values["incident"]}
	text := o.Values["action"]
	if lasts := o.Values["for"]; lasts != "" {
		text += " " + lasts
	}
	var err error
	if order.Action, err = respond.ParseAction(text); err != nil {
		return view.Done{}, workViewError(err)
	}
	if order.Subject, err = finding.ParseSubject(o.Values["subject"]); err != nil {
		return view.Done{}, fmt.Errorf("%w: %w", view.ErrMalformed, err)
	}
	if err := a.belongs(ctx, order.Incident); err != nil {
		return view.Done{}, fmt.Errorf("%w: there is no such incident", view.ErrMalformed)
	}
	r, err := a.work.responses.Order(ctx, order)
	if err != nil {
		return view.Done{}, workViewError(err)
	}
	done := view.Done{Message: r.Action + " of " + r.Subject.String() + " is done.", Goto: "responses/" + url.PathEscape(r.ID)}
	if r.Undo() != "" {
		done.Undo = &view.Undo{View: "responses", Action: "undo", ID: r.ID}
	}
	return done, nil
}

// workViewError says what responses and measures say in a view's words.
func workViewError(err error) error {
	for known, these := range map[error][]error{
		view.ErrNotFound:  {respond.ErrNotFound, measure.ErrNone},
		view.ErrMalformed: {respond.ErrMalformed, measure.ErrMalformed},
		view.ErrRefused:   {respond.ErrState, respond.ErrExempt, respond.ErrNoUndo, respond.ErrRefused, measure.ErrExempt, measure.ErrFull},
	} {
		if slices.ContainsFunc(these, func(e error) bool { return errors.Is(err, e) }) {
			return fmt.Errorf("%w: %w", known, err)
		}
	}
	return err
}
