package incident

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Affected is somebody or something that the incident touches.
type Affected struct {
	Kind   string `json:"kind"` // a subject's kind, or route, resource, site
	ID     string `json:"id"`
	Events int    `json:"events"` // of the evidence; 0: findings alone name it
}

// touched are the fields of events that name what is affected.
var touched = map[string]string{
	"source.ip": finding.Client, "user.id": finding.User, "user.target.id": finding.User, "gateway.session": finding.Session, "gateway.account": finding.Account,
	"gateway.device": finding.Device, "gateway.node": finding.Node, "gateway.route": "route", "url.domain": "site",
}

// MostAffected bounds what is told.
const MostAffected = 300

// Affected is whom and what the incident touches, by the findings and the evidence: those with most events first, of each kind.
func (w *Whole) Affected() []Affected {
	counts := map[finding.Subject]int{}
	for _, s := range w.Subjects {
		counts[s] = 0
	}
	for _, e := range w.Evidence {
		var fields map[string]any
		if json.Unmarshal([]byte(e.Line), &fields) != nil {
			continue // its key is gone
		}
		text := func(name string) string { s, _ := fields[name].(string); return s }
		for name, kind := range touched {
			if v := text(name); v != "" {
				s := finding.SubjectOf(name, v)
				counts[finding.Subject{Kind: kind, ID: s.ID}]++
			}
		}
		if kind, id := text("gateway.resource.type"), text("gateway.resource.id"); kind != "" {
			counts[finding.Subject{Kind: "resource", ID: kind + "/" + id}]++
		}
	}
	all := make([]Affected, 0, len(counts))
	for s, n := range counts {
		all = append(all, Affected{s.Kind, s.ID, n})
	}
	slices.SortFunc(all, func(a, b Affected) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(b.Events, a.Events), cmp.Compare(a.ID, b.ID))
	})
	return all[:min(len(all), MostAffected)]
}
