package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/journal"
	"github.com/convosphere/gateway/modules/policy/decisionlog"
)

// decisionFields are the filters that are a condition on one field each.
var decisionFields = map[string]journal.Field{
	"permission": journal.Permission, "user": journal.User, "client": journal.Client, "route": journal.Route, "path": journal.Path, "reason": journal.Reason,
}

// decisionsView shows what the policy decided, and by which of its rules.
func (a *App) decisionsView() view.View {
	return view.View{
		Name: "decisions", Title: "Decisions", Group: view.Guard, Rank: 50, Newest: true,
		About: "What the policy decided about requests and messages; each can be explained by the rule, with its file and line.",
		Filters: []view.Filter{
			{Name: "since", Title: "Since", Kind: view.Time, Default: "-24h", Hint: "-1h, -7d or a time"},
			{Name: "until", Title: "Until", Kind: view.Time},
			{Name: "decision", Title: "Decision", Kind: view.Choice, Choices: []string{"allowed", "denied"}},
			{Name: "permission", Title: "Permission", Kind: view.Text, Hint: "room:read or room:*"},
			{Name: "user", Title: "Account", Kind: view.Text, Hint: "the id of an account"},
			{Name: "client", Title: "Client", Kind: view.Address},
			{Name: "route", Title: "Route", Kind: view.Text, Hint: "POST /api/*"},
			{Name: "path", Title: "Path", Kind: view.Text, Hint: "/api/*"},
			{Name: "reason", Title: "Reason", Kind: view.Text},
			{Name: "request", Title: "Request", Kind: view.Text, Hint: "the id of a request"},
		},
		Columns: []view.Column{
			{Name: "time", Title: "Time", Kind: view.Time},
			{Name: "decision", Title: "Decision", Kind: view.State, Narrow: "decision"},
			{Name: "permission", Title: "Permission", Kind: view.Code, Narrow: "permission"},
			{Name: "route", Title: "Route", Kind: view.Code, Narrow: "route"},
			{Name: "user", Title: "Account", Kind: view.ID, Narrow: "user"},
			{Name: "reason", Title: "Reason", Kind: view.Text},
			{Name: "rule", Title: "Rule", Kind: view.Code},
			{Name: "resource", Title: "About", Kind: view.Code, Less: true},
			{Name: "request", Title: "Request", Kind: view.ID, Narrow: "request", Less: true},
		},
		Rows: a.decisionRows, Item: a.decisionItem,
	}
}

func decisionFilter(since time.Time) journal.Filter {
	return journal.Filter{From: since, Conds: []journal.Cond{journal.Is(journal.Action, decisionlog.Action)}}
}

func (a *App) decisionRows(ctx context.Context, q view.Query) (view.Page, error) {
	j, err := a.events()
	if err != nil || j == nil {
		return view.Page{Note: noJournal}, err
	}
	ctx, cancel := context.WithTimeout(ctx, viewTime)
	defer cancel()
	f := decisionFilter(q.Time("since"))
	f.To, f.Request, f.Conds = q.Time("until"), q.Value("request"), append(f.Conds, conditions(q, decisionFields)...)
	if d := q.Value("decision"); d != "" {
		f.Conds = append(f.Conds, journal.Is(journal.Outcome, map[string]string{"allowed": "success", "denied": "failure"}[d]))
	}
	found, err := j.Find(ctx, f, q.After, q.Limit)
	if err != nil {
		return view.Page{}, eventsError(err)
	}
	p := view.Page{Next: found.Next, Total: -1}
	if a.Decisions != decisionlog.All {
		p.Note = "Not every decision is an event: `decisions " + a.Decisions + "` is configured."
	}
	for i := range found.Hits {
		h := &found.Hits[i]
		var d pastDecision
		if json.Unmarshal([]byte(h.Line), &d) != nil {
			continue // of a version to come
		}
		row := view.Row{ID: h.ID, Cells: []any{h.At, verdictWord(d.Allow), d.Permission, d.Route, d.Subject, d.Reason, d.Rule, d.Resource, d.Request}}
		if !d.Allow {
			row.Tone = view.Warn
		}
		p.Rows = append(p.Rows, row)
	}
	return p, nil
}

