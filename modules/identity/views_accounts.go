package identity

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/view"
)

const stateLocked = "locked"

func (a *App) accountsView() view.View {
	return view.View{
		Name: "accounts", Title: "Accounts", Group: view.People, Rank: 10,
		About: "The people who can sign in: their roles, second factors and last sign-in.",
		Filters: []view.Filter{
			{Name: "text", Title: "Name or mail address", Kind: view.Text, Hint: "the beginning of a name, or a whole address"},
			{Name: "role", Title: "Role", Kind: view.Text, Hint: "moderator"},
			{Name: "state", Title: "State", Kind: view.Choice, Choices: []string{account.StateActive, account.StateDisabled, account.StateAwaiting, stateLocked}},
			{Name: "factor", Title: "Second factor", Kind: view.Choice, Choices: []string{account.FactorNone, account.FactorApp, account.FactorKey}},
			{Name: "unused", Title: "No sign-in since", Kind: view.Time, Hint: "-90d"},
		},
		Columns: []view.Column{
			{Name: "name", Title: "Name", Kind: view.Text, Sort: true, Link: "accounts"},
			{Name: "roles", Title: "Roles", Kind: view.Texts},
			{Name: "state", Title: "State", Kind: view.State, Narrow: "state"},
			{Name: "factors", Title: "Second factors", Kind: view.Texts},
			{Name: "login", Title: "Last sign-in", Kind: view.Time, Sort: true},
			{Name: "sessions", Title: "Sessions", Kind: view.Number},
			{Name: "created", Title: "Created", Kind: view.Time, Sort: true, Less: true},
			{Name: "email", Title: "Mail address", Kind: view.Text, Less: true},
			{Name: "id", Title: "Id", Kind: view.ID, Less: true},
		},
		Panels: a.accountPanels, Rows: a.accountRows, Item: a.accountItem, Actions: a.accountActions(),
	}
}

func (a *App) accountPanels(ctx context.Context, q view.Query) ([]view.Panel, error) {
	s, err := a.people.Accounts.Summarize(ctx, q.Now(), q.Now().Add(-longUnused))
	if err != nil {
		return nil, err
	}
	tile := func(name, title string, n int, tone view.Tone, link string) view.Panel {
		t := &view.Tile{Value: int64(n), Kind: view.Number, Link: link}
		if n > 0 {
			t.Tone = tone
		}
		if s.Partial {
			t.Note = "of the first 20,000 accounts"
		}
		return view.Panel{Name: name, Title: title, Tile: t}
	}
	return []view.Panel{
		tile("all", "Accounts", s.All, view.Plain, "accounts"),
		tile("no-factor", "Without a second factor", s.NoFactor, view.Warn, "accounts?factor=none&state=active"),
		tile("waiting", "Waiting for approval", s.Waiting, view.Warn, "accounts?state=approval"),
		tile("locked", "Locked by wrong codes", s.Locked, view.Warn, "accounts?state=locked"),
		tile("disabled", "Disabled", s.Disabled, view.Muted, "accounts?state=disabled"),
		tile("unused", "No sign-in for 90 days", s.Unused, view.Warn, "accounts?unused=-90d&state=active"),
	}, nil
}

func (a *App) accountRows(ctx context.Context, q view.Query) (view.Page, error) {
	orders := map[string]string{"login": account.ByLogin, "created": account.ByCreated}
	s := account.Sight{
		Query:  account.Query{Text: q.Value("text"), Role: q.Value("role"), State: q.Value("state"), After: q.After, Limit: q.Limit},
		Factor: q.Value("factor"), Unused: q.Time("unused"), Order: orders[q.Sort], Desc: q.Desc, Now: q.Now(),
	}
	if s.State == stateLocked {
		s.State, s.Locked = "", true
	}
	all, next, err := a.people.Accounts.Browse(ctx, s)
	if err != nil {
		return view.Page{}, viewError(err)
	}
	page := view.Page{Next: next, Total: -1}
	for _, p := range all {
		state, tone := accountState(p, q.Now())
		page.Rows = append(page.Rows, view.Row{
			ID: p.ID, Tone: tone, Actions: accountDeeds(p, q.Now()),
			Cells: []any{p.Username, p.Roles, state, factorsOf(p), when(p.LastAuthAt), int64(p.Sessions), p.CreatedAt, p.Email, p.ID},
		})
	}
	return page, nil
}

