package monitor

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/review"
)

func (a *App) reviewLinesView() view.View {
	note := []view.Field{{Name: "note", Title: "Note", Kind: view.Text, Most: 2000, Hint: "it stays: name nobody"}}
	return view.View{
		Name: "review-lines", Title: "Lines of a review", Group: view.Proof, Rank: 41,
		Permission: view.Admin,
		About:      "What is to be kept or revoked: of the review that is named, else of the newest open one. Nobody decides on their own access.",
		Filters: []view.Filter{
			{Name: "review", Title: "Review", Kind: view.Text, Hint: "its id"},
			{Name: "kind", Title: "Kind", Kind: view.Choice, Choices: review.Kinds},
			{Name: "decision", Title: "Decision", Kind: view.Choice, Choices: []string{review.Undecided, review.Keep, review.Revoke}},
			{Name: "stale", Title: "Stale", Kind: view.Flag},
			{Name: "account", Title: "Account", Kind: view.Text, Hint: "its id"},
		},
		Columns: []view.Column{
			{Name: "who", Title: "Who", Kind: view.Text},
			{Name: "kind", Title: "Kind", Kind: view.State, Narrow: "kind"},
			{Name: "what", Title: "What", Kind: view.Text},
			{Name: "detail", Title: "Of, or for", Kind: view.Text},
			{Name: "used", Title: "Last used", Kind: view.Time},
			{Name: "stale", Title: "Stale", Kind: view.Text},
			{Name: "decision", Title: "Decision", Kind: view.State, Narrow: "decision"},
			{Name: "reviewer", Title: "By", Kind: view.Text, Less: true},
			{Name: "decided", Title: "Decided", Kind: view.Time, Less: true},
			{Name: "note", Title: "Note", Kind: view.Text, Less: true},
			{Name: "since", Title: "Since", Kind: view.Time, Less: true},
			{Name: "account", Title: "Account", Kind: view.ID, Link: "accounts", Less: true},
		},
		Rows: a.lineRows, Item: a.lineItem,
		Actions: []view.Action{
			{Name: "keep", Title: "Keep", On: view.OnRow, Permission: view.Admin, Ask: "May they keep this?", Fields: note, Do: a.decide(review.Keep)},
			{
				Name: "revoke", Title: "Revoke", On: view.OnRow, Permission: view.Admin, Danger: true, Fields: note, Do: a.decide(review.Revoke),
				Ask: "Revoke this at once? Whoever loses their only role is disabled.",
			},
			{Name: "undecide", Title: "Take the decision back", On: view.OnRow, Permission: view.Admin, Ask: "Leave this line undecided again?", Do: a.decide("")},
		},
	}
}

func (a *App) lineRows(ctx context.Context, q view.Query) (view.Page, error) {
	page := view.Page{Total: -1}
	of := q.Value("review")
	if of == "" {
		open, err := a.reviews.List(ctx, review.Open, 1)
		if err != nil {
			return page, reviewError(err)
		}
		if len(open) == 0 {
			page.Note = "No review is open."
			return page, nil
		}
		of = open[0].ID
	}
	r, err := a.reviews.Get(ctx, of)
	if err != nil {
		return page, reviewError(err)
	}
	page.Note = "Of the review “" + r.Title + "”."
	after, err := strconv.Atoi(cmp.Or(q.After, "0"))
	if err != nil || after < 0 {
		return page, fmt.Errorf("%w: after is what a page before said", view.ErrMalformed)
	}
	lines, err := a.reviews.Lines(ctx, review.Query{
		Review: of, Kind: q.Value("kind"), Decision: q.Value("decision"), Stale: q.Flag("stale"), Account: q.Value("account"), After: after, Limit: q.Limit + 1,
	})
	if err != nil {
		return page, reviewError(err)
	}
	if len(lines) > q.Limit {
		lines = lines[:q.Limit]
		page.Next = strconv.Itoa(lines[q.Limit-1].N)
	}
	ids := make([]string, 0, len(lines))
	for _, l := range lines {
		ids = append(ids, l.By)
	}
	names, err := a.reviews.Names(ctx, ids...)
	if err != nil {
		return page, err
	}
	for _, l := range lines {
		page.Rows = append(page.Rows, lineRow(l, r, names, q.Who))
	}
	return page, nil
}

