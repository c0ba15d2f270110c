package monitor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/review/risk"
)

var fiveWords = []string{"1", "2", "3", "4", "5"}

func (a *App) risksView() view.View {
	return view.View{
		Name: "risks", Title: "Risk register", Group: view.Proof, Rank: 50,
		Permission: view.Admin,
		About:      "What may go wrong: incidents that recur, controls that are not met, routes that nobody classified, and what people wrote down. It closes itself when its cause is gone.",
		Filters: []view.Filter{
			{Name: "state", Title: "State", Kind: view.Choice, Choices: []string{risk.Open, risk.Closed}, Default: risk.Open},
			{Name: "source", Title: "Source", Kind: view.Choice, Choices: risk.Sources},
			{Name: "treatment", Title: "Treatment", Kind: view.Choice, Choices: append([]string{risk.Undecided}, risk.Treatments...)},
			{Name: "owner", Title: "Owner", Kind: view.Text, Hint: "a name or id; -: nobody"},
			{Name: "least", Title: "Score of at least", Kind: view.Number, Hint: "15"},
			{Name: "overdue", Title: "Overdue", Kind: view.Flag},
			{Name: "text", Title: "Text", Kind: view.Text},
		},
		Columns: []view.Column{
			{Name: "score", Title: "Score", Kind: view.Number},
			{Name: "title", Title: "Risk", Kind: view.Text},
			{Name: "source", Title: "Source", Kind: view.State, Narrow: "source"},
			{Name: "likelihood", Title: "Likelihood", Kind: view.Number},
			{Name: "impact", Title: "Impact", Kind: view.Number},
			{Name: "owner", Title: "Owner", Kind: view.Text},
			{Name: "treatment", Title: "Treatment", Kind: view.State, Narrow: "treatment"},
			{Name: "due", Title: "Due, or accepted until", Kind: view.Time},
			{Name: "opened", Title: "Since", Kind: view.Time},
			{Name: "seen", Title: "Seen last", Kind: view.Time, Less: true},
			{Name: "state", Title: "State", Kind: view.State, Narrow: "state", Less: true},
			{Name: "id", Title: "Id", Kind: view.ID, Link: "risks", Less: true},
		},
		Panels: a.riskPanels, Rows: a.riskRows, Item: a.riskItem, Actions: a.riskActions(),
	}
}

// riskError says what may be shown, and what others did meanwhile.
func riskError(err error) error {
	var changed *risk.Changed
	switch {
	case err == nil:
		return nil
	case errors.As(err, &changed):
		c := new(view.Conflict)
		for _, m := range changed.Since {
			c.Since = append(c.Since, view.Moment{At: m.At, Title: m.What, Text: m.Text, Who: m.By})
		}
		return c
	case errors.Is(err, risk.ErrNotFound):
		return view.ErrNotFound
	case errors.Is(err, risk.ErrMalformed), errors.Is(err, risk.ErrState), errors.Is(err, risk.ErrSeen):
		return fmt.Errorf("%w: %w", view.ErrRefused, err)
	}
	return err
}

func scoreTone(score int) view.Tone {
	switch {
	case score >= 15:
		return view.Bad
	case score >= 8:
		return view.Warn
	}
	return view.Plain
}

// riskPanels counts open risks, and draws them by likelihood and impact.
func (a *App) riskPanels(ctx context.Context, _ view.Query) ([]view.Panel, error) {
	m, err := a.register.Matrix(ctx)
	if err != nil {
		return nil, riskError(err)
	}
	all, high := 0, 0
	table := &view.Table{Columns: []view.Column{{Name: "likelihood", Title: "Likelihood", Kind: view.Text}}}
	for i := 1; i <= 5; i++ {
		table.Columns = append(table.Columns, view.Column{Name: "impact-" + strconv.Itoa(i), Title: "Impact " + strconv.Itoa(i), Kind: view.Number})
	}
	for l := 5; l >= 1; l-- {
		row := view.Row{Cells: []any{strconv.Itoa(l)}}
		for i := 1; i <= 5; i++ {
			n := m[l][i]
			if all += n; l*i >= 15 {
				high += n
			}
			if n == 0 {
				row.Cells = append(row.Cells, nil)
				continue
			}
			row.Cells = append(row.Cells, int64(n))
			if t := scoreTone(l * i); t == view.Bad || row.Tone == view.Plain {
				row.Tone = t
			}
		}
		table.Rows = append(table.Rows, row)
	}
	overdue, _, err := a.register.List(ctx, risk.Query{Overdue: true, Limit: view.MostRows})
	if err != nil {
		return nil, riskError(err)
	}
	tile := func(name, title string, n int, tone view.Tone, link string) view.Panel {
		t := &view.Tile{Value: int64(n), Kind: view.Number, Link: link}
		if n > 0 {
			t.Tone = tone
		}
		return view.Panel{Name: name, Title: title, Tile: t}
	}
	return []view.Panel{
		tile("open", "Open", all, view.Plain, "risks"), tile("high", "Score of 15 and more", high, view.Bad, "risks?least=15"),
		tile("overdue", "Overdue", len(overdue), view.Bad, "risks?overdue=true"),
		{Name: "matrix", Title: "Open risks by likelihood and impact", About: "1 is rare, or hardly felt; 5 is almost certain, or grave.", Table: table},
	}, nil
}

