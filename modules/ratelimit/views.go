package ratelimit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/convosphere/gateway/modules/internal/view"
)

const (
	topShown = 10 // of the bars and tables
	lookTime = 10 * time.Second
)

var zoneColumns = []view.Column{
	{Name: "zone", Title: "Limit", Kind: view.Code, Sort: true},
	{Name: "of", Title: "Counts", Kind: view.Text, Sort: true},
	{Name: "limit", Title: "Admits", Kind: view.Text},
	{Name: "by", Title: "Counted by", Kind: view.Code, Sort: true},
	{Name: "mode", Title: "Counted in", Kind: view.State, Less: true},
	{Name: "tiers", Title: "Other limits for", Kind: view.Texts, Less: true},
	{Name: "shadow", Title: "Only watches", Kind: view.Flag, Sort: true, Less: true},
	{Name: "admitted", Title: "Admitted", Kind: view.Number, Sort: true},
	{Name: "refused", Title: "Refused", Kind: view.Number, Sort: true},
}

var standingColumns = []view.Column{
	{Name: "zone", Title: "Limit", Kind: view.Code}, {Name: "tier", Title: "Tier", Kind: view.Code}, {Name: "limit", Title: "Admits", Kind: view.Text},
	{Name: "counted_by", Title: "Counted as", Kind: view.Texts}, {Name: "remaining", Title: "Left now", Kind: view.Number},
	{Name: "reset", Title: "All free again in", Kind: view.Duration}, {Name: "state", Title: "The next one", Kind: view.State}, {Name: "note", Title: "Note", Kind: view.Text},
}

var rankColumns = []view.Column{
	{Name: "zone", Title: "Limit", Kind: view.Code}, {Name: "who", Title: "Who", Kind: view.Texts}, {Name: "count", Title: "How often", Kind: view.Number},
}

// limitsView shows the limits of all handlers of this process, who meets them, and where somebody stands. Each handler adds it: the last one's counts.
func limitsView() view.View {
	return view.View{
		Name: "limits", Title: "Rate limits", Group: view.Guard, Rank: 30,
		About: "How much requests, messages and sockets are limited, who was refused the most in the last minutes, and how far somebody is from a limit.",
		Filters: []view.Filter{
			{Name: "zone", Title: "Limit", Kind: view.Text, Hint: "its name, as login"},
			{Name: "key", Title: "Where does this stand?", Kind: view.Text, Hint: "client=192.0.2.7 or user=ID tier=premium"},
		},
		Columns: zoneColumns, Panels: limitPanels, Rows: limitRows, Item: limitItem,
	}
}

func limitPanels(ctx context.Context, q view.Query) ([]view.Panel, error) {
	reg := running()
	if reg == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	all := []view.Panel{storePanel()}
	if words := strings.Fields(q.Value("key")); len(words) > 0 {
		table, err := standings(ctx, reg, words, q.Value("zone"))
		if err != nil {
			return nil, err
		}
		all = append(all, view.Panel{Name: "standing", Title: "Where " + strings.Join(words, " ") + " stands", Table: table, Wide: true})
	}
	for _, p := range []struct{ by, title, about string }{
		{"refused", "Refused the most", "On this node, of the last minutes: older refusals count for less and less."},
		{"spent", "Charged the most", "On this node, estimated from one request in thirteen."},
	} {
		table, err := ranking(reg, p.by, q.Value("zone"))
		if err != nil {
			return nil, err
		}
		if len(table.Rows) > 0 {
			all = append(all, view.Panel{Name: p.by, Title: p.title, About: p.about, Table: table})
		}
	}
	return all, nil
}

// storePanel says whether limits are counted where all nodes count them.
func storePanel() view.Panel {
	t := &view.Tile{Value: "reachable", Kind: view.State, Tone: view.Good}
	var m dto.Metric
	if storeAvailable.Write(&m) == nil && m.GetGauge().GetValue() == 0 {
		t.Value, t.Tone, t.Note = "away", view.Bad, "each limit goes by its on_failure"
	}
	return view.Panel{Name: "store", Title: "Where limits are counted", Tile: t}
}

