package view

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// Columns and rows as JSON have them: {"rows": [{"id", <column>: value, …}], "next", "total", "note"}.
type pageJSON struct {
	Rows  []map[string]any `json:"rows"`
	Next  string           `json:"next,omitempty"`
	Total *int             `json:"total,omitempty"`
	Note  string           `json:"note,omitempty"`
}

// JSON is a page with its columns' names, to be marshalled.
func (v *View) JSON(p Page) any {
	out := pageJSON{Rows: make([]map[string]any, 0, len(p.Rows)), Next: p.Next, Note: p.Note}
	if p.Total >= 0 {
		out.Total = &p.Total
	}
	for _, r := range p.Rows {
		out.Rows = append(out.Rows, rowJSON(v.Columns, r))
	}
	return out
}

// RowJSON is one row with its columns' names, to be marshalled.
func (v *View) RowJSON(r Row) any { return rowJSON(v.Columns, r) }

func rowJSON(columns []Column, r Row) map[string]any {
	out := make(map[string]any, len(columns)+1)
	for i, c := range columns {
		if i < len(r.Cells) && r.Cells[i] != nil {
			out[c.Name] = plainValue(r.Cells[i])
		}
	}
	if _, taken := out["id"]; r.ID != "" && !taken {
		out["id"] = r.ID
	}
	return out
}

// plainValue is a cell as JSON has it: durations in seconds, numbers that JSON knows.
func plainValue(cell any) any {
	switch c := cell.(type) {
	case time.Duration:
		return c.Seconds()
	case float64:
		if math.IsNaN(c) || math.IsInf(c, 0) {
			return nil
		}
	case time.Time:
		if c.IsZero() {
			return nil
		}
		return c.UTC()
	}
	return cell
}

// Cell is a cell as text, as CSV and terminals have it: times in UTC, durations in seconds.
func Cell(cell any) string {
	switch c := plainValue(cell).(type) {
	case nil:
		return ""
	case string:
		return c
	case time.Time:
		return c.Format(time.RFC3339Nano)
	case float64:
		return strconv.FormatFloat(c, 'f', -1, 64)
	case []string:
		return strings.Join(c, " ")
	default:
		return fmt.Sprint(c)
	}
}

// Export writes the rows from q on, MostExport at most, page by page: none is held longer than it is written. It is CSV, or JSON where that is asked for.
func (v *View) Export(ctx context.Context, w io.Writer, q Query, asJSON bool) error {
	q.Limit = MostRows
	write, end := v.csvWriter(w)
	if asJSON {
		write, end = v.jsonWriter(w)
	}
	for left := MostExport; ; {
		p, err := v.Rows(ctx, q)
		if err != nil {
			return err
		}
		for _, r := range p.Rows[:min(left, len(p.Rows))] {
			if err := write(r); err != nil {
				return fmt.Errorf("writing rows: %w", err)
			}
		}
		if left -= len(p.Rows); left <= 0 || p.Next == "" || p.Next == q.After {
			break
		}
		q.After = p.Next
	}
	return end()
}

func (v *View) csvWriter(w io.Writer) (write func(Row) error, end func() error) {
	c := csv.NewWriter(w)
	head := make([]string, len(v.Columns))
	for i, col := range v.Columns {
		head[i] = col.Name
	}
	begun := false
	begin := func() error {
		if begun {
			return nil
		}
		begun = true
		return c.Write(head)
	}
	record := make([]string, len(v.Columns))
	write = func(r Row) error {
		if err := begin(); err != nil {
			return err
		}
		for i := range record {
			record[i] = ""
			if i < len(r.Cells) {
				record[i] = harmless(r.Cells[i])
			}
		}
		return c.Write(record)
	}
	end = func() error {
		if err := begin(); err != nil {
			return err
		}
		c.Flush()
		return c.Error()
	}
	return write, end
}

// harmless is a cell that no spreadsheet takes for a formula: clients choose user agents, paths and names (OWASP, CSV Injection).
func harmless(cell any) string {
	text := Cell(cell)
	switch cell.(type) {
	case string, []string:
		if text != "" && strings.ContainsRune("=+-@\t\r\n|%＝＋－＠", []rune(text)[0]) {
			return "'" + text
		}
	}
	return text
}

func (v *View) jsonWriter(w io.Writer) (write func(Row) error, end func() error) {
	lead := "["
	write = func(r Row) error {
		raw, err := json.Marshal(v.RowJSON(r))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n%s", lead, raw)
		lead = ","
		return err
	}
	end = func() error {
		tail := "\n]\n"
		if lead == "[" {
			tail = "[]\n"
		}
		_, err := io.WriteString(w, tail)
		return err
	}
	return write, end
}
