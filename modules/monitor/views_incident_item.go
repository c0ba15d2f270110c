package monitor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/modules/monitor/respond"
)

// incidentItem is all of one incident.
func (w *work) incidentItem(ctx context.Context, id string) (view.Item, error) {
	i, err := w.incidents.Show(ctx, id)
	if err != nil {
		return view.Item{}, w.failed(ctx, err)
	}
	responses, err := w.responses.List(ctx, respond.Query{Incident: id})
	if err != nil {
		return view.Item{}, err
	}
	called := w.names()
	item := view.Item{Title: i.Title, State: i.State, Tone: stateTone(i.State), Version: strconv.FormatInt(i.Version, 10), Actions: actionsOn(&i.Incident)}
	sections := [][]view.Section{
		{{Title: "What it is", Facts: incidentFacts(ctx, &i, called)}},
		w.checklistSections(ctx, &i, called),
		writtenSections(ctx, &i, called),
		{{Title: "Timeline", Timeline: moments(ctx, &i, responses, called)}},
		responseSections(responses),
		affectedSections(ctx, &i, called),
		evidenceSections(&i),
		ruleSections(&i),
		relatedSections(&i),
	}
	item.Sections = slices.Concat(sections...)
	return item, nil
}

func incidentFacts(ctx context.Context, i *incident.Whole, called *names) []view.Fact {
	facts := []view.Fact{
		{Name: "Level", Value: i.Level.String(), Kind: view.Level, Tone: levelTone(i.Level)},
		{Name: "State", Value: i.State, Kind: view.State, Tone: stateTone(i.State)},
		{Name: "Assignee", Value: called.of(ctx, i.Owner), Kind: view.Text},
		{Name: "Verdict", Value: verdicts[i.Verdict], Kind: view.Text},
		{Name: "Found by", Value: i.Source, Kind: view.Text},
		{Name: "Findings", Value: int64(i.Count), Kind: view.Number},
		{Name: "First event", Value: i.First, Kind: view.Time},
		{Name: "Last event", Value: i.Last, Kind: view.Time},
		{Name: "Time until it was seen", Value: max(0, i.Opened.Sub(i.First)), Kind: view.Duration},
	}
	for _, t := range i.Techniques {
		facts = append(facts, view.Fact{Name: "Technique (MITRE ATT&CK)", Value: t, Kind: view.Code, Link: view.Narrowed(incidentsName, "technique", t)})
	}
	for _, s := range []struct {
		name string
		at   time.Time
	}{{"triaged", i.Triaged}, {"contained", i.Contained}, {"remediated", i.Remediated}, {"closed", i.Closed}} {
		if !s.at.IsZero() {
			facts = append(facts, view.Fact{Name: "Time until it was " + s.name, Value: max(0, s.at.Sub(i.Opened)), Kind: view.Duration})
		}
	}
	if len(i.Tags) > 0 {
		facts = append(facts, view.Fact{Name: "Tags", Value: i.Tags, Kind: view.Texts})
	}
	if i.Closer != "" {
		facts = append(facts, view.Fact{Name: "Closed by", Value: called.of(ctx, i.Closer), Kind: view.Text})
	}
	if i.Merged != "" {
		facts = append(facts, view.Fact{Name: "Part of", Value: i.Merged, Kind: view.ID, Link: view.At(incidentsName, i.Merged)})
	}
	return append(facts, view.Fact{Name: "Id", Value: i.ID, Kind: view.ID})
}

// moments are the timeline.
func moments(ctx context.Context, i *incident.Whole, responses []respond.Response, called *names) (all []view.Moment) {
	for _, m := range i.Timeline(called.in(ctx), deeds(responses)...) {
		one := view.Moment{At: m.At, Title: m.Title, Text: m.Text, Who: m.Who}
		if m.Kind == "finding" {
			one.Tone = levelTone(m.Level)
		}
		if m.Event != "" {
			one.Link = view.At("events", m.Event)
		}
		all = append(all, one)
	}
	return all
}

// deeds are what was done about an incident, as part of its timeline.
func deeds(responses []respond.Response) (all []incident.Moment) {
	for _, r := range responses {
		who := r.By
		if who == respond.ByMonitor {
			who = ""
		}
		title := fmt.Sprintf("%s %s: %s", words(r.Action), r.Subject, r.State)
		if all = append(all, incident.Moment{At: r.Created, Kind: "response", Title: title, Text: r.Detail, Who: who}); !r.Closed.IsZero() {
			all = append(all, incident.Moment{At: r.Closed, Kind: "response", Title: fmt.Sprintf("%s %s ended: %s", words(r.Action), r.Subject, r.State)})
		}
	}
	return all
}

// words are those of an action or a kind.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// writtenSections are what people wrote.
func writtenSections(ctx context.Context, i *incident.Whole, called *names) (all []view.Section) {
	if len(i.Notes) > 0 {
		s := view.Section{Title: "Notes"}
		for _, n := range slices.Backward(i.Notes) {
			s.Timeline = append(s.Timeline, view.Moment{At: n.At, Title: called.of(ctx, n.Author), Text: n.Text})
		}
		all = append(all, s)
	}
	for _, t := range []struct{ title, text string }{{"Recovery", i.Recovery}, {"Lessons learned", i.Lessons}} {
		if t.text != "" {
			all = append(all, view.Section{Title: t.title, Text: t.text})
		}
	}
	return all
}