func (a *App) decisionItem(ctx context.Context, id string) (view.Item, error) {
	j, err := a.events()
	if err != nil {
		return view.Item{}, err
	}
	if j == nil {
		return view.Item{}, view.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, viewTime)
	defer cancel()
	h, ok, err := j.Event(ctx, id)
	if err != nil {
		return view.Item{}, eventsError(err)
	}
	var d pastDecision
	if !ok || json.Unmarshal([]byte(h.Line), &d) != nil || d.Action != decisionlog.Action {
		return view.Item{}, view.ErrNotFound
	}
	item := view.Item{Title: d.Permission + " " + verdictWord(d.Allow), State: verdictWord(d.Allow), Tone: view.Good}
	if !d.Allow {
		item.Tone = view.Warn
	}
	item.Sections = append(item.Sections, view.Section{Title: "What was decided", Facts: d.facts(&h)}, a.explainedSection(ctx, &d))
	return item, nil
}

func (p *pastDecision) facts(h *journal.Hit) []view.Fact {
	facts := []view.Fact{
		{Name: "Time", Value: h.At, Kind: view.Time}, {Name: "Decision", Value: verdictWord(p.Allow), Kind: view.State},
		{Name: "Reason", Value: p.Reason, Kind: view.Text}, {Name: "Rule", Value: p.Rule, Kind: view.Code}, {Name: "Revision of the policy", Value: p.Revision, Kind: view.ID},
		{Name: "Permission", Value: p.Permission, Kind: view.Code, Link: "decisions?permission=" + url.QueryEscape(p.Permission)},
		{Name: "Classification", Value: p.Classification, Kind: view.Text},
		{Name: "Request", Value: p.Request, Kind: view.ID, Link: "events?request=" + url.QueryEscape(p.Request)},
		{Name: "Route", Value: p.Route, Kind: view.Code}, {Name: "Path", Value: p.Method + " " + p.Path, Kind: view.Code},
		{Name: "About", Value: p.Resource, Kind: view.Code}, {Name: "In", Value: p.Parent, Kind: view.Code},
		{Name: "Client", Value: p.IP, Kind: view.Address, Link: "decisions?client=" + url.QueryEscape(p.IP)},
		{Name: "Event", Value: h.ID, Kind: view.ID, Link: "events/" + url.PathEscape(h.ID)},
	}
	if p.Subject != "" {
		facts = append(facts, view.Fact{Name: "Account", Value: p.Subject, Kind: view.ID, Link: "accounts/" + url.PathEscape(p.Subject)}, view.Fact{Name: "Roles", Value: p.Roles, Kind: view.Texts})
	}
	if p.BreakGlass {
		facts = append(facts, view.Fact{Name: "Emergency access", Value: true, Kind: view.Flag, Tone: view.Bad})
	}
	return facts
}

// explainedSection decides again, and says by which rules: from the input, where the event holds it, else from what it tells and what is granted now.
func (a *App) explainedSection(ctx context.Context, p *pastDecision) view.Section {
	s := view.Section{Title: "Explained, by the policy in force now"}
	list, err := a.explain(ctx, p.question(who{}))
	if err == nil && len(list) == 1 && list[0].Decision != nil && !list[0].Decision.Allow && p.Allow {
		// Who was let in had given a second factor, perhaps: the event does not tell.
		if again, err := a.explain(ctx, p.question(who{SecondFactor: true})); err == nil && len(again) == 1 && again[0].Decision != nil && again[0].Decision.Allow {
			list = again
		}
	}
	if err != nil {
		s.Text = "It can't be explained any more: " + err.Error()
		return s
	}
	for i := range list {
		list[i].Then = p.then(list[i].Digest)
	}
	var b bytes.Buffer
	_ = printExplained(&b, terminal.Style{}, list) // a buffer takes all
	s.Code = b.String()
	return s
}
