package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/incident"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

// Kinds of rules, as the view tells them apart.
const (
	kindRule        = "detection"
	kindCorrelation = "correlation"
	kindAnomaly     = "anomaly"
	kindWAF         = "WAF"
	kindGone        = "not in force"
)

// rulesView shows which rules see something, and which never do.
func (a *App) rulesView() view.View {
	return view.View{
		Name: "rules", Title: "Rules", Group: view.Guard, Rank: 20,
		About: "Rules of detection and of the firewall (WAF), with what they saw, how often they were right as people judged it, and those that saw nothing.",
		Filters: []view.Filter{
			{Name: "since", Title: "Since", Kind: view.Time, Default: "-7d", Hint: "-24h or a time"},
			{Name: "kind", Title: "Kind", Kind: view.Choice, Choices: []string{kindRule, kindCorrelation, kindAnomaly, kindWAF, kindGone}},
			{Name: "level", Title: "Level", Kind: view.Choice, Choices: levelWords},
			{Name: "seen", Title: "Saw something", Kind: view.Flag},
			{Name: "text", Title: "Name", Kind: view.Text, Hint: "a part of the title or id"},
		},
		Columns: []view.Column{
			{Name: "title", Title: "Rule", Kind: view.Text, Sort: true},
			{Name: "rule", Title: "Id", Kind: view.ID, Less: true},
			{Name: "kind", Title: "Kind", Kind: view.Text, Narrow: "kind", Sort: true},
			{Name: "level", Title: "Level", Kind: view.Level, Narrow: "level"},
			{Name: "hits", Title: "Hits", Kind: view.Number, Sort: true},
			{Name: "last", Title: "Last hit", Kind: view.Time, Sort: true},
			{Name: "precision", Title: "Right", Kind: view.Percent, Sort: true},
			{Name: "judged", Title: "Judged", Kind: view.Number, Less: true},
		},
		Rows: a.ruleRows, Item: a.ruleItem,
	}
}

// ruleSeen is one rule with what is known of it.
type ruleSeen struct {
	id, title, kind string
	level           string
	hits            int
	last            time.Time
	seq             uint64
	judged          *incident.Judged
	rule            *detect.Rule // nil: it is none of detection's that are in force
}

// mostRulesSeen bounds the rules that events name.
const mostRulesSeen = 2000

// rulesSeen are all rules: those that saw most first, then those that saw nothing, in the order of their files.
func (a *App) rulesSeen(ctx context.Context, f journal.Filter) ([]*ruleSeen, journal.Partial, error) {
	top, err := a.journal.Top(ctx, f, journal.Rule, mostRulesSeen)
	if err != nil {
		return nil, top.Partial, asked(err)
	}
	judged, err := a.judged(ctx)
	if err != nil {
		return nil, top.Partial, err
	}
	force := map[string]*detect.Rule{}
	for _, r := range a.rulesInForce() {
		force[r.ID] = r
	}
	var all []*ruleSeen
	hit := map[string]bool{}
	for _, v := range top.Values {
		one := &ruleSeen{id: v.Name, title: v.Name, hits: v.Count, last: v.Last, seq: v.Seq, rule: force[v.Name], judged: judged[v.Name]}
		one.name()
		hit[v.Name], all = true, append(all, one)
	}
	for _, r := range a.rulesInForce() {
		if !hit[r.ID] {
			one := &ruleSeen{id: r.ID, rule: r, judged: judged[r.ID]}
			one.name()
			all = append(all, one)
		}
	}
	return all, top.Partial, a.titles(ctx, all)
}

// name fills in what the rule says of itself.
func (s *ruleSeen) name() {
	switch r := s.rule; {
	case r != nil:
		s.title, s.level, s.kind = r.Title, r.Level.String(), kindRule
		if r.Correlation != nil {
			s.kind = kindCorrelation
		}
	case s.id == "anomaly":
		s.title, s.kind = "Unlike what is usual", kindAnomaly
	case strings.Trim(s.id, "0123456789") == "":
		s.kind = kindWAF
	default:
		s.kind = kindGone
	}
}

// rulesInForce are those whose hits are findings; the others are there for correlations alone.
func (a *App) rulesInForce() []*detect.Rule {
	rules := a.rules
	if a.live != nil {
		if now := a.live.engine.Rules(); a.live.current.Load() == a && now != nil {
			rules = now // its folders may have changed since
		}
	}
	var all []*detect.Rule
	for _, r := range rules.All() {
		if r.Alone || r.Correlation != nil {
			all = append(all, r)
		}
	}
	return all
}

func (a *App) judged(ctx context.Context) (map[string]*incident.Judged, error) {
	all := map[string]*incident.Judged{}
	if a.work == nil || a.work.incidents == nil {
		return all, nil
	}
	list, err := a.work.incidents.Precision(ctx)
	for i := range list {
		all[list[i].Rule] = &list[i]
	}
	return all, err
}

// titles fills in what the firewall's rules and those that are not in force any more call themselves: the events say it.
func (a *App) titles(ctx context.Context, all []*ruleSeen) error {
	var values []journal.Value
	for _, one := range all {
		if one.rule == nil && one.hits > 0 && len(values) < view.UsualRows {
			values = append(values, journal.Value{Seq: one.seq})
		}
	}
	last, err := a.lastOf(ctx, values)
	if err != nil {
		return err
	}
	for _, one := range all {
		if h, ok := last[one.seq]; ok && one.rule == nil {
			one.title = titleIn(h.Line, one.id, one.title)
		}
	}
	return nil
}

