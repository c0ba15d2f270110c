package monitor

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

// overviewView shows what goes on, in figures and pictures.
func (a *App) overviewView() view.View {
	return view.View{
		Name: "overview", Title: "Overview", Group: view.Watch, Rank: 10,
		About: "What this node answered and refused, who signed in, and what stands out.",
		Filters: []view.Filter{
			{Name: "since", Title: "Since", Kind: view.Time, Default: "-24h", Hint: "-1h, -7d or a time"},
			{Name: "until", Title: "Until", Kind: view.Time, Hint: "a time; empty is now"},
		},
		Panels: a.overviewPanels,
	}
}

// period is a time with that before it, for comparison.
type period struct{ from, to time.Time }

func periodOf(q view.Query) (period, error) {
	p := period{q.Time("since"), q.Time("until")}
	if p.to.IsZero() {
		p.to = q.Now()
	}
	if p.from.IsZero() {
		p.from = p.to.Add(-24 * time.Hour)
	}
	if !p.from.Before(p.to) {
		return p, fmt.Errorf("%w: since is before until", view.ErrMalformed)
	}
	return p, nil
}

func (p period) before() period { return period{p.from.Add(-p.to.Sub(p.from)), p.from} }

func (p period) with(conds ...journal.Cond) journal.Filter {
	return journal.Filter{From: p.from, To: p.to, Conds: conds}
}

// link is a place in the events of that time.
func (p period) link(filters ...string) string {
	q := url.Values{"since": {p.from.UTC().Format(time.RFC3339Nano)}, "until": {p.to.UTC().Format(time.RFC3339Nano)}}
	for i := 0; i+1 < len(filters); i += 2 {
		q.Set(filters[i], filters[i+1])
	}
	return "events?" + q.Encode()
}

var steps = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour,
}

// step is how far apart the points of a chart are: so that there are about a hundred.
func (p period) step() time.Duration {
	for _, s := range steps {
		if p.to.Sub(p.from) <= 120*s {
			return s
		}
	}
	return p.to.Sub(p.from) / 100
}

// onSteps is the period from a whole step on, so that charts stand still while time goes on.
func (p period) onSteps() period { return period{p.from.Truncate(p.step()), p.to} }

func (a *App) overviewPanels(ctx context.Context, q view.Query) ([]view.Panel, error) {
	p, err := periodOf(q)
	if err != nil {
		return nil, err
	}
	var all []view.Panel
	for _, part := range []func(context.Context, period) ([]view.Panel, error){a.requestPanels, a.loginPanels, a.topPanels, a.findingPanels} {
		some, err := part(ctx, p)
		if err != nil {
			return nil, asked(err)
		}
		all = append(all, some...)
	}
	// Figures stand above pictures.
	tiles, rest := make([]view.Panel, 0, len(all)), make([]view.Panel, 0, len(all))
	for _, one := range all {
		if one.Tile != nil {
			tiles = append(tiles, one)
		} else {
			rest = append(rest, one)
		}
	}
	return append(tiles, rest...), nil
}

// counts are how many events have each value of a field.
func (a *App) counts(ctx context.Context, f journal.Filter, by journal.Field) (map[string]int, error) {
	top, err := a.journal.Top(ctx, f, by, 100)
	n := map[string]int{}
	for _, v := range top.Values {
		n[v.Name] = v.Count
	}
	return n, err
}

