package console

import (
	"context"
	"time"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/view"
)

const pingTime = 3 * time.Second

// healthView is whether what the gateway stands on works.
func healthView(g *ground.Ground) view.View {
	return view.View{
		Name: "health", Title: "Health", Group: view.System, Rank: 10,
		About: "Whether what this node stands on answers: its store, its database, its event files.",
		Columns: []view.Column{
			{Name: "part", Title: "Part", Kind: view.Text},
			{Name: "state", Title: "State", Kind: view.State},
			{Name: "took", Title: "Answered in", Kind: view.Duration},
			{Name: "note", Title: "What that means", Kind: view.Text, Less: true},
		},
		Rows: func(ctx context.Context, _ view.Query) (view.Page, error) {
			rows := []view.Row{
				pinged(ctx, "Store", g.Store.Ping, "Sessions, limits and bans need it. Each part says in its README what it does without."),
				pinged(ctx, "Database", g.DB.Ping, "Accounts, grants, incidents and bans are kept there."),
				eventRow(g),
			}
			return view.Page{Rows: rows, Total: len(rows), Note: "Of the node " + g.Node + " alone: another may see it otherwise."}, nil
		},
	}
}

func pinged(ctx context.Context, part string, ping func(context.Context) error, note string) view.Row {
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	began := time.Now()
	state, tone := "working", view.Good
	if err := ping(ctx); err != nil { // the error may hold an address or a name: it is in the log of whoever needs the part
		state, tone = "not answering", view.Bad
	}
	return view.Row{Cells: []any{part, state, time.Since(began), note}, Tone: tone}
}

func eventRow(g *ground.Ground) view.Row {
	const note = "Events that found no place since the start: of the queue, or of the disk. None is good."
	queue, disk := g.Events.Dropped()
	if queue+disk == 0 {
		return view.Row{Cells: []any{"Events", "none lost", nil, note}, Tone: view.Good}
	}
	return view.Row{Cells: []any{"Events", "some lost", nil, note}, Tone: view.Bad}
}