func lineRow(l review.Line, r review.Review, names map[string]string, who view.Person) view.Row {
	row := view.Row{ID: lineID(l), Tone: lineTone(l), Actions: lineDeeds(l, r), Cells: []any{
		lineWho(l), l.Kind, l.What, l.Detail, cellTime(l.Used), l.Stale, cmp.Or(l.Decision, review.Undecided), personName(l.By, names), cellTime(l.Decided), l.Note, cellTime(l.Since), l.Account,
	}}
	if l.Account != "" && l.Account == who.ID {
		row.Actions = []string{}
	}
	return row
}

func lineID(l review.Line) string { return l.Review + "." + strconv.Itoa(l.N) }

// lineOf finds the line of an id.
func (a *App) lineOf(ctx context.Context, id string) (review.Review, review.Line, error) {
	of, number, _ := strings.Cut(id, ".")
	n, err := strconv.Atoi(number)
	if err != nil {
		return review.Review{}, review.Line{}, view.ErrNotFound
	}
	r, err := a.reviews.Get(ctx, of)
	if err != nil {
		return r, review.Line{}, reviewError(err)
	}
	l, err := a.reviews.Line(ctx, of, n)
	return r, l, reviewError(err)
}

func lineWho(l review.Line) string {
	switch {
	case l.Name != "":
		return l.Name
	case l.Account != "":
		return personName(l.Account, nil)
	case l.Subject == "*":
		return "whoever is signed in"
	}
	return l.Subject
}

func lineTone(l review.Line) view.Tone {
	switch {
	case l.Decision == review.Revoke:
		return view.Muted
	case l.Decision == review.Keep:
		return view.Good
	case l.Stale != "":
		return view.Warn
	}
	return view.Plain
}

func lineDeeds(l review.Line, r review.Review) []string {
	switch {
	case r.State != review.Open || l.Decision == review.Revoke:
		return []string{}
	case l.Decision == review.Keep:
		return []string{"undecide", "revoke"}
	}
	return []string{"keep", "revoke"}
}

func (a *App) lineItem(ctx context.Context, id string) (view.Item, error) {
	r, l, err := a.lineOf(ctx, id)
	if err != nil {
		return view.Item{}, err
	}
	names, err := a.reviews.Names(ctx, l.By)
	if err != nil {
		return view.Item{}, err
	}
	facts := []view.Fact{
		{Name: "Review", Value: r.Title, Kind: view.Text, Link: "reviews/" + r.ID},
		{Name: "Kind", Value: l.Kind, Kind: view.Text}, {Name: "What", Value: l.What, Kind: view.Text}, {Name: "Of, or for", Value: l.Detail, Kind: view.Text},
		{Name: "Since", Value: cellTime(l.Since), Kind: view.Time}, {Name: "Last used", Value: cellTime(l.Used), Kind: view.Time}, {Name: "Stale", Value: l.Stale, Kind: view.Text},
		{Name: "Decision", Value: cmp.Or(l.Decision, review.Undecided), Kind: view.State, Tone: lineTone(l)}, {Name: "By", Value: personName(l.By, names), Kind: view.Text},
		{Name: "Decided", Value: cellTime(l.Decided), Kind: view.Time}, {Name: "Revoked", Value: cellTime(l.Done), Kind: view.Time}, {Name: "Note", Value: l.Note, Kind: view.Text},
	}
	if l.Name != "" {
		facts = append(facts, view.Fact{Name: "Account", Value: l.Name, Kind: view.Text, Link: "accounts/" + l.Account})
	}
	return view.Item{
		Title: lineWho(l) + ": " + l.Kind + " " + l.What, State: cmp.Or(l.Decision, review.Undecided), Tone: lineTone(l), Version: strconv.FormatInt(l.Version, 10),
		Sections: []view.Section{{Title: "Line", Facts: facts}}, Actions: lineDeeds(l, r),
	}, nil
}

// decide is a reviewer's word on a line.
func (a *App) decide(decision string) func(context.Context, view.Order) (view.Done, error) {
	return func(ctx context.Context, o view.Order) (view.Done, error) {
		r, l, err := a.lineOf(ctx, o.ID)
		if err != nil {
			return view.Done{}, err
		}
		if err := a.reviews.Decide(ctx, by(o), review.Verdict{Review: r.ID, N: l.N, Version: versionOf(o), Decision: decision, Note: o.Values["note"]}); err != nil {
			return view.Done{}, reviewError(err)
		}
		done := view.Done{Message: lineWho(l) + ": " + cmp.Or(map[string]string{review.Keep: "kept", review.Revoke: "revoked"}[decision], "undecided again") + "."}
		if decision == review.Keep {
			done.Undo = &view.Undo{View: "review-lines", Action: "undecide", ID: o.ID}
		}
		return done, nil
	}
}
