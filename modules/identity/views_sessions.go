package identity

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/view"
)

func (a *App) sessionsView() view.View {
	return view.View{
		Name: "sessions", Title: "Sessions", Group: view.People, Rank: 20, Newest: true,
		About: "Who is signed in now, where from, and how surely.",
		Filters: []view.Filter{
			{Name: "account", Title: "Account", Kind: view.Text, Hint: "a name, a mail address or an id"},
			{Name: "country", Title: "Country", Kind: view.Text, Hint: "DE"},
			{Name: "since", Title: "Signed in since", Kind: view.Time, Hint: "-1h"},
			{Name: "single", Title: "Without a second factor", Kind: view.Flag},
		},
		Columns: []view.Column{
			{Name: "account", Title: "Account", Kind: view.Text, Link: "accounts"},
			{Name: "begun", Title: "Signed in", Kind: view.Time},
			{Name: "used", Title: "Last used", Kind: view.Time},
			{Name: "address", Title: "Address", Kind: view.Address},
			{Name: "country", Title: "Country", Kind: view.Text, Narrow: "country"},
			{Name: "methods", Title: "Signed in by", Kind: view.Texts},
			{Name: "second", Title: "Second factor at", Kind: view.Time, Less: true},
			{Name: "risk", Title: "Unusual", Kind: view.Texts, Less: true},
			{Name: "browser", Title: "Browser or program", Kind: view.Text, Less: true},
			{Name: "ends", Title: "Ends at the latest", Kind: view.Time, Less: true},
			{Name: "id", Title: "Session", Kind: view.ID, Link: "sessions"},
		},
		Rows: a.sessionRows, Item: a.sessionItem,
		Actions: []view.Action{{
			Name: "end", Title: "End the session", On: view.OnRow, Danger: true, Ask: "End this session? Whoever uses it has to sign in again.", Do: a.endSessionOf,
		}},
	}
}

func (a *App) sessionRows(ctx context.Context, q view.Query) (view.Page, error) {
	of, err := a.accountID(ctx, q.Value("account"))
	if err != nil {
		return view.Page{}, err
	}
	all, next, err := a.sessions.Living(ctx, session.Sight{
		Account: of, Country: strings.ToUpper(q.Value("country")), Single: q.Flag("single"), Since: q.Time("since"), After: q.After, Limit: q.Limit,
	})
	if err != nil {
		return view.Page{}, viewError(err)
	}
	page := view.Page{Next: next, Total: -1}
	for _, s := range all {
		row := view.Row{ID: s.ID, Cells: []any{
			s.Username, s.CreatedAt, s.UsedAt, s.IP, s.Country, methodWords(s.Methods), when(s.Second), s.Risk, s.UserAgent, s.EndsAt, s.ID,
		}}
		if len(s.Risk) > 0 {
			row.Tone = view.Warn
		}
		page.Rows = append(page.Rows, row)
	}
	return page, nil
}

// methodWords says how somebody signed in in words (RFC 8176 has the short ones).
func methodWords(all []string) (words []string) {
	say := map[string]string{
		"pwd": "password", "otp": "authenticator app", "hwk": "security key", "swk": "passkey", "fed": "outside provider", "kba": "recovery code", "rec": "recovery code", "user": "", "pop": "", "mfa": "",
	}
	for _, m := range all {
		word, ok := say[m]
		if !ok {
			word = m
		}
		if word != "" {
			words = append(words, word)
		}
	}
	return words
}

func (a *App) sessionItem(ctx context.Context, id string) (view.Item, error) {
	s, err := a.sessions.SeeLiving(ctx, id)
	if err != nil {
		return view.Item{}, viewError(err)
	}
	return view.Item{Title: "Session of " + s.Username, State: "open", Sections: []view.Section{
		{Title: "Session", Facts: []view.Fact{
			{Name: "Account", Value: s.Username, Kind: view.Text, Link: "accounts/" + s.Account},
			{Name: "Signed in", Value: s.CreatedAt, Kind: view.Time},
			{Name: "Last used", Value: s.UsedAt, Kind: view.Time},
			{Name: "Ends at the latest", Value: s.EndsAt, Kind: view.Time},
			{Name: "Address", Value: s.IP, Kind: view.Address, Link: "events?client=" + url.QueryEscape(s.IP)},
			{Name: "Country", Value: s.Country, Kind: view.Text},
			{Name: "Browser or program", Value: s.UserAgent, Kind: view.Text},
			{Name: "Device", Value: s.Device, Kind: view.ID},
			{Name: "Signed in by", Value: methodWords(s.Methods), Kind: view.Texts},
			{Name: "Second factor at", Value: when(s.Second), Kind: view.Time},
			{Name: "Unusual", Value: s.Risk, Kind: view.Texts},
			{Name: "Stays signed in", Value: s.Remembered, Kind: view.Flag},
		}},
		{Title: "Look further", Facts: []view.Fact{{Name: "What was done in it", Value: "Show", Kind: view.Text, Link: "events?session=" + url.QueryEscape(s.ID)}}},
	}}, nil
}

func (a *App) endSessionOf(ctx context.Context, o view.Order) (view.Done, error) {
	s, err := a.sessions.SeeLiving(ctx, o.ID)
	if err != nil {
		return view.Done{}, viewError(err)
	}
	of, err := a.people.Accounts.ByID(ctx, s.Account)
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		return view.Done{}, err
	}
	if err := guarded(ctx, o, of.Roles); err != nil {
		return view.Done{}, err
	}
	if err := a.sessions.End(ctx, s.ID, "ended by an operator"); err != nil {
		return view.Done{}, err
	}
	return view.Done{Message: "The session of " + s.Username + " has ended.", Goto: "sessions"}, nil
}
