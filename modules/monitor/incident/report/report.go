// Package report writes what became of an incident as one page of HTML that is fit for print: no script, nothing that is loaded.
package report

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/modules/monitor/incident/playbook"
)

// Report is what it is made of.
type Report struct {
	Incident  incident.Whole
	Deeds     []incident.Moment    // what was done about it, besides what the incident knows
	Playbooks []*playbook.Playbook // for it
	Name      func(ctx context.Context, id string) string
	Node      string // which gateway made it
	At        time.Time
}

//go:embed report.html
var page string

var pages = template.Must(template.New("report").Funcs(template.FuncMap{
	"stamp": stamp, "span": span, "step": func(p *playbook.Playbook, s playbook.Step) string { return p.ID + "/" + s.ID }, "level": func(l finding.Level) string { return l.String() },
	"title": title, "pretty": pretty, "join": strings.Join,
}).Parse(page))

// data is what the page shows.
type data struct {
	*Report
	Timeline []incident.Moment
	Affected []incident.Affected
	Names    map[string]string
	Ticked   map[string]incident.Step
	Times    []interval
	Summary  string
}

type interval struct {
	Name string
	Took time.Duration
}

// Write writes it.
func Write(ctx context.Context, w io.Writer, r Report) error {
	i := &r.Incident
	d := data{Report: &r, Affected: i.Affected(), Names: map[string]string{}, Ticked: map[string]incident.Step{}, Summary: summary(i)}
	name := func(id string) string {
		if id != "" && d.Names[id] == "" {
			d.Names[id] = r.Name(ctx, id)
		}
		return d.Names[id]
	}
	d.Timeline = i.Timeline(name, r.Deeds...)
	name(i.Owner)
	name(i.Closer)
	for _, n := range i.Notes {
		name(n.Author)
	}
	for _, s := range i.Steps {
		name(s.Who)
		d.Ticked[s.Playbook+"/"+s.Step] = s
	}
	for _, a := range d.Affected {
		if a.Kind == finding.User {
			name(a.ID)
		}
	}
	for _, t := range []struct {
		name     string
		from, to time.Time
	}{
		{"From the first event until it was seen", i.First, i.Opened}, {"From then until somebody had triaged it", i.Opened, i.Triaged}, {"From then until it was contained", i.Opened, i.Contained},
		{"From then until it was remediated", i.Opened, i.Remediated}, {"From then until it was closed", i.Opened, i.Closed},
	} {
		if !t.to.IsZero() {
			d.Times = append(d.Times, interval{t.name, max(0, t.to.Sub(t.from))})
		}
	}
	if err := pages.Execute(w, d); err != nil {
		return fmt.Errorf("writing the report of an incident: %w", err)
	}
	return nil
}

// summary is the incident in a few sentences.
func summary(i *incident.Whole) string {
	var b strings.Builder
	by := "Detection rules"
	if i.Source == incident.Report {
		by = "A report by a person"
	}
	fmt.Fprintf(&b, "%s opened this incident %s after its first event. ", by, span(max(0, i.Opened.Sub(i.First))))
	fmt.Fprintf(&b, "It is made of %d findings between %s and %s, the worst of level %s. ", i.Count, stamp(i.First), stamp(i.Last), i.Level)
	switch {
	case i.State == incident.Closed:
		fmt.Fprintf(&b, "It was closed %s after it was opened", span(max(0, i.Closed.Sub(i.Opened))))
	default:
		fmt.Fprintf(&b, "It is %s, not closed", i.State)
	}
	switch i.Verdict {
	case incident.True:
		b.WriteString("; it was what it looked like.")
	case incident.False:
		b.WriteString("; it was a false alarm.")
	default:
		b.WriteString("; nobody has said whether it was what it looked like.")
	}
	return b.String()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2 January 2006, 15:04:05 UTC")
}

// span is a time for people: its two largest parts.
func span(d time.Duration) string {
	if d < time.Second {
		return "less than a second"
	}
	var parts []string
	for _, u := range []struct {
		name string
		is   time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		n := d / u.is
		if d -= n * u.is; n == 0 || len(parts) == 2 {
			continue
		}
		if parts = append(parts, fmt.Sprintf("%d %s", n, u.name)); n > 1 {
			parts[len(parts)-1] += "s"
		}
	}
	return strings.Join(parts, " ")
}

func title(kind string) string {
	if t, ok := map[string]string{finding.User: "account", finding.Account: "user name that was tried (hashed)", finding.Node: "gateway"}[kind]; ok {
		return t
	}
	return kind
}

// pretty is an event with a field on each line, in their order.
func pretty(line string) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(line), &fields) != nil {
		return line
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%s = %s\n", name, fields[name])
	}
	return b.String()
}
