package monitor

import (
	"context"
	"math"
	"time"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/figure"
)

// figurePanels are the figures that matter, and how they went.
func (a *App) figurePanels(ctx context.Context, q view.Query) ([]view.Panel, error) {
	p, err := a.report(ctx, q.Time("from"), q.Time("to"))
	if err != nil {
		return nil, figureError(err)
	}
	panels := figureTiles(p)
	grid := p.Now.Grid()
	panels = append(panels,
		view.Panel{Name: "requests", Title: "Requests", About: "By what became of them.", Wide: true, Chart: stack(grid, []line{
			{"Answered", figure.Passed, view.Good}, {"Asked for something first", figure.Asked, view.Plain}, {"Refused", figure.Refused, view.Warn},
			{"Failed by the application", figure.Backend, view.Muted}, {"Failed by the gateway", figure.Failed, view.Bad},
		})},
		view.Panel{Name: "refusals", Title: "Refused requests", About: "By the part that refused them.", Chart: stack(grid, refusals(p.Now))},
		view.Panel{Name: "logins", Title: "Sign-ins", Chart: lines(grid, []line{{"Succeeded", figure.Logins, view.Good}, {"Failed or refused", figure.NoLogin, view.Bad}})},
		view.Panel{Name: "findings", Title: "Findings", About: "What rules and anomaly detection saw, by level.", Chart: stack(grid, []line{
			{"Critical", figure.Finding + "critical", view.Bad}, {"High", figure.Finding + "high", view.Bad}, {"Medium", figure.Finding + "medium", view.Warn},
			{"Low", figure.Finding + "low", view.Plain}, {"Informational", figure.Finding + "informational", view.Muted},
		})},
		costChart(grid, p.Now), costTable(p.Now), routeTable(p.Now), reportTable(),
	)
	return panels, nil
}

// line is one series of a chart.
type line struct {
	title, name string
	tone        view.Tone
}

func refusals(r *figure.Report) (all []line) {
	for _, part := range r.Traffic.RefusedBy.Largest() {
		all = append(all, line{figure.PartTitle(part), figure.By + part, view.Plain})
	}
	return all
}

func lines(g figure.Grid, of []line) *view.Chart {
	c := &view.Chart{Times: g.Times, Kind: view.Number}
	for _, l := range of {
		c.Series = append(c.Series, view.Series{Name: l.title, Values: g.Of(l.name), Tone: l.tone})
	}
	return c
}

// stack leaves out what there was none of.
func stack(g figure.Grid, of []line) *view.Chart {
	some := []line{}
	for _, l := range of {
		for _, v := range g.Of(l.name) {
			if v > 0 {
				some = append(some, l)
				break
			}
		}
	}
	if len(some) == 0 && len(of) > 0 {
		some = of[:1]
	}
	c := lines(g, some)
	c.Stack = true
	return c
}

// costChart is the mean over time, in seconds.
func costChart(g figure.Grid, r *figure.Report) view.Panel {
	c := &view.Chart{Times: g.Times, Kind: view.Duration}
	mean := func(title, part string) {
		ns, n := g.Of(figure.Cost+part+".ns"), g.Of(figure.Cost+part+".n")
		values := make([]float64, len(n))
		for i := range n {
			values[i] = math.NaN()
			if n[i] > 0 {
				values[i] = ns[i] / n[i] / 1e9
			}
		}
		c.Series = append(c.Series, view.Series{Name: title, Values: values})
	}
	mean("All together", figure.OfAll)
	for _, p := range r.Prices {
		if !own(p.Part) {
			mean(figure.PartTitle(p.Part), p.Part)
		}
	}
	return view.Panel{Name: "cost", Title: "Cost of security per request", About: "The mean of what each part itself adds to a request; of every eighth request.", Wide: true, Chart: c}
}

// own tells whether a part answers itself, and so is no step on the way of others' requests.
func own(part string) bool { return part == cost.Portal.String() || part == cost.Console.String() }

func costTable(r *figure.Report) view.Panel {
	t := &view.Table{Columns: []view.Column{
		{Name: "part", Title: "Part", Kind: view.Text}, {Name: "timed", Title: "Requests timed", Kind: view.Number, Less: true}, {Name: "mean", Title: "Mean", Kind: view.Duration},
		{Name: "p50", Title: "Half, at most", Kind: view.Duration, Less: true}, {Name: "p95", Title: "95%, at most", Kind: view.Duration}, {Name: "p99", Title: "99%, at most", Kind: view.Duration, Less: true},
	}}
	for _, p := range append([]figure.Price{r.Price}, r.Prices...) {
		title := figure.PartTitle(p.Part)
		if own(p.Part) {
			title += " (not in the sum: it answers itself)"
		}
		if p.Known() {
			t.Rows = append(t.Rows, view.Row{Cells: []any{title, p.N, p.Mean, p.P50, p.P95, p.P99}})
		}
	}
	return view.Panel{Name: "cost-table", Title: "Cost by part", About: "Bounds are exact to a factor of two.", Wide: true, Table: t}
}

// mostRoutes are the routes that a page has.
const mostRoutes = 50

