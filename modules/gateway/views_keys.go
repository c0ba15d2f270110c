package gateway

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/keyset"
	"github.com/convosphere/gateway/modules/internal/view"
)

// keysView shows which keys there are, how old they are and when they are replaced; never a key.
func (a *App) keysView() view.View {
	return view.View{
		Name: "keys", Title: "Keys", Group: view.System, Rank: 20, Permission: view.Admin,
		About:   "Signing keys, which sign tokens and what the back end is told, and the key sets that fields and files are encrypted with.",
		Filters: []view.Filter{{Name: "name", Title: "Name begins with", Kind: view.Text}},
		Columns: []view.Column{
			{Name: "name", Title: "Key set", Kind: view.Text},
			{Name: "id", Title: "Id", Kind: view.ID},
			{Name: "state", Title: "State", Kind: view.State},
			{Name: "versions", Title: "Versions", Kind: view.Number},
			{Name: "created", Title: "Made", Kind: view.Time, Less: true},
			{Name: "rotated", Title: "Last rotated", Kind: view.Time},
			{Name: "master", Title: "Wrapped by", Kind: view.Code, Less: true},
		},
		Panels: a.keyPanels, Rows: a.keyRows, Item: a.keyItem, Actions: a.keyActions(),
	}
}

func (a *App) keyActions() []view.Action {
	name := []view.Field{{Name: "name", Title: "Write the key set's name to confirm", Kind: view.Text, Required: true}}
	return []view.Action{
		{
			Name: "rotate-signing", Title: "Replace the signing key", On: view.OnView, Permission: view.Admin,
			Ask: "Make a new signing key? It signs in ten minutes, when all who verify know of it; what the old one signed stays good.", Do: a.doRotateSigning,
		},
		{
			Name: "withdraw-signing", Title: "Withdraw all signing keys", On: view.OnView, Permission: view.Admin, Danger: true,
			Ask: "Withdraw every signing key at once, for one may be in wrong hands? All access tokens end now; people who are signed in go on with their next refresh.", Do: a.doWithdraw,
		},
		{Name: "rewrap", Title: "Wrap all key sets anew", On: view.OnView, Permission: view.Admin, Ask: "Have the master key in force wrap all key sets anew, in the background?", Do: a.doRewrap},
		{Name: "rotate", Title: "Rotate", On: view.OnRow, Permission: view.Admin, Ask: "Add a version to this key set? It encrypts from now on; what older versions encrypted stays readable.", Do: a.onKey((*keyset.Sets).Rotate, "%s encrypts with a new version.", "")},
		{Name: "disable", Title: "Disable", On: view.OnRow, Permission: view.Admin, Danger: true, Ask: "Disable this key set? What it encrypted can't be read, and nothing new is encrypted, until it is enabled.", Do: a.onKey((*keyset.Sets).Disable, "%s is disabled.", "enable")},
		{Name: "enable", Title: "Enable", On: view.OnRow, Permission: view.Admin, Ask: "Enable this key set?", Do: a.onKey((*keyset.Sets).Enable, "%s is enabled.", "disable")},
		{
			Name: "destroy", Title: "Destroy", On: view.OnItem, Permission: view.Admin, Danger: true, Fields: name,
			Ask: "Destroy this key set for ever? Nothing that it encrypted can be read again. This can't be undone.", Do: a.doDestroy,
		},
	}
}

