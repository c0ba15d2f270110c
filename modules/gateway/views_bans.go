package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/ban/banfile"
	"github.com/convosphere/gateway/modules/internal/view"
)

const (
	mostPasted  = 64 << 10 // bytes of a list in a form; longer ones are imported by the command
	mostSources = 8        // bars
)

// bansView shows who may not come.
func (a *App) bansView() view.View {
	return view.View{
		Name: "bans", Title: "Bans", Group: view.Respond, Rank: 30, Newest: true,
		About: "Addresses that may not come, on every node and for open sockets too.",
		Filters: []view.Filter{
			{Name: "address", Title: "Address", Kind: view.Address, Hint: "192.0.2.7 or 2001:db8::/32"},
			{Name: "source", Title: "Banned by", Kind: view.Text, Hint: "operator, abuse, monitor, import: or import:NAME"},
			{Name: "reason", Title: "Reason contains", Kind: view.Text},
		},
		Columns: []view.Column{
			{Name: ban.ByPrefix, Title: "Address", Kind: view.Address, Sort: true},
			{Name: "reason", Title: "Reason", Kind: view.Text},
			{Name: "source", Title: "Banned by", Kind: view.Code, Narrow: "source"},
			{Name: ban.ByTimes, Title: "Times", Kind: view.Number, Sort: true, Less: true},
			{Name: ban.ByCreated, Title: "Since", Kind: view.Time, Sort: true},
			{Name: ban.ByExpires, Title: "Until", Kind: view.Time, Sort: true},
		},
		Panels: a.banPanels, Rows: a.banRows, Item: a.banItem, Actions: a.banActions(),
	}
}

func (a *App) banPanels(context.Context, view.Query) ([]view.Panel, error) {
	counts := a.ground.Bans.Sources()
	bars, total := &view.Bars{Kind: view.Number}, 0
	for source, n := range counts {
		total += n
		bars.Items = append(bars.Items, view.Bar{Name: source, Value: float64(n), Link: "bans?source=" + url.QueryEscape(source)})
	}
	slices.SortFunc(bars.Items, func(x, y view.Bar) int {
		return cmp.Or(cmp.Compare(y.Value, x.Value), cmp.Compare(x.Name, y.Name))
	})
	bars.Items = bars.Items[:min(mostSources, len(bars.Items))]
	all := []view.Panel{{Name: "in-force", Title: "In force", Tile: &view.Tile{Value: int64(total), Kind: view.Number}}}
	if total > 0 {
		all = append(all, view.Panel{Name: "sources", Title: "Banned by", Bars: bars})
	}
	return all, nil
}

func (a *App) banRows(_ context.Context, q view.Query) (view.Page, error) {
	ask := ban.Query{Source: q.Value("source"), Text: q.Value("reason"), Sort: q.Sort, Desc: q.Desc || q.Sort == "", After: q.After, Limit: q.Limit}
	if text := q.Value("address"); text != "" {
		var err error
		if ask.Near, err = ban.Parse(text); err != nil {
			return view.Page{}, banViewError(err)
		}
	}
	found, err := a.ground.Bans.Find(ask)
	if err != nil {
		return view.Page{}, banViewError(err)
	}
	p := view.Page{Rows: make([]view.Row, len(found.Bans)), Next: found.Next, Total: found.Total}
	for i, b := range found.Bans {
		p.Rows[i] = view.Row{ID: banID(b.Prefix), Cells: []any{spelled(b.Prefix), b.Reason, b.Source, int64(b.Times), b.Created, timeCell(b.Expires)}}
	}
	if a.ground.Bans.Stale() {
		p.Note = "The database can't be reached: these bans are those that this node knew last, and they hold."
	}
	return p, nil
}