// titleIn is what an event calls a rule.
func titleIn(line, id, otherwise string) string {
	var e struct {
		Rule    string `json:"gateway.finding.rule"`
		Title   string `json:"gateway.finding.title"`
		Matches []struct {
			Rule    int    `json:"rule"`
			Message string `json:"message"`
		} `json:"gateway.waf.matches"`
	}
	if json.Unmarshal([]byte(line), &e) != nil {
		return otherwise
	}
	if e.Rule == id && e.Title != "" && id != "anomaly" {
		return e.Title
	}
	for _, m := range e.Matches {
		if fmt.Sprint(m.Rule) == id && m.Message != "" {
			return m.Message
		}
	}
	return otherwise
}

func (s *ruleSeen) row() view.Row {
	r := view.Row{ID: s.id, Cells: []any{s.title, s.id, s.kind, orNil(s.level), int64(s.hits), nil, nil, nil}}
	if s.hits > 0 {
		r.Cells[5] = s.last
	} else {
		r.Tone = view.Muted
	}
	if s.judged == nil {
		return r
	}
	if p, ok := s.judged.Precision(); ok {
		r.Cells[6], r.Cells[7] = p, int64(s.judged.True+s.judged.False)
		if p < 0.5 {
			r.Tone = view.Warn
		}
	}
	return r
}

func (a *App) ruleRows(ctx context.Context, q view.Query) (view.Page, error) {
	all, part, err := a.rulesSeen(ctx, journal.Filter{From: q.Time("since")})
	if err != nil {
		return view.Page{}, err
	}
	text := strings.ToLower(q.Value("text"))
	var rows []view.Row
	for _, one := range all {
		switch {
		case q.Value("kind") != "" && one.kind != q.Value("kind"), q.Value("level") != "" && one.level != q.Value("level"):
		case q.Value("seen") != "" && q.Flag("seen") != (one.hits > 0):
		case text != "" && !strings.Contains(strings.ToLower(one.title+" "+one.id), text):
		default:
			rows = append(rows, one.row())
		}
	}
	p, err := view.Few(q, a.rulesView().Columns, rows)
	p.Note = a.note(part)
	return p, err
}

func (a *App) ruleItem(ctx context.Context, id string) (view.Item, error) {
	all, _, err := a.rulesSeen(ctx, journal.Filter{Conds: []journal.Cond{{Field: journal.Rule, Value: id}}})
	if err != nil {
		return view.Item{}, err
	}
	var one *ruleSeen
	for _, s := range all {
		if s.id == id {
			one = s
		}
	}
	if one == nil {
		return view.Item{}, view.ErrNotFound
	}
	item := view.Item{Title: one.title, State: one.kind, Sections: []view.Section{{Title: "The rule", Facts: one.facts()}}}
	if r := one.rule; r != nil {
		for _, s := range []struct{ title, text string }{
			{"What it looks for", r.Description}, {"What else may look like it", strings.Join(r.FalsePositives, "\n")}, {"References", strings.Join(r.References, "\n")},
		} {
			if s.text != "" {
				item.Sections = append(item.Sections, view.Section{Title: s.title, Text: s.text})
			}
		}
	}
	t, n, err := a.near(ctx, journal.Filter{Conds: []journal.Cond{{Field: journal.Rule, Value: id}}}, new(journal.Hit))
	if err != nil {
		return view.Item{}, asked(err)
	}
	if n > 0 {
		item.Sections = append(item.Sections, view.Section{Title: "Its last hits", Table: t})
	}
	return item, nil
}

func (s *ruleSeen) facts() []view.Fact {
	facts := []view.Fact{{Name: "Id", Value: s.id, Kind: view.ID}, {Name: "Kind", Value: s.kind, Kind: view.Text}}
	if s.level != "" {
		facts = append(facts, view.Fact{Name: "Level", Value: s.level, Kind: view.Level})
	}
	facts = append(facts, view.Fact{Name: "Hits in the events that are kept", Value: int64(s.hits), Kind: view.Number, Link: "events?since=&rule=" + url.QueryEscape(s.id)})
	if s.hits > 0 {
		facts = append(facts, view.Fact{Name: "Last hit", Value: s.last, Kind: view.Time})
	}
	if j := s.judged; j != nil {
		facts = append(facts,
			view.Fact{Name: "Incidents", Value: int64(j.Incidents), Kind: view.Number},
			view.Fact{Name: "Judged true", Value: int64(j.True), Kind: view.Number, Tone: view.Good}, view.Fact{Name: "Judged false", Value: int64(j.False), Kind: view.Number, Tone: view.Warn})
	}
	r := s.rule
	if r == nil {
		return facts
	}
	facts = append(facts, view.Fact{Name: "File", Value: r.File, Kind: view.Code}, view.Fact{Name: "Tags", Value: r.Tags, Kind: view.Texts})
	if len(r.Respond) == 0 {
		return facts
	}
	return append(facts, view.Fact{Name: "What is done about it", Value: strings.Join(r.Respond, ", "), Kind: view.Text})
}
