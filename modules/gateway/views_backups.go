package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/gateway/backup"
	"github.com/convosphere/gateway/modules/internal/view"
)

var backupColumns = []view.Column{
	{Name: "began", Title: "Began", Kind: view.Time, Sort: true},
	{Name: "node", Title: "Node", Kind: view.Text, Sort: true},
	{Name: "state", Title: "State", Kind: view.State, Sort: true, Narrow: "state"},
	{Name: "file", Title: "File", Kind: view.Code, Less: true},
	{Name: "size", Title: "Size", Kind: view.Bytes, Sort: true},
	{Name: "rows", Title: "Rows", Kind: view.Number, Sort: true, Less: true},
	{Name: "took", Title: "Took, with its verification", Kind: view.Duration, Sort: true},
	{Name: "reason", Title: "Why not", Kind: view.Text},
}

// backupsView shows what the gateways of the fleet backed up by themselves.
func (a *App) backupsView() view.View {
	return view.View{
		Name: "backups", Title: "Backups", Group: view.System, Rank: 40,
		About:   "Backups that the gateways of this fleet made by themselves. Each was restored aside and verified before it counted as good.",
		Filters: []view.Filter{{Name: "state", Title: "State", Kind: view.Choice, Choices: []string{"good", "failed"}}},
		Columns: backupColumns, Panels: a.backupPanels, Rows: a.backupRows,
		Actions: []view.Action{{
			Name: "now", Title: "Back up now", On: view.OnView, Permission: view.Admin,
			Ask: "Make and verify a backup now? It goes on in the background.", Do: a.doBackup,
		}},
	}
}

func (a *App) backupPanels(ctx context.Context, _ view.Query) ([]view.Panel, error) {
	good, err := backup.LastGood(ctx, a.ground.DB)
	if err != nil {
		return nil, err
	}
	last := &view.Tile{Value: "never", Kind: view.State, Tone: view.Warn}
	if !good.Began.IsZero() {
		last = &view.Tile{Value: good.Began, Kind: view.Time, Note: "by " + good.Node}
	}
	why, err := a.backups.Late(ctx)
	if err != nil {
		return nil, err
	}
	if why != "" {
		last.Tone = view.Bad
	}
	state := &view.Tile{Value: "waiting", Kind: view.State, Tone: view.Good, Note: "every " + a.Backup.every().String()}
	switch s := a.backups.Status(); {
	case !s.Running.IsZero():
		state = &view.Tile{Value: "running", Kind: view.State, Note: "here, since " + s.Running.UTC().Format(time.RFC3339)}
	case s.Err != nil || why != "":
		state.Value, state.Tone = "failing", view.Bad
		if why != "" {
			state.Note = why
		}
	}
	return []view.Panel{{Name: "last", Title: "Last good backup", Tile: last}, {Name: "state", Title: "The schedule", Tile: state}}, nil
}

func (a *App) backupRows(ctx context.Context, q view.Query) (view.Page, error) {
	all, err := backup.All(ctx, a.ground.DB)
	if err != nil {
		return view.Page{}, err
	}
	var rows []view.Row
	for _, m := range all {
		state, tone := "good", view.Plain
		if m.Reason != "" {
			state, tone = "failed", view.Bad
		}
		if want := q.Value("state"); want != "" && want != state {
			continue
		}
		rows = append(rows, view.Row{Cells: []any{m.Began, m.Node, state, m.File, m.Size, m.Rows, m.Ended.Sub(m.Began), m.Reason}, Tone: tone})
	}
	return view.Few(q, backupColumns, rows)
}

func (a *App) doBackup(context.Context, view.Order) (view.Done, error) {
	if !a.backups.Soon() {
		return view.Done{}, fmt.Errorf("%w: one was asked for already", view.ErrRefused)
	}
	return view.Done{Message: "A backup is being made: what becomes of it will stand here."}, nil
}