func standings(ctx context.Context, reg *registry, words []string, zone string) (*view.Table, error) {
	list, err := reg.status(ctx, words)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", view.ErrMalformed, err)
	}
	t := &view.Table{Columns: standingColumns}
	for _, s := range list {
		if zone != "" && s.Zone != zone {
			continue
		}
		row := view.Row{Cells: []any{s.Zone, s.Tier, s.Limit, s.CountedBy, nil, nil, nil, strings.TrimSpace(s.Unknown + " " + s.Error)}}
		if s.Unknown == "" && s.Error == "" {
			state := "passes"
			if s.Refused {
				state, row.Tone = "is refused", view.Bad
			}
			row.Cells[4], row.Cells[5], row.Cells[6] = s.Remaining, time.Duration(s.Reset*float64(time.Second)), state
		}
		if s.Level != "" {
			row.Cells[7] = "tighter, for its score: " + s.Level
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

func ranking(reg *registry, by, zone string) (*view.Table, error) {
	list, err := reg.top(by, zone, topShown)
	if err != nil {
		return nil, err
	}
	t := &view.Table{Columns: rankColumns}
	for _, r := range list {
		t.Rows = append(t.Rows, view.Row{Cells: []any{r.Zone, r.Who, r.Count}})
	}
	return t, nil
}

func limitRows(_ context.Context, q view.Query) (view.Page, error) {
	reg := running()
	if reg == nil {
		return view.Page{Note: errNotRunning.Err.Error()}, nil
	}
	var rows []view.Row
	for _, z := range reg.zones() {
		if name := q.Value("zone"); name == "" || name == z.Name {
			rows = append(rows, z.row())
		}
	}
	p, err := view.Few(q, zoneColumns, rows)
	p.Note = "Counts are this node's, since its process began."
	return p, err
}

// zones are those of all handlers, each once: limits of one name count together.
func (r *registry) zones() []*Zone {
	handlers, release := r.hold()
	defer release()
	var all []*Zone
	for _, h := range handlers {
		for _, z := range slices.Concat(h.requests, h.messages, h.handshakes) {
			if !slices.ContainsFunc(all, z.shownAs) {
				all = append(all, z)
			}
		}
	}
	return all
}

func (z *Zone) shownAs(o *Zone) bool {
	return z.Name == o.Name && z.limit.Limit.String() == o.limit.Limit.String() && z.Messages == o.Messages && slices.Equal(z.Key, o.Key)
}

// counted is what the zone counts.
func (z *Zone) counted() string {
	switch {
	case z.Name == socketsZone:
		return "open sockets"
	case z.Messages:
		return "messages"
	case z.concurrent:
		return "requests in flight"
	}
	return "requests"
}

func (z *Zone) row() view.Row {
	admitted, refused := z.tallied()
	return view.Row{ID: z.Name, Cells: []any{
		z.Name, z.counted(), z.limit.Limit.String(), strings.Join(z.Key, " "), modeNames[z.limit.Mode], slices.Sorted(maps.Keys(z.Tiers)), z.Shadow, admitted, refused,
	}}
}

// tallied is how much the zone admitted and refused on this node; a shadow zone would have.
func (z *Zone) tallied() (admittedN, refusedN int64) {
	vec := requestsTotal
	if z.Messages {
		vec = messagesTotal
	}
	found := make(chan prometheus.Metric)
	go func() {
		vec.Collect(found)
		close(found)
	}()
	for m := range found {
		var out dto.Metric
		if m.Write(&out) != nil {
			continue
		}
		labels := map[string]string{}
		for _, l := range out.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if labels["zone"] != z.Name {
			continue
		}
		switch n := int64(out.GetCounter().GetValue()); labels["result"] {
		case results[admitted]:
			admittedN += n
		case results[refused], results[shadowed]:
			refusedN += n
		}
	}
	return admittedN, refusedN
}

func limitItem(_ context.Context, id string) (view.Item, error) {
	reg := running()
	if reg == nil {
		return view.Item{}, view.ErrNotFound
	}
	item := view.Item{Title: id}
	for _, z := range reg.zones() {
		if z.Name == id {
			item.Sections = append(item.Sections, view.Section{Title: "Counted by " + strings.Join(z.Key, " "), Facts: z.facts()})
		}
	}
	if len(item.Sections) == 0 {
		return item, view.ErrNotFound
	}
	table, err := ranking(reg, "refused", id)
	if err == nil && len(table.Rows) > 0 {
		item.Sections = append(item.Sections, view.Section{Title: "Refused the most", Table: table})
	}
	return item, err
}

func (z *Zone) facts() []view.Fact {
	admitted, refused := z.tallied()
	facts := []view.Fact{
		{Name: "Counts", Value: z.counted(), Kind: view.Text}, {Name: "Admits", Value: z.limit.Limit.String(), Kind: view.Text},
		{Name: "Counted in", Value: modeNames[z.limit.Mode], Kind: view.State}, {Name: "Only watches", Value: z.Shadow, Kind: view.Flag},
		{Name: "While the store is away", Value: cmp.Or(z.OnFailure, "local"), Kind: view.State},
		{Name: "Admitted", Value: admitted, Kind: view.Number}, {Name: "Refused", Value: refused, Kind: view.Number},
	}
	for _, m := range z.Match {
		facts = append(facts, view.Fact{Name: "At", Value: strings.TrimSpace(strings.Join(m.Methods, ",") + " " + m.Path), Kind: view.Code})
	}
	for _, name := range slices.Sorted(maps.Keys(z.Tiers)) {
		facts = append(facts, view.Fact{Name: "For the tier " + name, Value: z.Tiers[name].limit.Limit.String(), Kind: view.Text})
	}
	return facts
}