func (a *App) keyPanels(ctx context.Context, _ view.Query) ([]view.Panel, error) {
	ctx, cancel := context.WithTimeout(ctx, dataKeyTime)
	defer cancel()
	table := &view.Table{Columns: []view.Column{
		{Name: "kid", Title: "Signing key", Kind: view.ID}, {Name: "state", Title: "State", Kind: view.State},
		{Name: "from", Title: "Signs from", Kind: view.Time}, {Name: "until", Title: "Verifies until", Kind: view.Time},
	}}
	due := view.Panel{Name: "due", Title: "Next rotation", Tile: &view.Tile{Value: "by hand", Kind: view.State, Note: "key_rotation is off, or each node of the fleet has its own folder"}}
	age := view.Panel{Name: "age", Title: "Signing key in use for", Tile: &view.Tile{Kind: view.Duration}}
	for _, k := range a.ground.Keys.Keys() {
		table.Rows = append(table.Rows, view.Row{Cells: []any{k.ID, k.State, timeCell(k.From), timeCell(k.Until)}})
		if k.State != keyring.Signing || k.From.IsZero() {
			continue
		}
		age.Tile.Value = time.Since(k.From).Round(time.Second)
		if every := a.rotation(); every > 0 {
			due.Tile = &view.Tile{Value: k.From.Add(every), Kind: view.Time}
		}
	}
	all := []view.Panel{age, due, {Name: "signing", Title: "Signing keys", Table: table, Wide: true}}
	p, err := a.ground.DataKeys.Progress(ctx)
	if err != nil {
		return nil, err
	}
	if !p.Started.IsZero() {
		all = append(all, view.Panel{Name: "rewrap", Title: "Key sets wrapped anew", Tile: rewrapTile(p)})
	}
	return all, nil
}

func rewrapTile(p keyset.Progress) *view.Tile {
	t := &view.Tile{Value: p.Done, Kind: view.Number, Note: fmt.Sprintf("of %d, begun at %s", p.Total, p.Started.UTC().Format(time.RFC3339))}
	switch {
	case p.Trouble != "" && p.Finished.IsZero():
		t.Tone, t.Note = view.Bad, t.Note+": "+p.Trouble
	case p.Failed > 0:
		t.Tone, t.Note = view.Bad, fmt.Sprintf("%s; %d could not be", t.Note, p.Failed)
	case !p.Finished.IsZero():
		t.Tone = view.Good
	}
	return t
}

func (a *App) keyRows(ctx context.Context, q view.Query) (view.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, dataKeyTime)
	defer cancel()
	after, err := parseKeyCursor(q.After)
	if err != nil {
		return view.Page{}, err
	}
	sets, err := a.ground.DataKeys.List(ctx, q.Value("name"), after, q.Limit)
	if err != nil {
		return view.Page{}, err
	}
	p := view.Page{Rows: make([]view.Row, len(sets)), Total: -1}
	for i, s := range sets {
		p.Rows[i] = view.Row{
			ID: s.ID, Cells: []any{s.Name, s.ID, string(s.State), s.Versions, s.Created, timeCell(s.Rotated), s.Master},
			Tone: keyTones[s.State], Actions: keyWays[s.State],
		}
	}
	if len(sets) == q.Limit {
		p.Next = keyCursor(sets[len(sets)-1])
	}
	return p, nil
}

var (
	keyTones = map[keyset.State]view.Tone{keyset.Disabled: view.Warn, keyset.Destroyed: view.Muted}
	keyWays  = map[keyset.State][]string{keyset.Active: {"rotate", "disable", "destroy"}, keyset.Disabled: {"enable", "destroy"}, keyset.Destroyed: {}}
)

// keyCursor is where a page of key sets ends; names may hold anything.
func keyCursor(i keyset.Info) string {
	raw, _ := json.Marshal(nextJSON{i.Name, i.ID}) // two strings
	return base64.RawURLEncoding.EncodeToString(raw)
}

func parseKeyCursor(s string) (c keyset.Cursor, err error) {
	if s == "" {
		return c, nil
	}
	var next nextJSON
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(raw, &next)
	}
	if err != nil {
		return c, fmt.Errorf("%w: after is what a page before said", view.ErrMalformed)
	}
	return keyset.Cursor{Name: next.Name, ID: next.ID}, nil
}

