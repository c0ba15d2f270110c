package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/figure"
)

// periodFilters are of whatever is told of a time.
func periodFilters() []view.Filter {
	return []view.Filter{
		{Name: "from", Title: "From", Kind: view.Time, Default: "-7d", Hint: "-24h, -30d or 2026-01-31"},
		{Name: "to", Title: "To", Kind: view.Time, Hint: "now, if it is left empty"},
	}
}

// figuresView is how good, how fast and how sure the gateway is.
func (a *App) figuresView() view.View {
	return view.View{
		Name: "figures", Title: "Security figures", Group: view.Proof, Rank: 10,
		About:   "What became of requests, how well attacks were found, how quickly they were answered, and what security costs. Times are UTC.",
		Filters: periodFilters(),
		Columns: figureColumns(),
		Panels:  a.figurePanels, Rows: a.figureRows, Item: a.figureItem,
		Documents: []view.Document{
			document("report", "Report for print", "html", figure.Pair.WriteHTML, a), document("table", "All figures, as CSV", "csv", figure.Pair.WriteCSV, a), document("data", "All figures, as JSON", "json", figure.Pair.WriteJSON, a),
		},
	}
}

func figureColumns() []view.Column {
	return []view.Column{
		{Name: "group", Title: "About", Kind: view.Text, Less: true}, {Name: "figure", Title: "Figure", Kind: view.Text}, {Name: "now", Title: "Now", Kind: view.Text},
		{Name: "before", Title: "Time before", Kind: view.Text}, {Name: "doubt", Title: "How sure, and of what", Kind: view.Text, Less: true},
	}
}

// figureLines are all figures, as figureColumns.
func figureLines(p figure.Pair) (rows []view.Row) {
	then := p.Before()
	for _, l := range p.Now.Lines() {
		doubt := l.Doubt()
		if doubt != "" && l.Note != "" {
			doubt += ". "
		}
		rows = append(rows, view.Row{Cells: []any{l.Group, l.Title, l.Text(), then[l.Name], doubt + l.Note}})
	}
	return rows
}

func document(name, title, format string, write func(figure.Pair, io.Writer) error, a *App) view.Document {
	return view.Document{
		Name: name, Title: title, Kind: reportFormats[format].media,
		File: func(id string) string { return "security-" + id + "." + format },
		Make: func(ctx context.Context, id string, w io.Writer) error {
			p, err := a.reportOf(ctx, id)
			if err != nil {
				return err
			}
			return write(p, w)
		},
	}
}

// figureItems are times that there are reports of, by the ids of items.
var figureItems = []struct {
	id, title string
	long      time.Duration
}{
	{"last-day", "the last 24 hours", 24 * time.Hour}, {"last-week", "the last 7 days", usualReport}, {"last-month", "the last 30 days", 30 * 24 * time.Hour},
	{"last-quarter", "the last 91 days", 91 * 24 * time.Hour}, {"last-year", "the last 365 days", 365 * 24 * time.Hour},
}

func (a *App) reportOf(ctx context.Context, id string) (figure.Pair, error) {
	for _, one := range figureItems {
		if one.id == id {
			now := time.Now()
			return a.report(ctx, now.Add(-one.long), now)
		}
	}
	return figure.Pair{}, view.ErrNotFound
}

func (a *App) figureItem(ctx context.Context, id string) (view.Item, error) {
	p, err := a.reportOf(ctx, id)
	if err != nil {
		return view.Item{}, err
	}
	item := view.Item{Title: "Security figures of " + p.Now.From.Format(time.DateOnly) + " to " + p.Now.To.Format(time.DateOnly)}
	rows, group := figureLines(p), ""
	for _, row := range rows {
		if row.Cells[0] != group {
			group, _ = row.Cells[0].(string)
			item.Sections = append(item.Sections, view.Section{Title: group, Table: &view.Table{Columns: figureColumns()[1:]}})
		}
		t := item.Sections[len(item.Sections)-1].Table
		t.Rows = append(t.Rows, view.Row{Cells: row.Cells[1:]})
	}
	return item, nil
}

func (a *App) figureRows(ctx context.Context, q view.Query) (view.Page, error) {
	p, err := a.report(ctx, q.Time("from"), q.Time("to"))
	if err != nil {
		return view.Page{}, figureError(err)
	}
	page := view.Page{Rows: figureLines(p)}
	page.Total = len(page.Rows)
	switch {
	case p.Now.Since.IsZero():
		page.Note = "No figures are kept yet: the first ones come within a minute."
	case p.Now.Since.After(p.Now.From):
		page.Note = fmt.Sprintf("Figures are kept since %s: of before that nothing is known.", p.Now.Since.Format(time.DateOnly))
	}
	if p.Now.Lost > 0 {
		page.Note += fmt.Sprintf(" %d events found no place, and are in none of these figures.", p.Now.Lost)
	}
	return page, nil
}

func figureError(err error) error {
	if errors.Is(err, errNoFigures) {
		return fmt.Errorf("%w: %w", view.ErrNotFound, err)
	}
	return err
}
