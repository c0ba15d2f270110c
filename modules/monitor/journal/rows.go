package journal

import (
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// Columns are how events stand in tables, wherever they are shown.
func Columns() []view.Column {
	return []view.Column{
		{Name: "time", Title: "Time", Kind: view.Time},
		{Name: "level", Title: "Level", Kind: view.Level, Narrow: "level"},
		{Name: "action", Title: "Action", Kind: view.Code, Narrow: "action"},
		{Name: "result", Title: "Result", Kind: view.State},
		{Name: "what", Title: "What", Kind: view.Text},
		{Name: "client", Title: "Client", Kind: view.Address, Narrow: "client"},
		{Name: "country", Title: "Country", Kind: view.Text, Narrow: "country", Less: true},
		{Name: "user", Title: "Account", Kind: view.ID, Narrow: "user", Less: true},
		{Name: "rules", Title: "Rules", Kind: view.Texts, Narrow: "rule", Less: true},
		{Name: "node", Title: "Node", Kind: view.Text, Narrow: "node", Less: true},
	}
}

// Row is the event as Columns have it.
func (h *Hit) Row() view.Row {
	result, tone := h.Result()
	var rules any
	if all := h.Rules(); len(all) > 0 {
		rules = all
	}
	return view.Row{ID: h.ID, Tone: tone, Cells: []any{
		h.At, h.Get(Level), h.Get(Action), orNil(result), orNil(h.Says()), orNil(h.Get(Client)), orNil(h.Get(Country)), orNil(h.Get(User)), rules, orNil(h.Get(Node)),
	}}
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Result is what became of it, in a word.
func (h *Hit) Result() (string, view.Tone) {
	word := h.Get(Verdict)
	if word == "" {
		word = h.Get(Outcome)
	}
	switch level := h.Get(Level); {
	case level == "critical" || level == "high":
		return word, view.Bad
	case word == Refused || word == Failed || level == "medium":
		return word, view.Warn
	case word == "failure":
		return word, view.Muted
	}
	return word, view.Plain
}

// Sieve looks for events in lines that no journal keeps: of files. One goroutine has it.
type Sieve struct {
	Filter Filter
	event  ecs.Event
	seen   uint64
}

// NewSieve makes one; an error says what can't be asked.
func NewSieve(f Filter) (*Sieve, error) {
	return &Sieve{Filter: f}, f.check()
}

// Look tells whether the line is an event, and whether the filter holds for it: then it is found.
func (s *Sieve) Look(line []byte) (hit Hit, found, event bool) {
	var r row
	if s.event.Parse(line) != nil || !r.read(&s.event) {
		return hit, false, false
	}
	s.seen++
	if !s.Filter.holds(&r, line) {
		return hit, false, true
	}
	hit, found = hitOf(&s.event, s.seen, line)
	return hit, found, true
}
