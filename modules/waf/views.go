package waf

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/journal"
	"github.com/convosphere/gateway/modules/waf/attack"
	"github.com/convosphere/gateway/modules/waf/tune"
)

const (
	defaultMinHits  = 3 // of a rule on one field: what counts as repeated
	defaultMinUsers = 2

	viewTime  = 30 * time.Second
	mostHits  = 3000 // events that hints are made of: the newest
	mostRules = 15   // bars
	hintBytes = 6    // of a hint's id
)

var hintColumns = []view.Column{
	{Name: "hits", Title: "Hits", Kind: view.Number, Sort: true},
	{Name: "users", Title: "People", Kind: view.Number, Sort: true},
	{Name: "blocked", Title: "In refused requests", Kind: view.Number, Sort: true},
	{Name: "rules", Title: "Rules", Kind: view.Texts},
	{Name: "field", Title: "Field", Kind: view.Code, Sort: true},
	{Name: "path", Title: "Path", Kind: view.Code, Sort: true},
	{Name: "last", Title: "Last", Kind: view.Time, Sort: true},
	{Name: "judged", Title: "Judged a false alarm", Kind: view.Flag, Sort: true},
	{Name: "line", Title: "Exclusion that would end it", Kind: view.Code, Less: true},
}

// addView shows those who run the gateway which rules hit, and which of these hits are false alarms. Each handler adds it: the last one's counts.
func (h *Handler) addView(ctx caddy.Context) error {
	g, err := host.Ground(ctx)
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil
	}
	if err != nil {
		return err
	}
	g.Views.Add(view.View{
		Name: "waf", Title: "Firewall tuning", Group: view.Guard, Rank: 20,
		About: "Rules of the web application firewall that hit the most, and hits that look like false alarms: by signed-in people who are otherwise clean, again and again in the same field; or that an incident's verdict took for false alarms.",
		Filters: []view.Filter{
			{Name: "since", Title: "Since", Kind: view.Time, Default: "-7d"},
			{Name: "least_hits", Title: "At least so many hits", Kind: view.Number, Default: strconv.Itoa(defaultMinHits)},
			{Name: "least_users", Title: "By so many people", Kind: view.Number, Default: strconv.Itoa(defaultMinUsers)},
			{Name: "rule", Title: "Rule", Kind: view.Text, Hint: "942100"},
		},
		Columns: hintColumns, Panels: h.rulePanels, Rows: h.hintRows, Item: h.hintItem,
	})
	return nil
}

// messageOf is what a rule says that it looks for, without what is only known of a request; "" where no loaded set has it.
func (h *Handler) messageOf(rule int) string {
	for _, v := range h.modes {
		if v.rules != nil && v.rules.ids[rule] != "" {
			message, _, _ := strings.Cut(v.rules.ids[rule], "%{")
			return strings.TrimRight(message, " (:=,")
		}
	}
	return ""
}

func (h *Handler) rulePanels(context.Context, view.Query) ([]view.Panel, error) {
	verdicts := counts(requests)
	tile := func(name, title, note string, tone view.Tone, link string) view.Panel {
		t := &view.Tile{Value: int64(verdicts[name]), Kind: view.Number, Note: note, Link: link}
		if verdicts[name] > 0 {
			t.Tone = tone
		}
		return view.Panel{Name: name, Title: title, Tile: t}
	}
	const here = "on this node, since its process began"
	all := []view.Panel{
		tile(blocked, "Requests refused as attacks", here, view.Plain, "events?part=waf"), tile(detected, "Passed with some hits", here, view.Plain, ""),
		tile(failed, "Could not be inspected", here, view.Bad, ""),
	}
	bars := &view.Bars{Kind: view.Number}
	for rule, n := range counts(ruleHits) {
		name := rule
		if id, err := strconv.Atoi(rule); err == nil {
			if attack.Class(id) == "" {
				continue // it adds up what others found
			}
			name = strings.TrimSpace(name + " " + h.messageOf(id))
		}
		bars.Items = append(bars.Items, view.Bar{Name: name, Value: n, Link: "events?rule=" + url.QueryEscape(rule)})
	}
	slices.SortFunc(bars.Items, func(a, b view.Bar) int { return cmp.Or(cmp.Compare(b.Value, a.Value), cmp.Compare(a.Name, b.Name)) })
	if bars.Items = bars.Items[:min(mostRules, len(bars.Items))]; len(bars.Items) > 0 {
		all = append(all, view.Panel{Name: "rules", Title: "Rules that hit the most", About: "On this node, since its process began.", Bars: bars, Wide: true})
	}
	return all, nil
}

// counts are the values of a counter with one label.
func counts(vec *prometheus.CounterVec) map[string]float64 {
	found, all := make(chan prometheus.Metric), map[string]float64{}
	go func() {
		vec.Collect(found)
		close(found)
	}()
	for m := range found {
		var out dto.Metric
		if m.Write(&out) == nil && len(out.GetLabel()) == 1 {
			all[out.GetLabel()[0].GetValue()] = out.GetCounter().GetValue()
		}
	}
	return all
}

// monitoring is what hints are made of, by the app gw_monitor.
type monitoring interface {
	EventJournal() *journal.Journal                                                         // nil: no events are kept
	FalseAlarms(ctx context.Context, since time.Time, most int) (lines []string, err error) // of incidents that somebody took for false alarms
}

// monitor is nil where nothing is kept.
func monitor() (monitoring, error) {
	app, err := caddy.ActiveContext().AppIfConfigured("gw_monitor")
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if m, ok := app.(monitoring); ok && m.EventJournal() != nil {
		return m, nil
	}
	return nil, nil
}

