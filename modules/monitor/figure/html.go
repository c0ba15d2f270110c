package figure

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"
)

//go:embed report.html
var pageText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"day":    func(t time.Time) string { return t.Format(time.DateOnly) },
	"moment": func(t time.Time) string { return t.Format("2006-01-02 15:04") },
	"number": Number,
	"span":   func(r *Report) string { return shown(r.To.Sub(r.From)) },
}).Parse(pageText))

// WriteHTML writes a page of its own that needs nothing else, fit for print.
func (p Pair) WriteHTML(w io.Writer) error {
	if err := page.Execute(w, struct {
		Pair
		Tiles  []tile
		Chart  *chart
		Groups []group
	}{p, p.tiles(), p.Now.chart(), p.groups()}); err != nil {
		return fmt.Errorf("writing figures: %w", err)
	}
	return nil
}

type tile struct{ Title, Value, Note string }

// inTiles are the lines that stand at the top.
var inTiles = []struct{ name, title string }{
	{"requests", "Requests and sockets"}, {"refused", "Refused"}, {"availability", "Availability"}, {"uptime", "Time up"}, {"detection_rate", "Detection rate"},
	{"false_positive_rate", "False alarms"}, {"time_to_detect_median", "Time to detect, median"}, {"time_to_respond_median", "Time to respond, median"},
	{"cost_mean", "Cost per request, mean"}, {"policy_coverage", "Policy coverage"},
}

func (p Pair) tiles() (all []tile) {
	now, before := byName(p.Now), byName(p.Then)
	for _, in := range inTiles {
		l, ok := now[in.name]
		if !ok {
			continue
		}
		note := "before: not known"
		if was, ok := before[in.name]; ok {
			note = "before: " + was.Text()
		}
		all = append(all, tile{in.title, l.Text(), note})
	}
	return all
}

type group struct {
	Name   string
	Lines  []row
	Routes []OnRoute
}

type row struct {
	Title, Value, Was, Doubt, Note string
	Sub                            bool // it is a part of the one above
}

// mostShown are the routes that a page has; JSON and CSV have all.
const mostShown = 100

func (p Pair) groups() (all []group) {
	before := byName(p.Then)
	for _, l := range p.Now.Lines() {
		if len(all) == 0 || all[len(all)-1].Name != l.Group {
			all = append(all, group{Name: l.Group})
		}
		one := row{Title: l.Title, Value: l.Text(), Doubt: l.Doubt(), Note: l.Note}
		one.Title, one.Sub = strings.CutPrefix(l.Title, "– ")
		if was, ok := before[l.Name]; ok {
			one.Was = was.Text()
		}
		g := &all[len(all)-1]
		g.Lines = append(g.Lines, one)
	}
	if last := len(all) - 1; last >= 0 {
		all[last].Routes = p.Now.Covered.Routes[:min(len(p.Now.Covered.Routes), mostShown)]
	}
	return all
}

type chart struct {
	Key   []keyed
	Bars  []bar
	Marks []mark
	Most  string
	Each  string
}

type keyed struct{ Class, Name string }

type bar struct {
	Class               string
	X, Y, Width, Height string
}

type mark struct{ X, Text string }

// Of the drawing: 720 by 190, with the names of times below.
const (
	chartWidth, chartHeight, chartTop = 720., 155., 14.
	mostBars                          = 90
)

var stacked = []struct {
	name, title string
}{{Passed, "answered"}, {Asked, "asked for something first"}, {Refused, "refused"}, {Backend, "failed by the application"}, {Failed, "failed by the gateway"}}

// chart draws requests over time; nil where there were none.
func (r *Report) chart() *chart {
	step := time.Duration(r.Step) * time.Second
	wide := step
	for r.To.Sub(r.From)/wide > mostBars {
		wide += step
	}
	n := int((r.To.Sub(r.From) + wide - 1) / wide)
	if n < 1 || r.Traffic.Requests == 0 || !r.Any() {
		return nil
	}
	sums, most := make([]Values, n), int64(1)
	for i := range r.series.points {
		p := &r.series.points[i]
		at := int(p.at.Sub(r.From) / wide)
		if at < 0 || at >= n {
			continue
		}
		if sums[at] == nil {
			sums[at] = Values{}
		}
		sums[at][Requests] += r.series.of(p, Requests)
		for _, s := range stacked {
			sums[at][s.name] += r.series.of(p, s.name)
		}
		most = max(most, sums[at][Requests])
	}
	c := &chart{Most: Number(most), Each: shown(wide)}
	for k, s := range stacked {
		c.Key = append(c.Key, keyed{"s" + strconv.Itoa(k), s.title})
	}
	width := chartWidth / float64(n)
	for i, v := range sums {
		y := chartTop + chartHeight
		for k, s := range stacked {
			height := chartHeight * float64(v[s.name]) / float64(most)
			if height <= 0 {
				continue
			}
			y -= height
			c.Bars = append(c.Bars, bar{"s" + strconv.Itoa(k), decimal(float64(i) * width), decimal(y), decimal(max(.5, width-.6)), decimal(height)})
		}
	}
	for i := range 5 {
		at := r.From.Add(r.To.Sub(r.From) * time.Duration(i) / 5)
		layout := "02 Jan 15:04"
		if r.To.Sub(r.From) > 5*Day {
			layout = "02 Jan"
		}
		c.Marks = append(c.Marks, mark{decimal(float64(i) * chartWidth / 5), at.Format(layout)})
	}
	return c
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
