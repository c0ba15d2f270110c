package compliance

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
)

// Scope is what must be known of a result.
const Scope = "Met means that the checks which are named passed at that moment. What a control asks for beyond them, of people, contracts, buildings or the application behind the gateway, is not looked at. This is no audit and no certificate."

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"class": func(r Result) string { return strings.ReplaceAll(string(r), " ", "-") },
	"day":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
	"scope": func() string { return Scope },
	"count": func(f FrameworkReport, r string) int { return f.Count[Result(r)] },
}).Parse(page))

// Formats are what a report can be written as, and their media types.
var Formats = map[string]string{"html": "text/html; charset=utf-8", "json": "application/json", "csv": "text/csv; charset=utf-8"}

// Write writes the report in a format.
func (r Report) Write(w io.Writer, format string) error {
	switch format {
	case "html":
		return r.WriteHTML(w)
	case "json":
		return r.WriteJSON(w)
	case "csv":
		return r.WriteCSV(w)
	}
	return fmt.Errorf("there is no format %q", format)
}

// WriteHTML writes the report as a page of its own: no script, nothing from elsewhere, fit for print.
func (r Report) WriteHTML(w io.Writer) error {
	if err := pageTemplate.Execute(w, &r); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// WriteJSON writes all of it. Checks that no control of the report names are left out.
func (r Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

// WriteCSV writes a line for each control.
func (r Report) WriteCSV(w io.Writer) error {
	v := View(func(context.Context) (Report, error) { return r, nil })
	q, err := v.Ask(url.Values{}, view.Person{}, r.At)
	if err != nil {
		return err
	}
	return v.Export(context.Background(), w, q, false)
}

// Count sums a result over the standards of a report.
func (r *Report) Count(what Result) int {
	n := 0
	for _, f := range r.Frameworks {
		n += f.Count[what]
	}
	return n
}

// Order gives the checks of a report as Checks has them.
func (r *Report) Order() []Checked {
	var all []Checked
	for _, c := range Checks() {
		if done, ok := r.Checks[c.ID]; ok {
			all = append(all, done)
		}
	}
	slices.SortStableFunc(all, func(a, b Checked) int { return slices.Index(Results, a.Result) - slices.Index(Results, b.Result) })
	return all
}