// hints are exclusions that would end false alarms among the newest events; cut tells that there are older ones.
func hints(ctx context.Context, o tune.Options, since time.Time) (report *tune.Report, cut bool, err error) {
	m, err := monitor()
	if err != nil || m == nil {
		return nil, false, err
	}
	j := m.EventJournal()
	ctx, cancel := context.WithTimeout(ctx, viewTime)
	defer cancel()
	t := tune.New(o)
	judged, err := m.FalseAlarms(ctx, since, mostHits)
	if err != nil {
		return nil, false, err
	}
	if err := t.ReadJudged(strings.NewReader(strings.Join(judged, "\n"))); err != nil {
		return nil, false, err
	}
	f := journal.Filter{From: since, Conds: []journal.Cond{journal.Is(journal.Rule, "*"), journal.Is(journal.Category, "web")}}
	for after, n := "", 0; ; {
		found, err := j.Find(ctx, f, after, journal.MostHits)
		if err != nil {
			return nil, false, err
		}
		var lines bytes.Buffer
		for _, h := range found.Hits {
			lines.WriteString(h.Line)
		}
		if err := t.Read(&lines); err != nil {
			return nil, false, err
		}
		n += len(found.Hits)
		if after = found.Next; after == "" || n >= mostHits {
			return t.Report(), after != "", nil
		}
	}
}

// hintID names a proposal as long as it is the same.
func hintID(p *tune.Proposal) string {
	sum := sha256.Sum256([]byte(p.Target + "\x00" + p.Path))
	return hex.EncodeToString(sum[:hintBytes])
}

func (h *Handler) hintRows(ctx context.Context, q view.Query) (view.Page, error) {
	least, users := q.Number("least_hits"), q.Number("least_users")
	report, cut, err := hints(ctx, tune.Options{MinHits: max(1, int(least)), MinUsers: max(1, int(users))}, q.Time("since"))
	if err != nil {
		return view.Page{}, err
	}
	if report == nil {
		return view.Page{Note: "No events are kept to make hints of: see `journal` in the block `monitor`."}, nil
	}
	var rows []view.Row
	for i := range report.Proposals {
		p := &report.Proposals[i]
		row := view.Row{ID: hintID(p), Cells: []any{int64(p.Hits), int64(p.Users), int64(0), rulesOf(p), p.Target, p.Path, lastOf(p), p.Judged, p.Line}}
		for _, e := range p.Rules {
			row.Cells[2] = row.Cells[2].(int64) + int64(e.Blocked)
		}
		if want := q.Value("rule"); want == "" || slices.Contains(rulesOf(p), want) {
			rows = append(rows, row)
		}
	}
	page, err := view.Few(q, hintColumns, rows)
	s := report.Seen
	page.Note = fmt.Sprintf("Of %d events with hits, %d are of nobody who is signed in, %d of people who are not clean: these count for nothing.", s.Hits, s.Anonymous, s.Unclean)
	if cut {
		page.Note += fmt.Sprintf(" Only the newest %d are looked at: convosphere waf tune takes all.", s.Events)
	}
	return page, err
}

func rulesOf(p *tune.Proposal) (all []string) {
	for _, e := range p.Rules {
		all = append(all, strconv.Itoa(e.Rule))
	}
	return all
}

func lastOf(p *tune.Proposal) (last time.Time) {
	for _, e := range p.Rules {
		if e.Last.After(last) {
			last = e.Last
		}
	}
	return last
}

func (h *Handler) hintItem(ctx context.Context, id string) (view.Item, error) {
	report, _, err := hints(ctx, tune.Options{MinHits: 1, MinUsers: 1}, time.Time{})
	if err != nil {
		return view.Item{}, err
	}
	if report == nil {
		return view.Item{}, view.ErrNotFound
	}
	at := slices.IndexFunc(report.Proposals, func(p tune.Proposal) bool { return hintID(&p) == id })
	if at < 0 {
		return view.Item{}, view.ErrNotFound
	}
	p := &report.Proposals[at]
	table := &view.Table{Columns: []view.Column{
		{Name: "rule", Title: "Rule", Kind: view.Code}, {Name: "message", Title: "Looks for", Kind: view.Text}, {Name: "class", Title: "Kind of attack", Kind: view.Text},
		{Name: "hits", Title: "Hits", Kind: view.Number}, {Name: "blocked", Title: "In refused requests", Kind: view.Number}, {Name: "users", Title: "People", Kind: view.Number},
		{Name: "first", Title: "First", Kind: view.Time}, {Name: "last", Title: "Last", Kind: view.Time}, {Name: "excerpt", Title: "As in", Kind: view.Code},
	}}
	for _, e := range p.Rules {
		table.Rows = append(table.Rows, view.Row{Cells: []any{
			strconv.Itoa(e.Rule), h.messageOf(e.Rule), e.Class, int64(e.Hits), int64(e.Blocked), int64(e.Users), e.First, e.Last, e.Excerpt,
		}})
	}
	return view.Item{
		Title: p.Target + " at " + p.Path,
		Sections: []view.Section{
			{Title: "Put this into gw_waf, if people write so there", Code: p.Line},
			{Title: "Why", Table: table, Text: why(p)},
		},
	}, nil
}

// why a proposal is made, in words.
func why(p *tune.Proposal) string {
	text := fmt.Sprintf("%d hits by %d people.", p.Hits, p.Users)
	if p.Judged {
		text += " Some of them belong to an incident that was judged a false alarm."
	}
	return text
}