func (a *App) riskRows(ctx context.Context, q view.Query) (view.Page, error) {
	owner, err := a.ownerOf(ctx, q.Value("owner"))
	if err != nil {
		return view.Page{}, err
	}
	all, next, err := a.register.List(ctx, risk.Query{
		State: q.Value("state"), Source: q.Value("source"), Treatment: q.Value("treatment"), Owner: owner, Least: int(q.Number("least")), Text: q.Value("text"), Overdue: q.Flag("overdue"),
		After: q.After, Limit: q.Limit,
	})
	if err != nil {
		return view.Page{}, riskError(err)
	}
	page := view.Page{Next: next, Total: -1}
	for _, r := range all {
		row := view.Row{ID: r.ID, Tone: scoreTone(r.Score()), Actions: []string{}, Cells: []any{
			int64(r.Score()), r.Title, r.Source, int64(r.Likelihood), int64(r.Impact), riskOwner(r), r.Treatment, cellTime(riskEnd(r)), r.Opened, r.Seen, r.State, r.ID,
		}}
		if r.State == risk.Closed {
			row.Tone = view.Muted
		}
		page.Rows = append(page.Rows, row)
	}
	return page, nil
}

// riskEnd is when something should have been done, or accepted anew.
func riskEnd(r risk.Risk) time.Time {
	if r.Treatment == risk.Accept {
		return r.Accepted
	}
	return r.Due
}

func riskOwner(r risk.Risk) string {
	if r.OwnerName != "" {
		return r.OwnerName
	}
	return personName(r.Owner, nil)
}

// ownerOf gives the account's id of a name or an id; "" and "-" are themselves.
func (a *App) ownerOf(ctx context.Context, typed string) (string, error) {
	if typed == "" || typed == "-" {
		return typed, nil
	}
	id, err := a.register.Account(ctx, typed)
	return id, riskError(err)
}

const riskSteps = 100 // of a history that are shown

func (a *App) riskItem(ctx context.Context, id string) (view.Item, error) {
	r, err := a.register.Get(ctx, id)
	if err != nil {
		return view.Item{}, riskError(err)
	}
	steps, err := a.register.History(ctx, id, riskSteps)
	if err != nil {
		return view.Item{}, err
	}
	ids := make([]string, 0, len(steps))
	for _, m := range steps {
		ids = append(ids, m.By)
	}
	names, err := a.register.Names(ctx, ids...)
	if err != nil {
		return view.Item{}, err
	}
	item := view.Item{Title: r.Title, State: r.State, Tone: scoreTone(r.Score()), Version: strconv.FormatInt(r.Version, 10), Actions: riskDeeds(r)}
	if r.State == risk.Closed {
		item.Tone = view.Muted
	}
	assessed := "a guess of the gateway's"
	if !r.Assessed.IsZero() {
		assessed = "on " + r.Assessed.Format(time.DateOnly)
	}
	due := view.Fact{Name: "Due, or accepted until", Value: cellTime(riskEnd(r)), Kind: view.Time}
	if r.Overdue(time.Now()) {
		due.Tone = view.Bad
	}
	facts := []view.Fact{
		{Name: "Score", Value: int64(r.Score()), Kind: view.Number, Tone: scoreTone(r.Score())},
		{Name: "Likelihood", Value: int64(r.Likelihood), Kind: view.Number}, {Name: "Impact", Value: int64(r.Impact), Kind: view.Number}, {Name: "Assessed", Value: assessed, Kind: view.Text},
		{Name: "Owner", Value: riskOwner(r), Kind: view.Text}, {Name: "Treatment", Value: r.Treatment, Kind: view.State}, due,
		{Name: "Source", Value: r.Source, Kind: view.Text}, {Name: "Since", Value: r.Opened, Kind: view.Time}, {Name: "Seen last", Value: r.Seen, Kind: view.Time},
	}
	if !r.Closed.IsZero() {
		facts = append(facts, view.Fact{Name: "Closed", Value: r.Closed, Kind: view.Time})
	}
	if r.Link != "" {
		facts = append(facts, view.Fact{Name: "Where it is seen", Value: "Show", Kind: view.Text, Link: r.Link})
	}
	item.Sections = []view.Section{{Title: "Risk", Facts: facts}}
	if r.Detail != "" {
		item.Sections = append(item.Sections, view.Section{Title: "What it is", Text: r.Detail})
	}
	if r.Mend != "" {
		item.Sections = append(item.Sections, view.Section{Title: "How it goes away", Text: r.Mend})
	}
	line := make([]view.Moment, 0, len(steps))
	for _, m := range steps {
		line = append(line, view.Moment{At: m.At, Title: m.What, Text: m.Text, Who: personName(m.By, names)})
	}
	item.Sections = append(item.Sections, view.Section{Title: "History", Timeline: line})
	return item, nil
}

func riskDeeds(r risk.Risk) []string {
	switch {
	case r.State == risk.Open && r.Source == risk.Person:
		return []string{"assess", "assign", "treat", "accept", "note", "close"}
	case r.State == risk.Open:
		return []string{"assess", "assign", "treat", "accept", "note"}
	case r.Source == risk.Person:
		return []string{"reopen"}
	}
	return []string{}
}