func (a *App) requestPanels(ctx context.Context, p period) ([]view.Panel, error) {
	now, err := a.counts(ctx, p.with(), journal.Verdict)
	if err != nil {
		return nil, err
	}
	was, err := a.counts(ctx, p.before().with(), journal.Verdict)
	if err != nil {
		return nil, err
	}
	sum := func(n map[string]int) int { return n[journal.Allowed] + n[journal.Refused] + n[journal.Failed] }
	total, before := sum(now), sum(was)
	verdicts, err := a.chart(ctx, p, journal.Verdict, nil, []named{{journal.Allowed, "Allowed", view.Good}, {journal.Refused, "Refused", view.Bad}, {journal.Failed, "Failed", view.Warn}})
	if err != nil {
		return nil, err
	}
	parts, err := a.chart(ctx, p, journal.Part, []journal.Cond{journal.Is(journal.Verdict, journal.Refused)}, nil)
	if err != nil {
		return nil, err
	}
	return []view.Panel{
		{Name: "requests", Title: "Requests", Tile: &view.Tile{Value: int64(total), Was: int64(before), Kind: view.Number, Note: "requests and sockets", Link: p.link("category", "web")}},
		{Name: "refused", Title: "Refused", Tile: &view.Tile{
			Value: share(now[journal.Refused], total), Was: share(was[journal.Refused], before), Kind: view.Percent, Note: fmt.Sprintf("%d of %d requests", now[journal.Refused], total),
			Link: p.link("verdict", journal.Refused),
		}},
		{Name: "failed", Title: "Failed", Tile: &view.Tile{
			Value: share(now[journal.Failed], total), Was: share(was[journal.Failed], before), Kind: view.Percent, Note: fmt.Sprintf("%d answered with an error behind the gateway", now[journal.Failed]),
			Link: p.link("verdict", journal.Failed),
		}},
		{Name: "verdicts", Title: "Requests over time", About: "Refused is by the gateway; failed are errors of what stands behind it.", Chart: verdicts, Wide: true},
		{Name: "parts", Title: "Refused requests, by the part that refused", Chart: parts},
	}, nil
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// named is a value of a chart with the name that people see.
type named struct {
	value, name string
	tone        view.Tone
}

func (a *App) chart(ctx context.Context, p period, by journal.Field, conds []journal.Cond, names []named) (*view.Chart, error) {
	p = p.onSteps()
	var values []string
	for _, n := range names {
		values = append(values, n.value)
	}
	s, err := a.journal.Series(ctx, p.with(conds...), by, p.step(), values...)
	if err != nil {
		return nil, err
	}
	c := &view.Chart{Times: s.Times(), Kind: view.Number, Stack: true}
	for i, value := range s.Names {
		if value == "" { // events that are about something else, or the rest
			if len(names) > 0 {
				continue
			}
			value = "others"
		}
		one := view.Series{Name: value}
		if i < len(names) {
			one.Name, one.Tone = names[i].name, names[i].tone
		}
		for _, n := range s.Counts[i] {
			one.Values = append(one.Values, float64(n))
		}
		c.Series = append(c.Series, one)
	}
	return c, nil
}

func (a *App) loginPanels(ctx context.Context, p period) ([]view.Panel, error) {
	login := journal.Is(journal.Action, "login")
	now, err := a.counts(ctx, p.with(login), journal.Outcome)
	if err != nil {
		return nil, err
	}
	was, err := a.counts(ctx, p.before().with(login), journal.Outcome)
	if err != nil {
		return nil, err
	}
	chart, err := a.chart(ctx, p, journal.Outcome, []journal.Cond{login}, []named{{"success", "Signed in", view.Good}, {"failure", "Failed", view.Warn}})
	if err != nil {
		return nil, err
	}
	return []view.Panel{
		{Name: "logins", Title: "Logins", Tile: &view.Tile{Value: int64(now["success"]), Was: int64(was["success"]), Kind: view.Number, Link: p.link("action", "login", "outcome", "success")}},
		{Name: "logins-failed", Title: "Failed logins", Tile: &view.Tile{Value: int64(now["failure"]), Was: int64(was["failure"]), Kind: view.Number, Link: p.link("action", "login", "outcome", "failure")}},
		{Name: "logins-chart", Title: "Logins over time", Chart: chart},
	}, nil
}

const mostBars = 8

func (a *App) topPanels(ctx context.Context, p period) ([]view.Panel, error) {
	refused := journal.Is(journal.Verdict, journal.Refused)
	var all []view.Panel
	for _, t := range []struct {
		name, title, filter string
		by                  journal.Field
		conds               []journal.Cond
	}{
		{"clients", "Clients with most requests", "client", journal.Client, []journal.Cond{journal.Is(journal.Category, "web")}},
		{"clients-refused", "Clients that were refused most", "client", journal.Client, []journal.Cond{refused}},
		{"rules", "Rules that matched most", "rule", journal.Rule, nil},
		{"countries", "Countries with most requests", "country", journal.Country, []journal.Cond{journal.Is(journal.Category, "web")}},
		{"routes", "Routes that were refused most", "route", journal.Route, []journal.Cond{refused}},
	} {
		top, err := a.journal.Top(ctx, p.with(t.conds...), t.by, mostBars)
		if err != nil {
			return nil, err
		}
		bars := &view.Bars{Kind: view.Number}
		for _, v := range top.Values {
			filters := []string{t.filter, v.Name}
			for _, c := range t.conds {
				filters = append(filters, c.Field.String(), c.Value)
			}
			bars.Items = append(bars.Items, view.Bar{Name: v.Name, Value: float64(v.Count), Link: p.link(filters...)})
		}
		all = append(all, view.Panel{Name: t.name, Title: t.title, Bars: bars})
	}
	return all, nil
}

func (a *App) findingPanels(ctx context.Context, p period) ([]view.Panel, error) {
	finding := journal.Is(journal.Action, "finding")
	n, _, err := a.journal.Count(ctx, p.with(finding))
	if err != nil {
		return nil, err
	}
	before, _, err := a.journal.Count(ctx, p.before().with(finding))
	if err != nil {
		return nil, err
	}
	all := []view.Panel{{Name: "findings", Title: "Findings", Tile: &view.Tile{
		Value: int64(n), Was: int64(before), Kind: view.Number, Note: "what detection saw in events", Link: p.link("action", "finding"),
	}}}
	if a.work != nil && a.work.incidents != nil {
		counts, err := a.work.incidents.Counts(ctx)
		if err != nil {
			return nil, fmt.Errorf("counting incidents: %w", err)
		}
		open, tone := 0, view.Good
		for _, c := range counts {
			open += c
		}
		if open > 0 {
			tone = view.Warn
		}
		all = append(all, view.Panel{Name: "incidents", Title: "Open incidents", Tile: &view.Tile{Value: int64(open), Kind: view.Number, Tone: tone, Link: "incidents"}})
	}
	last, err := a.journal.Find(ctx, p.with(finding, journal.Is(journal.Level, "medium")), "", 10)
	if err != nil {
		return nil, err
	}
	t := &view.Table{Columns: nearColumns}
	for i := range last.Hits {
		row := last.Hits[i].Row()
		row.Cells = append(row.Cells[:5:5], orNil(last.Hits[i].ID))
		t.Rows = append(t.Rows, row)
	}
	return append(all, view.Panel{Name: "last-findings", Title: "Last findings of level medium and above", Table: t, Wide: true}), nil
}
