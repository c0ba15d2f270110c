package review

import (
	"context"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

// Formats of a report.
var Formats = []string{"html", "json", "csv"}

//go:embed report.html
var page string

var reportPage = template.Must(template.New("report").Funcs(template.FuncMap{
	"when": func(t time.Time) string {
		if t.IsZero() {
			return "–"
		}
		return t.UTC().Format("2006-01-02 15:04")
	},
	"days": func(d time.Duration) int { return int(d.Hours() / 24) },
}).Parse(page))

// Whole is a review with its lines, and with the names of those that there still are.
type Whole struct {
	Review
	Intact  bool      `json:"intact"` // as it was signed
	Begun   string    `json:"begun_by_name,omitempty"`
	Signed  string    `json:"signed_by_name,omitempty"`
	Access  []Line    `json:"access"`
	Written time.Time `json:"written"`
}

// whole reads all of a review.
func (d *Desk) whole(ctx context.Context, id string) (w Whole, err error) {
	if w.Review, err = d.Get(ctx, id); err != nil {
		return w, err
	}
	if w.Access, err = d.Lines(ctx, Query{Review: id, Limit: MostLines}); err != nil {
		return w, err
	}
	names, err := d.Names(ctx, w.By, w.Signer)
	if err != nil {
		return w, err
	}
	w.Begun, w.Signed, w.Written = names[w.By], names[w.Signer], d.Now().UTC()
	if w.State == Signed {
		w.Intact, err = d.Verify(ctx, id)
	}
	return w, err
}

// Now is who holds what at this moment, as a review that nobody keeps.
func (d *Desk) now(ctx context.Context, stale time.Duration) (w Whole, err error) {
	w.Review = Review{Title: "Who holds what", Kinds: Kinds, Stale: stale, At: d.Now().UTC()}
	w.Written = w.At
	err = d.DB.Snapshot(ctx, func(tx *database.Tx) error {
		w.Access, err = gather(ctx, tx, w.Review)
		return err
	})
	if err != nil {
		return w, err
	}
	w.Lines = len(w.Access)
	for _, l := range w.Access {
		if l.Stale != "" {
			w.Counts.Stale++
		}
	}
	return w, d.name(ctx, w.Access)
}

// name fills in names, some hundred at a time: a database takes no more values at once.
func (d *Desk) name(ctx context.Context, lines []Line) error {
	for begin := 0; begin < len(lines); begin += perInsert {
		part := lines[begin:min(begin+perInsert, len(lines))]
		ids := make([]string, 0, len(part))
		for _, l := range part {
			ids = append(ids, l.Account)
		}
		names, err := d.Names(ctx, ids...)
		if err != nil {
			return err
		}
		for i := range part {
			part[i].Name = names[part[i].Account]
		}
	}
	return nil
}

// usualStale is after how long without a use the report of this moment calls something stale.
const usualStale = 90 * 24 * time.Hour

// Report writes a review, or for no id who holds what now, as html, json or csv. Errors: ErrNotFound, ErrMalformed, ErrMany.
func (d *Desk) Report(ctx context.Context, id, format string, to io.Writer) error {
	var w Whole
	var err error
	if id == "" {
		w, err = d.now(ctx, usualStale)
	} else {
		w, err = d.whole(ctx, id)
	}
	if err != nil {
		return err
	}
	switch format {
	case "html":
		return reportPage.Execute(to, w)
	case "json":
		enc := json.NewEncoder(to)
		enc.SetIndent("", "  ")
		return enc.Encode(w)
	case "csv":
		return w.csv(to)
	}
	return fmt.Errorf("%w: a report is html, json or csv", ErrMalformed)
}

func (w *Whole) csv(to io.Writer) error {
	out := csv.NewWriter(to)
	if err := out.Write([]string{"n", "kind", "account", "name", "subject", "what", "detail", "since", "used", "stale", "decision", "by", "decided", "note"}); err != nil {
		return err
	}
	stamp := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	for _, l := range w.Access {
		row := []string{strconv.Itoa(l.N), l.Kind, l.Account, l.Name, l.Subject, l.What, l.Detail, stamp(l.Since), stamp(l.Used), l.Stale, l.Decision, l.By, stamp(l.Decided), l.Note}
		for i := range row {
			row[i] = plain(row[i])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// plain keeps a spreadsheet from taking text for a formula.
func plain(s string) string {
	if s != "" && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@' || s[0] == '\t' || s[0] == '\r') {
		return "'" + s
	}
	return s
}
