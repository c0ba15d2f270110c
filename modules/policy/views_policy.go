package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/journal"
	"github.com/convosphere/gateway/modules/policy/shadow"
)

// policyView shows which policy decides, since when and from where, and where a candidate would decide otherwise.
func (a *App) policyView() view.View {
	return view.View{
		Name: "policy", Title: "Policy", Group: view.Guard, Rank: 40, Newest: true,
		About: "Which policy is in force, and the decisions that a candidate beside it (shadow) would make otherwise.",
		Filters: []view.Filter{
			{Name: "since", Title: "Since", Kind: view.Time, Default: "-24h"},
			{Name: "permission", Title: "Permission", Kind: view.Text, Hint: "room:read or room:*"},
			{Name: "route", Title: "Route", Kind: view.Text, Hint: "POST /api/*"},
		},
		Columns: []view.Column{
			{Name: "time", Title: "Time", Kind: view.Time},
			{Name: "permission", Title: "Permission", Kind: view.Code, Narrow: "permission"},
			{Name: "route", Title: "Route", Kind: view.Code, Narrow: "route"},
			{Name: "now", Title: "In force", Kind: view.State},
			{Name: "rule", Title: "By its rule", Kind: view.Code, Less: true},
			{Name: "then", Title: "The candidate", Kind: view.State},
			{Name: "candidate_rule", Title: "By its rule", Kind: view.Code, Less: true},
			{Name: "reason", Title: "The candidate's reason", Kind: view.Text},
			{Name: "event", Title: "Event", Kind: view.ID, Link: "events", Less: true},
		},
		Panels: a.policyPanels, Rows: a.differenceRows,
		Actions: []view.Action{{
			Name: "reload", Title: "Look for a newer policy", On: view.OnView, Permission: view.Admin,
			Ask: "Look now where the policy comes from, and put what is there in force if it passes its tests?", Do: a.doReload,
		}},
	}
}

func (a *App) policyPanels(ctx context.Context, q view.Query) ([]view.Panel, error) {
	s := a.status()
	text := func(name, title, value string, tone view.Tone, note string) view.Panel {
		return view.Panel{Name: name, Title: title, Tile: &view.Tile{Value: value, Kind: view.Code, Tone: tone, Note: note}}
	}
	all := []view.Panel{
		text("revision", "Revision in force", s.Revision, view.Good, s.Label), text("from", "From", s.From, view.Plain, ""),
		{Name: "activated", Title: "In force on this node since", Tile: &view.Tile{Value: timeCell(s.ActivatedAt), Kind: view.Time}},
	}
	if s.SignedAt != nil {
		all = append(all, view.Panel{Name: "signed", Title: "Signed", Tile: &view.Tile{Value: *s.SignedAt, Kind: view.Time}})
	}
	if s.LastError != "" {
		all = append(all, text("error", "Why nothing newer is in force", s.LastError, view.Bad, ""))
	}
	if c := s.Shadow; c != nil {
		value, tone := c.Revision, view.Plain
		if c.LastError != "" {
			tone = view.Bad
		}
		if value == "" {
			value = "none yet"
		}
		all = append(all, text("shadow", "Candidate in the shadow", value, tone, c.LastError))
	}
	return a.decidedPanels(ctx, q, all)
}

// decidedPanels adds what was decided of late, where events are kept.
func (a *App) decidedPanels(ctx context.Context, q view.Query, all []view.Panel) ([]view.Panel, error) {
	j, err := a.events()
	if err != nil || j == nil {
		return all, err
	}
	ctx, cancel := context.WithTimeout(ctx, viewTime)
	defer cancel()
	for _, p := range []struct {
		name, title, outcome string
		by                   journal.Field
	}{
		{"permissions", "Decided, by permission", "", journal.Permission}, {"denied", "Denied, by permission", "failure", journal.Permission}, {"reasons", "Denied, by reason", "failure", journal.Reason},
	} {
		f := decisionFilter(q.Time("since"))
		link := "decisions?permission="
		if p.outcome != "" {
			f.Conds = append(f.Conds, journal.Is(journal.Outcome, p.outcome))
			link = "decisions?decision=denied&permission="
		}
		if p.by == journal.Reason {
			link = "decisions?decision=denied&reason="
		}
		bars, err := topBars(ctx, j, f, p.by, func(v string) string { return link + url.QueryEscape(v) })
		if err != nil {
			return nil, err
		}
		if len(bars.Items) > 0 {
			all = append(all, view.Panel{Name: p.name, Title: p.title, Bars: bars})
		}
	}
	return all, nil
}

// difference is what of a difference's event is shown, besides the decision.
type difference struct {
	Allow  bool   `json:"gateway.shadow.allow"`
	Reason string `json:"gateway.shadow.reason"`
	Rule   string `json:"gateway.shadow.rule"`
}

func (a *App) differenceRows(ctx context.Context, q view.Query) (view.Page, error) {
	j, err := a.events()
	if err != nil || j == nil {
		return view.Page{Note: noJournal}, err
	}
	ctx, cancel := context.WithTimeout(ctx, viewTime)
	defer cancel()
	f := journal.Filter{From: q.Time("since"), Conds: append(conditions(q, map[string]journal.Field{"permission": journal.Permission, "route": journal.Route}), journal.Is(journal.Action, shadow.Action))}
	found, err := j.Find(ctx, f, q.After, q.Limit)
	if err != nil {
		return view.Page{}, eventsError(err)
	}
	p := view.Page{Next: found.Next, Total: -1}
	switch {
	case a.candidate == nil && len(found.Hits) == 0:
		p.Note = "No candidate policy is configured (`shadow`), so there is nothing to compare."
	case a.candidate == nil:
		p.Note = "No candidate policy is configured any more (`shadow`): these are differences of one that was."
	}
	for i := range found.Hits {
		h := &found.Hits[i]
		var was pastDecision
		var d difference
		if json.Unmarshal([]byte(h.Line), &was) != nil || json.Unmarshal([]byte(h.Line), &d) != nil {
			continue // of a version to come
		}
		p.Rows = append(p.Rows, view.Row{ID: h.ID, Tone: view.Warn, Cells: []any{
			h.At, was.Permission, was.Route, verdictWord(was.Allow), was.Rule, verdictWord(d.Allow), d.Rule, d.Reason, h.ID,
		}})
	}
	return p, nil
}

func verdictWord(allow bool) string {
	if allow {
		return "allowed"
	}
	return "denied"
}

func (a *App) doReload(ctx context.Context, _ view.Order) (view.Done, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pushTimeout) // what has begun is ended
	defer cancel()
	before := a.status().Revision
	if err := a.keeper.Look(ctx, true); err != nil {
		return view.Done{}, fmt.Errorf("%w: %w", view.ErrRefused, err)
	}
	if now := a.status().Revision; now != before {
		return view.Done{Message: "Revision " + now + " is in force."}, nil
	}
	return view.Done{Message: "There is nothing newer: revision " + before + " stays in force."}, nil
}
