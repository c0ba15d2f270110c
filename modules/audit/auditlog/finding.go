package auditlog

import "fmt"

// What verification finds.
const (
	Changed   = "changed"    // an event is not what was signed
	Removed   = "removed"    // an event is missing
	Inserted  = "inserted"   // an event is there that never was at this place
	Reordered = "reordered"  // an event is not at its place
	Truncated = "truncated"  // the log ends before what was signed
	Forked    = "forked"     // what was signed elsewhere is another log
	Unsigned  = "checkpoint" // a checkpoint in the log is not signed, or not of this log
	Hashes    = "hashes"     // the files of hashes are not those of the events
	Foreign   = "key"        // the log is signed by another key
)

// Finding is one thing that is wrong with a log.
type Finding struct {
	Kind string `json:"kind"`
	// The events it is about, by index: From ≤ i < To. Both are 0 where it is about none.
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Of the first of them, as far as that is known: an altered event may say anything.
	EventID string `json:"event_id,omitempty"`
	Text    string `json:"text"`
}

func (f Finding) String() string {
	s := f.Kind
	switch {
	case f.To-f.From == 1:
		s += fmt.Sprintf(" event %d", f.From)
	case f.To > f.From:
		s += fmt.Sprintf(" events %d to %d", f.From, f.To-1)
	}
	if f.EventID != "" {
		s += " (event.id " + f.EventID + ")"
	}
	return s + ": " + f.Text
}

// Report is what verification saw.
type Report struct {
	Origin string `json:"origin"`
	Key    string `json:"key"`
	Size   int64  `json:"size"`   // events that are signed, from the log's beginning
	First  int64  `json:"first"`  // index of the first that is there; retention has removed those before
	Root   string `json:"root"`   // of the tree of that size
	Groups int    `json:"groups"` // checkpoints in the log
	Lost   int64  `json:"lost"`   // events that found no place, by the log's own account

	Findings []Finding `json:"findings"`
	More     int       `json:"more,omitempty"` // findings that are not listed
	Notes    []string  `json:"notes,omitempty"`
}

// mostFindings bounds a report.
const mostFindings = 1000

func (r *Report) find(kind string, from, to int64, id, text string) {
	if len(r.Findings) >= mostFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, Finding{kind, from, to, id, text})
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}