func responseSections(responses []respond.Response) []view.Section {
	if len(responses) == 0 {
		return nil
	}
	t := &view.Table{Columns: []view.Column{
		{Name: "action", Title: "What", Kind: view.Text}, {Name: "subject", Title: "To", Kind: view.Code}, {Name: "state", Title: "State", Kind: view.State},
		{Name: "at", Title: "When", Kind: view.Time}, {Name: "expires", Title: "Until", Kind: view.Time}, {Name: "id", Title: "Response", Kind: view.ID, Link: "responses"},
	}}
	for _, r := range responses {
		var until any
		if !r.Expires.IsZero() {
			until = r.Expires
		}
		t.Rows = append(t.Rows, view.Row{Cells: []any{words(r.Action), r.Subject.String(), r.State, r.Created, until, r.ID}})
	}
	return []view.Section{{Title: "Responses", Table: t}}
}

// titles are what people call kinds of what is affected.
var titles = map[string]string{
	finding.Client: "client", finding.User: "account", finding.Session: "session", finding.Device: "device", finding.Account: "user name that was tried (hashed)", finding.Node: "gateway",
}

func affectedSections(ctx context.Context, i *incident.Whole, called *names) []view.Section {
	all := i.Affected()
	if len(all) == 0 {
		return nil
	}
	t := &view.Table{Columns: []view.Column{
		{Name: "kind", Title: "What", Kind: view.Text}, {Name: "id", Title: "Which", Kind: view.Code}, {Name: "name", Title: "Name", Kind: view.Text},
		{Name: "events", Title: "Events", Kind: view.Number}, {Name: "others", Title: "Incidents about it", Kind: view.Code, Link: incidentsName, Narrow: "subject"},
	}}
	for _, a := range all {
		title, name, subject := titles[a.Kind], "", any(nil)
		if a.Kind == finding.User {
			if name = called.of(ctx, a.ID); name == a.ID {
				name = ""
			}
		}
		if title != "" {
			subject = finding.Subject{Kind: a.Kind, ID: a.ID}.String()
		} else {
			title = a.Kind
		}
		t.Rows = append(t.Rows, view.Row{Cells: []any{title, a.ID, name, int64(a.Events), subject}})
	}
	return []view.Section{{Title: "Who and what is affected", Table: t}}
}

// mostEvidenceShown is how many lines a page has; all are in the report.
const mostEvidenceShown = 50

func evidenceSections(i *incident.Whole) []view.Section {
	ids := &view.Table{Columns: []view.Column{
		{Name: "at", Title: "Last event", Kind: view.Time}, {Name: "finding", Title: "Finding", Kind: view.Text}, {Name: "level", Title: "Level", Kind: view.Level},
		{Name: "count", Title: "Events", Kind: view.Number}, {Name: "events", Title: "Events by their ids", Kind: view.Texts, Link: "events"},
	}}
	for _, f := range slices.Backward(i.Findings) {
		if len(ids.Rows) == mostEvidenceShown {
			break
		}
		ids.Rows = append(ids.Rows, view.Row{Tone: levelTone(f.Level), Cells: []any{f.Last, f.Title, f.Level.String(), int64(f.Count), f.Events}})
	}
	all := []view.Section{{Title: "Findings", Table: ids}}
	if len(i.Evidence) > 0 {
		var text strings.Builder
		for _, e := range i.Evidence[:min(len(i.Evidence), mostEvidenceShown)] {
			text.WriteString(e.Line + "\n")
		}
		all = append(all, view.Section{Title: fmt.Sprintf("Evidence: %d events as they were written", len(i.Evidence)), Code: text.String()})
	}
	return all
}

func ruleSections(i *incident.Whole) []view.Section {
	t := &view.Table{Columns: []view.Column{
		{Name: "title", Title: "Rule", Kind: view.Text}, {Name: "findings", Title: "Findings", Kind: view.Number}, {Name: "last", Title: "Last", Kind: view.Time},
		{Name: "verdict", Title: "Verdict", Kind: view.Text}, {Name: "rule", Title: "Id", Kind: view.ID, Link: incidentsName, Narrow: "rule"},
	}}
	for _, r := range i.Rules {
		verdict := verdicts[r.Verdict]
		if verdict == "" && i.Verdict != "" {
			verdict = verdicts[i.Verdict] + " (as the incident)"
		}
		t.Rows = append(t.Rows, view.Row{Cells: []any{r.Title, int64(r.Findings), r.Last, verdict, r.ID}})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []view.Section{{Title: "Rules that found it", Table: t}}
}

func relatedSections(i *incident.Whole) []view.Section {
	t := &view.Table{Columns: []view.Column{
		{Name: "title", Title: "Incident", Kind: view.Text}, {Name: "level", Title: "Level", Kind: view.Level}, {Name: "state", Title: "State", Kind: view.State},
		{Name: "opened", Title: "Opened", Kind: view.Time}, {Name: "id", Title: "Id", Kind: view.ID, Link: incidentsName},
	}}
	for _, r := range i.Related {
		t.Rows = append(t.Rows, view.Row{Tone: levelTone(r.Level), Cells: []any{r.Title, r.Level.String(), r.State, r.Opened, r.ID}})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return []view.Section{{Title: "Others about the same", Table: t}}
}