func (a *App) banItem(ctx context.Context, id string) (view.Item, error) {
	p, err := parseBanID(id)
	if err != nil {
		return view.Item{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, banTime)
	defer cancel()
	b, err := a.ground.Bans.Get(ctx, p)
	if err != nil {
		return view.Item{}, banViewError(err)
	}
	until := view.Fact{Name: "Until", Value: "until it is lifted", Kind: view.Text}
	if !b.Expires.IsZero() {
		until = view.Fact{Name: "Until", Value: b.Expires, Kind: view.Time}
	}
	return view.Item{
		Title: spelled(p), State: "banned", Tone: view.Bad,
		Sections: []view.Section{{Title: "The ban", Facts: []view.Fact{
			{Name: "Reason", Value: b.Reason, Kind: view.Text},
			{Name: "Banned by", Value: b.Source, Kind: view.Code, Link: "bans?source=" + url.QueryEscape(b.Source)},
			{Name: "Since", Value: b.Created, Kind: view.Time}, until,
			{Name: "Times banned lately", Value: int64(b.Times), Kind: view.Number},
			{Name: "Never turned away", Value: a.ground.Bans.Exempt(p.Addr()), Kind: view.Flag},
			{Name: "What it did", Value: "events", Kind: view.Text, Link: "events?client=" + url.QueryEscape(spelled(p))},
		}}},
	}, nil
}

// banID is a prefix as it stands in addresses.
func banID(p netip.Prefix) string { return strings.Replace(spelled(p), "/", "_", 1) }

func parseBanID(id string) (netip.Prefix, error) {
	p, err := ban.Parse(strings.Replace(id, "_", "/", 1))
	if err != nil {
		return p, fmt.Errorf("%w: %w", view.ErrNotFound, err)
	}
	return p, nil
}

// spelled is a prefix as people write it: the address, where it is one.
func spelled(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// banViewError says what the list says in a view's words.
func banViewError(err error) error {
	return cmp.Or(
		because(view.ErrMalformed, err, ban.ErrMalformed), because(view.ErrNotFound, err, ban.ErrNone),
		because(view.ErrRefused, err, ban.ErrExempt, ban.ErrBroad, ban.ErrFull), err,
	)
}

func (a *App) banActions() []view.Action {
	lasts := view.Field{Name: "for", Title: "For", Kind: view.Duration, Default: "24h", Hint: "30m, 24h; empty: until it is lifted"}
	force := view.Field{Name: "force", Title: "Even if it bans very many", Kind: view.Flag, Hint: "only administrators: a prefix shorter than /8 (IPv6: /16)"}
	return []view.Action{
		{
			Name: "add", Title: "Ban an address", On: view.OnView, Danger: true,
			Ask: "Ban this address? It holds on every node within a second, and closes open sockets.",
			Fields: []view.Field{
				{Name: "prefix", Title: "Address or prefix", Kind: view.Address, Required: true, Hint: "192.0.2.7; of IPv6 the /64 is meant"},
				lasts, {Name: "reason", Title: "Reason", Kind: view.Text, Most: ban.MaxReason, Hint: "for other operators; no client sees it"}, force,
			},
			Do: a.doBan,
		},
		{Name: "lift", Title: "Lift the ban", On: view.OnRow, Ask: "Lift this ban? The address may come again at once.", Do: a.doLift},
		{
			Name: "import", Title: "Ban a list", On: view.OnView, Danger: true, Permission: view.Admin,
			Ask: "Ban all addresses of this list? What is exempt or too broad is left out.",
			Fields: []view.Field{
				{Name: "list", Title: "The list", Kind: view.Text, Required: true, Lines: true, Most: mostPasted, Hint: "longer lists: convosphere ban import"},
				{Name: "format", Title: "Its format", Kind: view.Choice, Choices: banfile.Formats(), Default: "plain"},
				{Name: "name", Title: "Its name", Kind: view.Text, Required: true, Hint: "a-z 0-9 . _ -", Most: 64}, lasts,
				{Name: "replace", Title: "Lift what it named before and no longer does", Kind: view.Flag},
			},
			Do: a.doImport,
		},
		{
			Name: "clear", Title: "Lift a list", On: view.OnView, Permission: view.Admin, Ask: "Lift all bans that this list brought?",
			Fields: []view.Field{{Name: "name", Title: "The list's name", Kind: view.Text, Required: true, Most: 64}}, Do: a.doClear,
		},
	}
}

func (a *App) doBan(ctx context.Context, o view.Order) (view.Done, error) {
	ctx, cancel := context.WithTimeout(ctx, banTime)
	defer cancel()
	force := o.Values["force"] == "true"
	if force && !mayAll(ctx, o.Who) {
		return view.Done{}, errAdminOnly
	}
	p, err := ban.Parse(o.Values["prefix"])
	if err != nil {
		return view.Done{}, banViewError(err)
	}
	b := ban.Ban{Prefix: p, Reason: o.Values["reason"], Source: ban.Operator, Expires: endOf(o.Values["for"])}
	before, err := a.ground.Bans.Get(ctx, p)
	had := err == nil
	if err != nil && !errors.Is(err, ban.ErrNone) {
		return view.Done{}, err
	}
	if force {
		err = a.ground.Bans.Force(ctx, b)
	} else {
		err = a.ground.Bans.Add(ctx, b)
	}
	if err != nil {
		return view.Done{}, banViewError(err)
	}
	settle(ctx, func() bool {
		return a.knownBan(p, func(k ban.Ban) bool { return k.Reason == b.Reason && sameEnd(k, b) })
	})
	undo := &view.Undo{View: "bans", Action: "lift", ID: banID(p)}
	if had {
		undo = a.undoLift(before)
	}
	return view.Done{Message: spelled(p) + " is banned.", Undo: undo}, nil
}

// knownBan tells whether this node knows of a ban that is as it should be.
func (a *App) knownBan(p netip.Prefix, as func(ban.Ban) bool) bool {
	found, err := a.ground.Bans.Find(ban.Query{Near: p, Limit: ban.MaxPage})
	return err == nil && slices.ContainsFunc(found.Bans, func(b ban.Ban) bool { return b.Prefix == p && as(b) })
}

func sameEnd(x, y ban.Ban) bool { return x.Expires.UnixMicro() == y.Expires.UnixMicro() }

// endOf is when it ends that begins now; zero: never.
func endOf(lasts string) time.Time {
	d, err := time.ParseDuration(lasts)
	if err != nil || d <= 0 { // it was checked: there is none
		return time.Time{}
	}
	return time.Now().Add(d)
}

func (a *App) doLift(ctx context.Context, o view.Order) (view.Done, error) {
	p, err := parseBanID(o.ID)
	if err != nil {
		return view.Done{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, banTime)
	defer cancel()
	before, err := a.ground.Bans.Get(ctx, p)
	if err == nil {
		err = a.ground.Bans.Remove(ctx, p)
	}
	if err != nil {
		return view.Done{}, banViewError(err)
	}
	settle(ctx, func() bool { return !a.knownBan(p, func(ban.Ban) bool { return true }) })
	return view.Done{Message: spelled(p) + " may come again.", Undo: a.undoLift(before), Goto: "bans"}, nil
}

// undoLift bans again as it was, but for its history and for who banned: that is an operator now.
func (a *App) undoLift(b ban.Ban) *view.Undo {
	values := map[string]string{"prefix": b.Prefix.String(), "reason": b.Reason, "for": ""}
	if !b.Expires.IsZero() {
		values["for"] = max(time.Until(b.Expires).Round(time.Second), time.Second).String()
	}
	b.Source, b.Expires = ban.Operator, time.Time{}
	if errors.Is(a.ground.Bans.Admit(b, false), ban.ErrBroad) {
		values["force"] = strconv.FormatBool(true)
	}
	return &view.Undo{View: "bans", Action: "add", Values: values}
}

func (a *App) doImport(ctx context.Context, o view.Order) (view.Done, error) {
	ctx, cancel := context.WithTimeout(ctx, importTime)
	defer cancel()
	now := time.Now()
	bans, err := banfile.Read(o.Values["format"], o.Values["list"], now)
	if err != nil {
		return view.Done{}, fmt.Errorf("%w: %w", view.ErrMalformed, err)
	}
	for i := range bans {
		if bans[i].Expires.IsZero() {
			bans[i].Expires = endOf(o.Values["for"])
		}
	}
	name, replace := strings.TrimPrefix(o.Values["name"], ban.Imported), o.Values["replace"] == "true"
	had := a.ground.Bans.Sources()[ban.Imported+name] > 0
	out, err := a.ground.Bans.Import(ctx, ban.Import{Source: ban.Imported + name, Bans: bans, Replace: replace})
	if err != nil {
		return view.Done{}, banViewError(err)
	}
	done := view.Done{
		Message: fmt.Sprintf("%d banned, %d were banned already, %d left out. %s", out.Added, out.Kept, out.Skipped, strings.Join(out.Why, "; ")),
		Goto:    "bans?source=" + url.QueryEscape(ban.Imported+name),
	}
	if !had { // else what it named before could not be told from what it brought
		done.Undo = &view.Undo{View: "bans", Action: "clear", Values: map[string]string{"name": name}}
	}
	return done, nil
}

func (a *App) doClear(ctx context.Context, o view.Order) (view.Done, error) {
	ctx, cancel := context.WithTimeout(ctx, importTime)
	defer cancel()
	n, err := a.ground.Bans.Clear(ctx, ban.Imported+strings.TrimPrefix(o.Values["name"], ban.Imported))
	if err != nil {
		return view.Done{}, banViewError(err)
	}
	return view.Done{Message: fmt.Sprintf("%d bans are lifted.", n), Goto: "bans"}, nil
}
