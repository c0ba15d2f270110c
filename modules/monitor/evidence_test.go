package monitor

import (
	"slices"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

// The events that a finding names are kept with the incident, and say what it touches; the database holds no word of them in plain.
func TestEvidence(t *testing.T) {
	w := newWorked(t, map[string]any{})
	var hit journal.Hit
	until(t, "an event in the journal", func() bool {
		found, err := w.app.journal.Find(t.Context(), journal.Filter{}, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(found.Hits, func(h journal.Hit) bool { return strings.Contains(h.Line, `"account-created"`) })
		if at >= 0 {
			hit = found.Hits[at]
		}
		return at >= 0
	})
	w.app.take(t.Context(), &finding.Finding{
		ID: "g", Kind: finding.Match, Rule: "r", Title: "An account", Level: finding.High, First: hit.At, Last: hit.At, Count: 2,
		Subjects: []finding.Subject{{Kind: finding.Client, ID: "192.0.2.7"}}, Events: []string{hit.ID, "gone"},
	})
	var i incident.Whole
	until(t, "evidence", func() bool {
		var err error
		if i, err = w.app.work.incidents.Show(t.Context(), w.id); err != nil {
			t.Fatal(err)
		}
		return len(i.Evidence) > 0
	})
	if e := i.Evidence[0]; len(i.Evidence) != 1 || e.Event != hit.ID || e.Line != strings.TrimSpace(hit.Line) {
		t.Errorf("%+v", i.Evidence)
	}
	if !slices.ContainsFunc(i.Affected(), func(a incident.Affected) bool { return a.Kind == finding.User && a.Events > 0 }) {
		t.Errorf("%+v", i.Affected())
	}
	if !slices.ContainsFunc(w.item().Sections, func(s view.Section) bool { return strings.Contains(s.Code, "account-created") }) {
		t.Error("the page shows none of it")
	}
	var sealed []byte
	if err := w.app.ground.DB.QueryRow(t.Context(), `SELECT line FROM incident_evidence WHERE incident = ?`, w.id).Scan(&sealed); err != nil || strings.Contains(string(sealed), "account-created") {
		t.Error("it is in plain:", err)
	}
}