func accountState(p account.Seen, now time.Time) (string, view.Tone) {
	switch state := p.State(); {
	case state == account.StateAwaiting:
		return state, view.Warn
	case state == account.StateDisabled:
		return state, view.Muted
	case p.LockedUntil.After(now):
		return stateLocked, view.Warn
	default:
		return state, view.Plain
	}
}

func factorsOf(p account.Seen) (all []string) {
	if p.TOTP {
		all = append(all, "authenticator app")
	}
	if p.WebAuthn {
		all = append(all, "security key")
	}
	return all
}

func (a *App) accountItem(ctx context.Context, id string) (view.Item, error) {
	found, err := a.people.Find(ctx, id)
	if err != nil {
		return view.Item{}, viewError(err)
	}
	now := time.Now()
	p, err := a.people.Accounts.See(ctx, found.ID, now)
	if err != nil {
		return view.Item{}, viewError(err)
	}
	state, tone := accountState(p, now)
	item := view.Item{Title: p.Username, State: state, Tone: tone, Version: strconv.FormatInt(found.Revision, 10), Actions: accountDeeds(p, now)}
	item.Sections = append(item.Sections, view.Section{Title: "Account", Facts: accountFacts(p)}, view.Section{Title: "Look further", Facts: accountLinks(p)})
	for _, add := range []func(context.Context, account.Seen) (view.Section, error){a.factorSection, a.sessionSection, a.tokenSection} {
		s, err := add(ctx, p)
		if err != nil {
			return view.Item{}, err
		}
		item.Sections = append(item.Sections, s)
	}
	return item, nil
}

func accountFacts(p account.Seen) []view.Fact {
	mail := view.Fact{Name: "Mail address", Value: p.Email, Kind: view.Text}
	if p.Email != "" && !p.EmailVerified {
		mail.Value, mail.Tone = p.Email+" (not confirmed)", view.Warn
	}
	facts := []view.Fact{
		{Name: "Id", Value: p.ID, Kind: view.ID},
		{Name: "Shown as", Value: p.DisplayName, Kind: view.Text},
		mail,
		{Name: "Roles", Value: p.Roles, Kind: view.Texts},
		{Name: "Created", Value: p.CreatedAt, Kind: view.Time},
		{Name: "Last sign-in", Value: when(p.LastAuthAt), Kind: view.Time},
		{Name: "Password changed", Value: when(p.PasswordChangedAt), Kind: view.Time},
		{Name: "Recovery codes left", Value: int64(p.Recovery), Kind: view.Number},
	}
	if !p.LockedUntil.IsZero() {
		facts = append(facts, view.Fact{Name: "Locked by wrong codes until", Value: p.LockedUntil, Kind: view.Time, Tone: view.Warn})
	}
	return facts
}

func accountLinks(p account.Seen) []view.Fact {
	link := func(name, to string) view.Fact {
		return view.Fact{Name: name, Value: "Show", Kind: view.Text, Link: to}
	}
	return []view.Fact{
		link("What they did lately", "events?user="+url.QueryEscape(p.ID)),
		link("What they were granted", "grants?subject="+url.QueryEscape(p.Username)),
		link("Incidents about them", "incidents?subject="+url.QueryEscape(p.ID)),
	}
}