func (a *App) keyItem(ctx context.Context, id string) (view.Item, error) {
	ctx, cancel := context.WithTimeout(ctx, dataKeyTime)
	defer cancel()
	s, err := a.ground.DataKeys.Find(ctx, id)
	if err != nil {
		return view.Item{}, keyViewError(err)
	}
	return view.Item{
		Title: s.Name, State: string(s.State), Tone: keyTones[s.State], Actions: keyWays[s.State],
		Sections: []view.Section{{Title: "The key set", Facts: []view.Fact{
			{Name: "Id", Value: s.ID, Kind: view.ID}, {Name: "Versions", Value: s.Versions, Kind: view.Number},
			{Name: "Made", Value: s.Created, Kind: view.Time}, {Name: "Last rotated", Value: timeCell(s.Rotated), Kind: view.Time},
			{Name: "Wrapped by", Value: s.Master, Kind: view.Code}, {Name: "Wrapped at", Value: timeCell(s.Wrapped), Kind: view.Time},
		}}},
	}, nil
}

// keyViewError says what the key sets say in a view's words.
func keyViewError(err error) error {
	return cmp.Or(
		because(view.ErrMalformed, err, keyset.ErrName), because(view.ErrNotFound, err, keyset.ErrUnknown),
		because(view.ErrRefused, err, keyset.ErrExists, keyset.ErrAmbiguous, keyset.ErrDestroyed, keyset.ErrDisabled, keyset.ErrFull, keyset.ErrVersions), err,
	)
}

// onKey does an operation on a set; undo is the action that takes it back, "" none.
func (a *App) onKey(do func(*keyset.Sets, context.Context, string) (keyset.Info, error), message, undo string) func(context.Context, view.Order) (view.Done, error) {
	return func(ctx context.Context, o view.Order) (view.Done, error) {
		ctx, cancel := context.WithTimeout(ctx, dataKeyTime)
		defer cancel()
		i, err := do(a.ground.DataKeys, ctx, o.ID)
		if err != nil {
			return view.Done{}, keyViewError(err)
		}
		done := view.Done{Message: fmt.Sprintf(message, i.Name)}
		if undo != "" {
			done.Undo = &view.Undo{View: "keys", Action: undo, ID: i.ID}
		}
		return done, nil
	}
}

func (a *App) doDestroy(ctx context.Context, o view.Order) (view.Done, error) {
	ctx, cancel := context.WithTimeout(ctx, dataKeyTime)
	defer cancel()
	i, err := a.ground.DataKeys.Find(ctx, o.ID)
	if err == nil && i.Name != o.Values["name"] {
		return view.Done{}, fmt.Errorf("%w: that is not the name of the key set", view.ErrRefused)
	}
	if err == nil {
		_, err = a.ground.DataKeys.Destroy(ctx, i.ID)
	}
	if err != nil {
		return view.Done{}, keyViewError(err)
	}
	return view.Done{Message: i.Name + " is destroyed."}, nil
}

func (a *App) doRewrap(ctx context.Context, _ view.Order) (view.Done, error) {
	ctx, cancel := context.WithTimeout(ctx, dataKeyTime)
	defer cancel()
	p, err := a.ground.DataKeys.Rewrap(ctx)
	if err != nil {
		return view.Done{}, keyViewError(err)
	}
	return view.Done{Message: fmt.Sprintf("%d key sets are being wrapped anew.", p.Total)}, nil
}

func (a *App) doRotateSigning(context.Context, view.Order) (view.Done, error) {
	k, err := a.ground.Keys.Rotate()
	if err != nil {
		return view.Done{}, cmp.Or(because(view.ErrRefused, err, keyring.ErrOnItsWay), err)
	}
	return view.Done{Message: "The new key " + k.ID + " signs from " + k.From.UTC().Format(time.RFC3339) + "."}, nil
}

func (a *App) doWithdraw(context.Context, view.Order) (view.Done, error) {
	k, err := a.ground.Keys.Withdraw()
	if err != nil {
		return view.Done{}, err
	}
	return view.Done{Message: "All keys are withdrawn; " + k.ID + " signs now."}, nil
}