func routeTable(r *figure.Report) view.Panel {
	t := &view.Table{Columns: []view.Column{
		{Name: "route", Title: "Route", Kind: view.Code}, {Name: "requests", Title: "Requests", Kind: view.Number}, {Name: "state", Title: "Policy", Kind: view.State},
	}}
	for _, one := range r.Covered.Routes[:min(len(r.Covered.Routes), mostRoutes)] {
		state, tone := "named", view.Good
		switch {
		case one.Own:
			state, tone = "the gateway's own", view.Plain
		case r.Covered.Known && !one.Configured:
			state, tone = "not any more", view.Warn
		case one.Requests == 0:
			state, tone = "never asked for", view.Muted
		}
		t.Rows = append(t.Rows, view.Row{Cells: []any{one.Route, one.Requests, state}, Tone: tone})
	}
	return view.Panel{Name: "routes", Title: "Policy coverage by route", About: "Routes that the configuration names, and how often they were asked for, by whole days.", Wide: true, Table: t}
}

// reportTable leads to reports.
func reportTable() view.Panel {
	t := &view.Table{Columns: []view.Column{{Name: "report", Title: "Report", Kind: view.ID, Link: "figures"}, {Name: "of", Title: "Of", Kind: view.Text}}}
	for _, one := range figureItems {
		t.Rows = append(t.Rows, view.Row{ID: one.id, Cells: []any{one.id, one.title}})
	}
	return view.Panel{Name: "reports", Title: "Reports for print", Table: t}
}

// enough is of how many a share says so much that it may be called good or bad.
const enough = 20

// figureTiles are the figures of the time, each beside that of the time before.
func figureTiles(p figure.Pair) []view.Panel {
	now, before := p.Now, p.Then
	tile := func(name, title, about string, t view.Tile) view.Panel {
		return view.Panel{Name: name, Title: title, About: about, Tile: &t}
	}
	share := func(s, was figure.Share, good func(float64) view.Tone, note string) view.Tile {
		t := view.Tile{Kind: view.Percent, Note: note}
		if was.Known() {
			t.Was = was.Value()
		}
		if !s.Known() {
			t.Value, t.Kind, t.Tone, t.Was = "not known", view.Text, view.Muted, nil
			return t
		}
		t.Value = s.Value()
		if s.Of >= enough {
			t.Tone = good(s.Value())
		}
		return t
	}
	plain := func(float64) view.Tone { return view.Plain }
	requests := view.Tile{Value: now.Traffic.Requests, Kind: view.Number}
	if before.Any() {
		requests.Was = before.Traffic.Requests
	}
	return []view.Panel{
		tile("requests-tile", "Requests", "", requests),
		tile("refused-tile", "Refused", "By the gateway.", share(figure.Share{N: now.Traffic.Refused, Of: now.Traffic.Requests}, figure.Share{N: before.Traffic.Refused, Of: before.Traffic.Requests}, plain, figure.Number(now.Traffic.Refused)+" requests")),
		tile("availability", "Availability", "Requests that the gateway did not fail.", share(now.Traffic.Availability, before.Traffic.Availability, atLeast(.999, .99), figure.Number(now.Traffic.Failed)+" failed")),
		tile("uptime", "Time up", "At least one node was up.", share(now.Traffic.Uptime, before.Traffic.Uptime, atLeast(.999, .99), "")),
		tile("detection", "Detection rate", "Attacks that a machine found within an hour, of those that anybody noticed.", share(now.Work.Detection, before.Work.Detection, atLeast(.9, .7), sure(now.Work.Detection))),
		tile("false", "False alarms", "Of what machines found and people judged.", share(now.Work.FalseShare, before.Work.FalseShare, atMost(.1, .3), sure(now.Work.FalseShare))),
		tile("detect", "Time to detect", "The median, from the first event on.", timeTile(now.Work.Detect, before.Work.Detect)),
		tile("respond", "Time to respond", "The median, from detection until the first response.", timeTile(now.Work.Respond, before.Work.Respond)),
		tile("cost-tile", "Cost per request", "What security adds to a request, the mean.", priceTile(now.Price, before.Price)),
		tile("coverage", "Policy coverage", "Requests for a path that a route names.", share(now.Covered.Requests, before.Covered.Requests, plain, "")),
	}
}

func sure(s figure.Share) string {
	low, high := s.Bounds()
	if !s.Known() {
		return "nothing was judged"
	}
	return figure.Number(s.N) + " of " + figure.Number(s.Of) + "; 95% sure: " + figure.PercentText(low) + " to " + figure.PercentText(high)
}

func atLeast(good, warn float64) func(float64) view.Tone {
	return func(v float64) view.Tone {
		switch {
		case v >= good:
			return view.Good
		case v >= warn:
			return view.Warn
		}
		return view.Bad
	}
}

func atMost(good, warn float64) func(float64) view.Tone {
	at := atLeast(-good, -warn)
	return func(v float64) view.Tone { return at(-v) }
}

func timeTile(now, before figure.Times) view.Tile {
	t := view.Tile{Value: now.Median.Round(time.Second), Kind: view.Duration, Note: "of " + figure.Number(int64(now.N))}
	if before.N > 0 {
		t.Was = before.Median.Round(time.Second)
	}
	if now.Open > 0 {
		t.Note += ", and " + figure.Number(int64(now.Open)) + " not ended"
	}
	if now.N == 0 {
		t.Value, t.Kind, t.Tone, t.Was = "not known", view.Text, view.Muted, nil
	}
	return t
}

func priceTile(now, before figure.Price) view.Tile {
	t := view.Tile{Value: now.Mean, Kind: view.Duration, Note: "half: at most " + now.P50.String() + "; 95%: at most " + now.P95.String()}
	if before.Known() {
		t.Was = before.Mean
	}
	if !now.Known() {
		t = view.Tile{Value: "not known", Kind: view.Text, Tone: view.Muted, Note: "no request was timed"}
	}
	return t
}
