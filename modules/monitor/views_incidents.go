package monitor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
)

const incidentsName = "incidents"

// levelWords are the levels, the worst last.
var levelWords = []string{"informational", "low", "medium", "high", "critical"}

// verdicts are what people call them.
var verdicts = map[string]string{incident.True: "true positive", incident.False: "false positive"}

const undecided = "undecided"

// incidentsView shows incidents, and how they are worked on.
func (w *work) incidentsView() view.View {
	return view.View{
		Name: incidentsName, Title: "Incidents", Group: view.Respond, Rank: 10,
		About: "What was found in events, as matters to work on: each is opened by a rule or by a report, and closed by a person.",
		Filters: []view.Filter{
			{Name: "state", Title: "State", Kind: view.Choice, Choices: append([]string{incident.Active}, incident.States()...), Hint: "active: all that are not closed"},
			{Name: "level", Title: "Level, at least", Kind: view.Choice, Choices: levelWords},
			{Name: "assignee", Title: "Assignee", Kind: view.Text, Hint: "a user name; me; nobody"},
			{Name: "technique", Title: "Technique", Kind: view.Text, Hint: "T1110"},
			{Name: "subject", Title: "About", Kind: view.Text, Hint: "client:192.0.2.7, user:ID"},
			{Name: "verdict", Title: "Verdict", Kind: view.Choice, Choices: []string{verdicts[incident.True], verdicts[incident.False], undecided}},
			{Name: "source", Title: "Found by", Kind: view.Choice, Choices: []string{incident.Detection, incident.Report}},
			{Name: "tag", Title: "Tag", Kind: view.Text},
			{Name: "rule", Title: "Rule", Kind: view.Text, Hint: "its id"},
			{Name: "text", Title: "Text", Kind: view.Text, Hint: "of the title or a note"},
			{Name: "since", Title: "Opened since", Kind: view.Time, Hint: "-7d"},
			{Name: "until", Title: "Opened before", Kind: view.Time},
		},
		Columns: []view.Column{
			{Name: "title", Title: "Incident", Kind: view.Text},
			{Name: "level", Title: "Level", Kind: view.Level, Sort: true},
			{Name: "state", Title: "State", Kind: view.State, Narrow: "state"},
			{Name: "assignee", Title: "Assignee", Kind: view.Text, Narrow: "assignee"},
			{Name: "about", Title: "About", Kind: view.Texts, Narrow: "subject"},
			{Name: "techniques", Title: "Technique", Kind: view.Texts, Less: true, Narrow: "technique"},
			{Name: "findings", Title: "Findings", Kind: view.Number, Less: true, Sort: true},
			{Name: "opened", Title: "Opened", Kind: view.Time, Sort: true},
			{Name: "last", Title: "Last event", Kind: view.Time, Less: true, Sort: true},
			{Name: "verdict", Title: "Verdict", Kind: view.Text, Less: true},
			{Name: "id", Title: "Id", Kind: view.ID, Less: true},
		},
		Newest: true,
		Panels: w.incidentPanels, Rows: w.incidentRows, Item: w.incidentItem, Actions: w.incidentActions(), Documents: w.incidentDocuments(),
	}
}

// asked makes an incident's query of a view's.
func (w *work) asked(ctx context.Context, q view.Query) (incident.Query, error) {
	out := incident.Query{
		State: q.Value("state"), Tag: q.Value("tag"), Rule: q.Value("rule"), Text: q.Value("text"), Source: q.Value("source"),
		Since: q.Time("since"), Until: q.Time("until"), Limit: q.Limit, After: q.After, Sort: q.Sort, Asc: q.Sort != "" && !q.Desc,
	}
	out.Level, _ = finding.ParseLevel(q.Value("level")) // checked by Ask
	switch q.Value("verdict") {
	case verdicts[incident.True]:
		out.Verdict = incident.True
	case verdicts[incident.False]:
		out.Verdict = incident.False
	case undecided:
		out.Verdict = "-"
	}
	if text := q.Value("technique"); text != "" {
		var ok bool
		if out.Technique, ok = incident.ParseTechnique(text); !ok {
			return out, fmt.Errorf("%w: a technique is written as T1110 or T1110.003", view.ErrMalformed)
		}
	}
	if text := q.Value("subject"); text != "" {
		s, err := finding.ParseSubject(text)
		if err != nil {
			return out, fmt.Errorf("%w: %w", view.ErrMalformed, err)
		}
		out.Subject = s
	}
	switch who := q.Value("assignee"); who {
	case "":
	case "nobody":
		out.Owner = "-"
	case "me":
		out.Owner = q.Who.ID
	default:
		id, err := w.who(ctx, who)
		if err != nil {
			return out, w.failed(ctx, err)
		}
		out.Owner = id
	}
	return out, nil
}

