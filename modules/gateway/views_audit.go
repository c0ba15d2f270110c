package gateway

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/audit/auditlog"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/view"
)

var findingColumns = []view.Column{
	{Name: "kind", Title: "What is wrong", Kind: view.State, Sort: true, Narrow: "kind"},
	{Name: "from", Title: "From event", Kind: view.Number, Sort: true},
	{Name: "to", Title: "To before event", Kind: view.Number},
	{Name: "event_id", Title: "Event", Kind: view.ID},
	{Name: "text", Title: "In words", Kind: view.Text},
}

// auditView shows how the log stands that can't be altered unseen, and what the last verification found.
func (a *App) auditView() view.View {
	return view.View{
		Name: "audit", Title: "Audit log", Group: view.Proof, Rank: 30,
		About: "The signed log of all events on this node: how it stands, and whatever the last verification found wrong with it.",
		Filters: []view.Filter{{Name: "kind", Title: "What is wrong", Kind: view.Choice, Choices: []string{
			auditlog.Changed, auditlog.Removed, auditlog.Inserted, auditlog.Reordered, auditlog.Truncated, auditlog.Forked, auditlog.Unsigned, auditlog.Hashes, auditlog.Foreign,
		}}},
		Columns: findingColumns, Panels: a.auditPanels, Rows: a.auditRows,
		Actions: []view.Action{
			{
				Name: "verify", Title: "Verify now", On: view.OnView,
				Ask: "Read the whole log and compare it with what was signed? It goes on in the background, with at most half of one processor core.", Do: a.doVerify,
			},
			{Name: "checkpoint", Title: "Write a checkpoint", On: view.OnView, Ask: "Sign the log as it is now, and tell the database and the outputs?", Do: a.doCheckpoint},
		},
	}
}

func (a *App) auditPanels(context.Context, view.Query) ([]view.Panel, error) {
	disk := &view.Tile{Value: "writing", Kind: view.State, Tone: view.Good}
	if a.log.Failing() {
		disk = &view.Tile{Value: "failing", Kind: view.State, Tone: view.Bad, Note: "the disk refuses events: they wait in memory"}
	}
	lost := &view.Tile{Value: a.log.Lost(), Kind: view.Number, Note: "since this process began"}
	if a.log.Lost() > 0 {
		lost.Tone = view.Bad
	}
	return []view.Panel{
		{Name: "verified", Title: "Last verification", Tile: a.verificationTile()},
		{Name: "events", Title: "Events", Tile: &view.Tile{Value: a.log.Size(), Kind: view.Number, Note: "with those that retention has removed"}},
		{Name: "disk", Title: "The disk", Tile: disk},
		{Name: "lost", Title: "Lost events", Tile: lost},
		{Name: "log", Title: "The log", Wide: true, About: "Keep its public key elsewhere: by it anybody can check the log without trusting this machine.", Table: a.logTable()},
	}, nil
}

func (a *App) verificationTile() *view.Tile {
	since, last := a.verifier.status()
	switch {
	case !since.IsZero():
		return &view.Tile{Value: "running", Kind: view.State, Note: "since " + since.UTC().Format(time.RFC3339)}
	case last.Ended.IsZero():
		return &view.Tile{Value: "never", Kind: view.State, Tone: view.Warn, Note: "since this process began"}
	}
	t := &view.Tile{Value: "intact", Kind: view.State, Tone: view.Good, Note: "at " + last.Ended.UTC().Format(time.RFC3339)}
	switch {
	case last.Err != nil:
		t.Value, t.Tone = "unreadable", view.Bad
	case len(last.Report.Findings) > 0:
		t.Value, t.Tone = "altered", view.Bad
	}
	return t
}

func (a *App) logTable() *view.Table {
	t := &view.Table{Columns: []view.Column{{Name: "what", Title: "What", Kind: view.Text}, {Name: "value", Title: "Value", Kind: view.Code}}}
	add := func(what, value string) { t.Rows = append(t.Rows, view.Row{Cells: []any{what, value}}) }
	add("Name", a.log.Origin())
	add("Public key", a.log.VerifierKey())
	_, last := a.verifier.status()
	if last.Err != nil {
		add("Why it could not be verified", last.Err.Error())
	}
	if r := last.Report; r != nil {
		add("Verified events", strconv.FormatInt(r.First, 10)+" to "+strconv.FormatInt(r.Size, 10)+", in "+strconv.Itoa(r.Groups)+" signed groups")
		add("Root of the tree", r.Root)
		add("It took", last.Ended.Sub(last.Began).Round(time.Millisecond).String())
		for _, n := range r.Notes {
			add("Note", n)
		}
	}
	return t
}

func (a *App) auditRows(_ context.Context, q view.Query) (view.Page, error) {
	since, last := a.verifier.status()
	var rows []view.Row
	note := "The log was not verified yet, since this process began."
	if last.Report != nil {
		note = "All of it is what was signed."
		for _, f := range last.Report.Findings {
			note = "It is NOT what was signed."
			if kind := q.Value("kind"); kind == "" || kind == f.Kind {
				rows = append(rows, view.Row{Cells: []any{f.Kind, f.From, f.To, f.EventID, f.Text}, Tone: view.Bad})
			}
		}
		if last.Report.More > 0 {
			note += fmt.Sprintf(" %d more findings are not listed.", last.Report.More)
		}
	}
	if !since.IsZero() {
		note = "The log is being verified. " + note
	}
	p, err := view.Few(q, findingColumns, rows)
	p.Note = note
	return p, err
}

func (a *App) doVerify(context.Context, view.Order) (view.Done, error) {
	if err := a.verifier.start(); err != nil {
		return view.Done{}, fmt.Errorf("%w: %w", view.ErrRefused, err)
	}
	return view.Done{Message: "The log is being verified: the result will stand here."}, nil
}

func (a *App) doCheckpoint(ctx context.Context, _ view.Order) (view.Done, error) {
	ctx, cancel := context.WithTimeout(ctx, checkpointTime)
	defer cancel()
	if err := a.log.Checkpoint(ctx); err != nil {
		return view.Done{}, fmt.Errorf("writing a checkpoint: %w", err)
	}
	return view.Done{Message: fmt.Sprintf("%d events are signed.", a.log.Size())}, nil
}

const checkpointTime = 30 * time.Second

// openVerifier takes what verifies the log, which outlives a reload with what it found.
func (a *App) openVerifier(g *ground.Ground, releases *[]func() error) (err error) {
	if a.log == nil {
		return nil
	}
	dir := filepath.Join(a.DataDir, "audit")
	var release func() error
	a.verifier, release, err = acquire("verifier", dir+"\x00"+a.Database+"\x00"+a.Keys, func() (*verifier, func() error, error) {
		v := newVerifier(dir, g)
		return v, v.close, nil
	})
	if err == nil {
		*releases = append(*releases, release)
	}
	return err
}
