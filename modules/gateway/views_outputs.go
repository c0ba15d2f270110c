package gateway

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/ship"
	"github.com/convosphere/gateway/modules/internal/view"
)

var outputColumns = []view.Column{
	{Name: "name", Title: "Output", Kind: view.Text, Sort: true},
	{Name: "kind", Title: "Kind", Kind: view.Code, Sort: true},
	{Name: "to", Title: "To", Kind: view.Code},
	{Name: "state", Title: "State", Kind: view.State, Sort: true},
	{Name: "sent", Title: "Taken", Kind: view.Number, Sort: true},
	{Name: "lost", Title: "Lost", Kind: view.Number, Sort: true},
	{Name: "waiting", Title: "Waiting on the disk", Kind: view.Bytes, Sort: true},
	{Name: "room", Title: "Room for", Kind: view.Bytes, Less: true},
}

// outputsView shows where events go besides the gateway's own files.
func (a *App) outputsView() view.View {
	return view.View{
		Name: "outputs", Title: "Event outputs", Group: view.System, Rank: 30,
		About:   "Where security events are sent from this node, what waits for a receiver that is away, and what was lost.",
		Filters: []view.Filter{{Name: "state", Title: "State", Kind: view.Choice, Choices: []string{"delivering", "away", "full"}}},
		Columns: outputColumns, Panels: a.outputPanels, Rows: a.outputRows, Item: a.outputItem,
	}
}

func (a *App) outputPanels(context.Context, view.Query) ([]view.Panel, error) {
	queue, disk := a.ground.Events.Dropped()
	tile := func(n int64, note string) *view.Tile {
		t := &view.Tile{Value: n, Kind: view.Number, Note: note}
		if n > 0 {
			t.Tone = view.Bad
		}
		return t
	}
	return []view.Panel{
		{Name: "dropped-queue", Title: "Events lost: too many at once", Tile: tile(queue, "since this process began")},
		{Name: "dropped-disk", Title: "Events lost: the disk refused them", Tile: tile(disk, "since this process began")},
	}, nil
}

func (a *App) outputRows(_ context.Context, q view.Query) (view.Page, error) {
	var rows []view.Row
	for _, o := range a.outputs {
		s := o.ship.Status()
		state, tone := outputState(o, s)
		if want := q.Value("state"); want != "" && want != state {
			continue
		}
		c := a.Events.Outputs[o.name]
		rows = append(rows, view.Row{ID: o.name, Cells: []any{o.name, c.Kind, placeOf(c), state, s.Sent, lostOf(s), s.Waiting, o.config.SpoolSize}, Tone: tone})
	}
	p, err := view.Few(q, outputColumns, rows)
	if len(a.outputs) == 0 {
		p.Note = "No output is configured: events are in the files of the data folder, and in the audit log."
	}
	return p, err
}

func outputState(o *output, s ship.Status) (string, view.Tone) {
	switch {
	case s.Waiting >= o.config.SpoolSize*9/10:
		return "full", view.Bad
	case s.Away:
		return "away", view.Warn
	}
	return "delivering", view.Good
}

func lostOf(s ship.Status) (n int64) {
	for _, one := range s.Lost {
		n += one
	}
	return n
}

func (a *App) outputItem(_ context.Context, id string) (view.Item, error) {
	at := slices.IndexFunc(a.outputs, func(o *output) bool { return o.name == id })
	if at < 0 {
		return view.Item{}, view.ErrNotFound
	}
	o := a.outputs[at]
	s, c := o.ship.Status(), a.Events.Outputs[o.name]
	state, tone := outputState(o, s)
	facts := []view.Fact{
		{Name: "Kind", Value: c.Kind, Kind: view.Code}, {Name: "To", Value: placeOf(c), Kind: view.Code},
		{Name: "Format", Value: cmp.Or(c.Format, "ecs"), Kind: view.Code}, {Name: "From level", Value: o.config.Level.String(), Kind: view.Level},
		{Name: "Only", Value: slices.Clone(o.config.Only), Kind: view.Texts},
		{Name: "Taken", Value: s.Sent, Kind: view.Number}, {Name: "Waiting on the disk", Value: s.Waiting, Kind: view.Bytes},
		{Name: "Room for", Value: o.config.SpoolSize, Kind: view.Bytes}, {Name: "Encrypted on the disk", Value: a.Events.Encrypt, Kind: view.Flag},
	}
	for _, why := range slices.Sorted(maps.Keys(s.Lost)) {
		f := view.Fact{Name: fmt.Sprintf("Lost: %s", strings.ReplaceAll(why, "_", " ")), Value: s.Lost[why], Kind: view.Number}
		if s.Lost[why] > 0 {
			f.Tone = view.Bad
		}
		facts = append(facts, f)
	}
	return view.Item{Title: o.name, State: state, Tone: tone, Sections: []view.Section{{Title: "How it does", Facts: facts}}}, nil
}

var placeholder = regexp.MustCompile(`^\{[a-z]+\.[A-Za-z0-9_./-]+\}$`)

// placeOf is where an output sends, without what may be secret: passwords, and the path of a webhook, which often is its key.
func placeOf(o *EventOutput) string {
	switch {
	case o.Kind == "file" || placeholder.MatchString(o.To):
		return o.To
	case o.To == "":
		return "the store"
	}
	u, err := url.Parse(o.To)
	if err != nil || u.Host == "" {
		return "…"
	}
	return u.Scheme + "://" + u.Host
}