func (w *work) incidentRows(ctx context.Context, q view.Query) (view.Page, error) {
	asked, err := w.asked(ctx, q)
	if err != nil {
		return view.Page{}, err
	}
	all, err := w.incidents.List(ctx, asked)
	if err != nil {
		return view.Page{}, w.failed(ctx, err)
	}
	page := view.Page{}
	if page.Total, err = w.incidents.Count(ctx, asked); err != nil {
		return page, err
	}
	called := w.names()
	for _, i := range all {
		row := view.Row{ID: i.ID, Tone: levelTone(i.Level), Actions: []string{}, Cells: []any{
			i.Title, i.Level.String(), i.State, called.of(ctx, i.Owner), subjectTexts(i.Subjects, 3), i.Techniques, int64(i.Count), i.Opened, i.Last, verdicts[i.Verdict], i.ID,
		}}
		if i.State == incident.Closed {
			row.Tone = view.Muted
		}
		if i.Owner == "" && i.State != incident.Closed {
			row.Actions = []string{"take"}
		}
		page.Rows = append(page.Rows, row)
	}
	if len(all) == q.Limit {
		page.Next = all[len(all)-1].ID
	}
	return page, nil
}

// incidentPanels are how much work waits.
func (w *work) incidentPanels(ctx context.Context, _ view.Query) ([]view.Panel, error) {
	var all []view.Panel
	for _, t := range []struct {
		title, link string
		q           incident.Query
		tone        view.Tone
	}{
		{"Nobody has looked at", "incidents?state=open", incident.Query{State: incident.Open}, view.Warn},
		{"High and critical, not closed", "incidents?state=active&level=high", incident.Query{State: incident.Active, Level: finding.High}, view.Bad},
		{"Nobody works on", "incidents?state=active&assignee=nobody", incident.Query{State: incident.Active, Owner: "-"}, view.Warn},
		{"Not closed", "incidents?state=active", incident.Query{State: incident.Active}, view.Plain},
	} {
		n, err := w.incidents.Count(ctx, t.q)
		if err != nil {
			return nil, err
		}
		tile := &view.Tile{Value: int64(n), Kind: view.Number, Tone: t.tone, Link: t.link}
		if n == 0 {
			tile.Tone = view.Good
		}
		all = append(all, view.Panel{Name: "tile-" + strconv.Itoa(len(all)), Title: t.title, Tile: tile})
	}
	return all, nil
}

func subjectTexts(all []finding.Subject, most int) (out []string) {
	for _, s := range all[:min(len(all), most)] {
		out = append(out, s.String())
	}
	return out
}

func levelTone(l finding.Level) view.Tone {
	switch {
	case l >= finding.High:
		return view.Bad
	case l == finding.Medium:
		return view.Warn
	}
	return view.Plain
}

func stateTone(state string) view.Tone {
	switch state {
	case incident.Open:
		return view.Bad
	case incident.Closed:
		return view.Muted
	case incident.Remediated:
		return view.Good
	}
	return view.Warn
}

// failed says what an engine's error is to who looks or acts.
func (w *work) failed(ctx context.Context, err error) error {
	var conflict *incident.Conflict
	switch {
	case err == nil:
		return nil
	case errors.As(err, &conflict):
		c, called := new(view.Conflict), w.names()
		for _, e := range conflict.Since {
			c.Since = append(c.Since, view.Moment{At: e.At, Title: e.Words(called.in(ctx)), Who: called.of(ctx, e.Who)})
		}
		return c
	case errors.Is(err, incident.ErrNotFound):
		return view.ErrNotFound
	case errors.Is(err, incident.ErrMalformed):
		return fmt.Errorf("%w: %s", view.ErrMalformed, tail(err, incident.ErrMalformed))
	case errors.Is(err, incident.ErrState), errors.Is(err, incident.ErrFull):
		return fmt.Errorf("%w: %s", view.ErrRefused, tail(err, incident.ErrState, incident.ErrFull))
	}
	return err
}

// tail is what an error says from one of those on, without what was being done.
func tail(err error, of ...error) string {
	text := err.Error()
	at := slices.IndexFunc(of, func(e error) bool { return errors.Is(err, e) })
	if n := strings.Index(text, of[max(at, 0)].Error()); n >= 0 {
		text = text[n:]
	}
	return text
}