func (a *App) factorSection(ctx context.Context, p account.Seen) (view.Section, error) {
	all, err := factor.NewStore(a.ground.DB, a.ground.Keys).List(ctx, p.ID)
	if err != nil {
		return view.Section{}, err
	}
	t := &view.Table{Columns: []view.Column{
		{Name: "kind", Title: "Kind", Kind: view.Text}, {Name: "name", Title: "Name", Kind: view.Text}, {Name: "created", Title: "Added", Kind: view.Time}, {Name: "used", Title: "Last used", Kind: view.Time},
	}}
	words := map[string]string{"totp": "authenticator app", "webauthn": "security key"}
	for _, f := range all {
		t.Rows = append(t.Rows, view.Row{Cells: []any{words[f.Kind], f.Name, f.CreatedAt, when(f.UsedAt)}})
	}
	return view.Section{Title: "Second factors", Table: t}, nil
}

const mostInItem = 100 // rows of a section

func (a *App) sessionSection(ctx context.Context, p account.Seen) (view.Section, error) {
	all, _, err := a.sessions.Living(ctx, session.Sight{Account: p.ID, Limit: mostInItem})
	if err != nil {
		return view.Section{}, err
	}
	t := &view.Table{Columns: []view.Column{
		{Name: "session", Title: "Session", Kind: view.ID, Link: "sessions"}, {Name: "begun", Title: "Signed in", Kind: view.Time}, {Name: "used", Title: "Last used", Kind: view.Time},
		{Name: "address", Title: "Address", Kind: view.Address}, {Name: "country", Title: "Country", Kind: view.Text}, {Name: "browser", Title: "Browser or program", Kind: view.Text, Less: true},
	}}
	for _, s := range all {
		t.Rows = append(t.Rows, view.Row{ID: s.ID, Cells: []any{s.ID, s.CreatedAt, s.UsedAt, s.IP, s.Country, s.UserAgent}})
	}
	return view.Section{Title: "Open sessions", Table: t}, nil
}

func (a *App) tokenSection(ctx context.Context, p account.Seen) (view.Section, error) {
	all, _, err := apitoken.NewStore(a.ground.DB).Browse(ctx, time.Now(), apitoken.Sight{Account: p.ID, Limit: mostInItem})
	if err != nil {
		return view.Section{}, err
	}
	t := &view.Table{Columns: []view.Column{
		{Name: "token", Title: "Token", Kind: view.ID, Link: "tokens"}, {Name: "name", Title: "Name", Kind: view.Text}, {Name: "scopes", Title: "May", Kind: view.Texts},
		{Name: "used", Title: "Last used", Kind: view.Time}, {Name: "expires", Title: "Ends", Kind: view.Time},
	}}
	for _, h := range all {
		t.Rows = append(t.Rows, view.Row{ID: h.ID, Cells: []any{h.ID, h.Name, h.Scopes, when(h.UsedAt), when(h.ExpiresAt)}})
	}
	return view.Section{Title: "Personal tokens", Table: t}, nil
}

// accountDeeds are the names of the actions that make sense of an account as it is.
func accountDeeds(p account.Seen, now time.Time) []string {
	names := []string{}
	switch p.State() {
	case account.StateAwaiting:
		names = append(names, "approve")
	case account.StateDisabled:
		names = append(names, "enable")
	default:
		names = append(names, "disable")
	}
	if p.LockedUntil.After(now) {
		names = append(names, "unlock")
	}
	if p.Sessions > 0 {
		names = append(names, "end-sessions")
	}
	if p.SecondFactor() {
		names = append(names, "reset-factors")
	}
	return append(names, "roles")
}

// guarded refuses moderators what would touch an administrator. Closed: who can't be asked for is none.
func guarded(ctx context.Context, o view.Order, roles []string) error {
	if !slices.Contains(roles, "admin") || o.Who.May != nil && o.Who.May(ctx, view.Admin) {
		return nil
	}
	return fmt.Errorf("%w: only an administrator can do this to an administrator's account", view.ErrRefused)
}
