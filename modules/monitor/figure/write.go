package figure

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// Pair is a report with that of the time before, as long.
type Pair struct {
	Now  *Report `json:"now"`
	Then *Report `json:"before"`
}

// WriteJSON writes both.
func (p Pair) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(p)
}

// WriteCSV writes a figure a line. A cell that is empty is not known. Names are of the gateway's own, but those of nodes and routes, which configurations
// have: what a spreadsheet would take for a formula is told as text.
func (p Pair) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	before := byName(p.Then)
	rows := [][]string{{"from", "to", "group", "name", "kind", "value", "n", "of", "low_95", "high_95", "before", "note"}}
	for _, l := range p.Now.Lines() {
		row := []string{p.Now.From.Format(time.RFC3339), p.Now.To.Format(time.RFC3339), l.Group, plain(l.Name), string(l.Kind), digits(l.Value), "", "", "", "", "", l.Note}
		if l.Kind == Percent && l.Share.Known() {
			low, high := l.Share.Bounds()
			row[6], row[7], row[8], row[9] = strconv.FormatInt(l.Share.N, 10), strconv.FormatInt(l.Share.Of, 10), digits(low), digits(high)
		}
		if was, ok := before[l.Name]; ok {
			row[10] = digits(was.Value)
		}
		rows = append(rows, row)
	}
	for _, route := range p.Now.Covered.Routes {
		rows = append(rows, []string{
			p.Now.From.Format(time.RFC3339), p.Now.To.Format(time.RFC3339), groupPolicy, plain("route " + route.Route), string(Count), strconv.FormatInt(route.Requests, 10), "", "", "", "", "",
			"named by " + route.Named(),
		})
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("writing figures: %w", err)
	}
	return nil
}

// Before are the figures of the time before, for people, by name; none of what is not known.
func (p Pair) Before() map[string]string {
	all := map[string]string{}
	for name, l := range byName(p.Then) {
		all[name] = l.Text()
	}
	return all
}

func byName(r *Report) map[string]Line {
	all := map[string]Line{}
	if !r.Any() {
		return all // nothing is known of that time, which is not that nothing happened
	}
	for _, l := range r.Lines() {
		all[l.Name] = l
	}
	return all
}

func digits(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// plain is text that no spreadsheet runs.
func plain(s string) string {
	if s != "" && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@' || s[0] == '\t') {
		return "'" + s
	}
	return s
}
