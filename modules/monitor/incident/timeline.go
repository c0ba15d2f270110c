package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Moment is what happened then.
type Moment struct {
	At    time.Time     `json:"at"`
	Kind  string        `json:"kind"` // began, opened, finding, change, note, response
	Title string        `json:"title"`
	Text  string        `json:"text,omitempty"`
	Who   string        `json:"who,omitempty"` // "": nobody did it
	Level finding.Level `json:"level"`
	Event string        `json:"event,omitempty"` // of a finding: the last event that it is made of
}

// Timeline is all that is known of when, by its time, with what is known elsewhere. name says what ids of people are called.
func (w *Whole) Timeline(name func(id string) string, more ...Moment) []Moment {
	all := append(slices.Clone(more),
		Moment{At: w.First, Kind: "began", Title: "The first event of it"},
		Moment{At: w.Opened, Kind: "opened", Title: "The incident was opened", Text: map[string]string{Report: "Somebody reported it."}[w.Source], Level: w.Level})
	for _, f := range w.Findings {
		m := Moment{At: f.Last, Kind: "finding", Title: f.Title, Text: f.Explain, Level: f.Level}
		if f.Count > 1 {
			m.Text = fmt.Sprintf("%d events. %s", f.Count, f.Explain)
		}
		if len(f.Events) > 0 {
			m.Event = f.Events[len(f.Events)-1]
		}
		all = append(all, m)
	}
	for _, e := range w.Changes {
		all = append(all, Moment{At: e.At, Kind: "change", Title: e.Words(name), Who: e.Who})
	}
	for _, n := range w.Notes {
		all = append(all, Moment{At: n.At, Kind: "note", Title: "Note", Text: n.Text, Who: n.Author})
	}
	for n := range all {
		if all[n].Who != "" {
			all[n].Who = name(all[n].Who)
		}
	}
	slices.SortStableFunc(all, func(a, b Moment) int { return a.At.Compare(b.At) })
	return all
}
