package identity

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/internal/view"
)

func (a *App) tokensView() view.View {
	return view.View{
		Name: "tokens", Title: "Tokens and service keys", Group: view.People, Rank: 30, Newest: true,
		About: "What programs sign in with: personal access tokens, the keys of services and the short tokens that they got for them. Secrets are kept nowhere.",
		Filters: []view.Filter{
			{Name: "kind", Title: "Kind", Kind: view.Choice, Choices: []string{apitoken.Personal, apitoken.Service, apitoken.Key}},
			{Name: "account", Title: "Account", Kind: view.Text, Hint: "a name or an id"},
			{Name: "unused", Title: "Not used since", Kind: view.Time, Hint: "-90d"},
		},
		Columns: []view.Column{
			{Name: "account", Title: "Account", Kind: view.Text, Link: "accounts"},
			{Name: "kind", Title: "Kind", Kind: view.State, Narrow: "kind"},
			{Name: "name", Title: "Name", Kind: view.Text},
			{Name: "scopes", Title: "May", Kind: view.Texts},
			{Name: "created", Title: "Created", Kind: view.Time},
			{Name: "used", Title: "Last used", Kind: view.Time},
			{Name: "expires", Title: "Ends", Kind: view.Time},
			{Name: "id", Title: "Id", Kind: view.ID, Link: "tokens", Less: true},
		},
		Rows: a.tokenRows, Item: a.tokenItem,
		Actions: []view.Action{{
			Name: "revoke", Title: "Revoke", On: view.OnRow, Permission: view.Admin, Danger: true,
			Ask: "Revoke this? The program that uses it is refused at once, and it can't be undone.", Do: a.revokeHeld,
		}},
	}
}

func (a *App) tokenRows(ctx context.Context, q view.Query) (view.Page, error) {
	of, err := a.accountID(ctx, q.Value("account"))
	if err != nil {
		return view.Page{}, err
	}
	all, next, err := apitoken.NewStore(a.ground.DB).Browse(ctx, q.Now(), apitoken.Sight{
		Kind: q.Value("kind"), Account: of, Unused: q.Time("unused"), After: q.After, Limit: q.Limit,
	})
	if err != nil {
		return view.Page{}, viewError(err)
	}
	page := view.Page{Next: next, Total: -1}
	for _, h := range all {
		row := view.Row{ID: h.ID, Cells: []any{h.Username, h.Kind, h.Name, h.Scopes, h.CreatedAt, when(h.UsedAt), when(h.ExpiresAt), h.ID}}
		if unused(h, q.Now()) {
			row.Tone = view.Warn
		}
		page.Rows = append(page.Rows, row)
	}
	return page, nil
}

// unused tells what nobody used for long.
func unused(h apitoken.Held, now time.Time) bool {
	long := now.Add(-longUnused)
	return h.Kind != apitoken.Service && h.CreatedAt.Before(long) && h.UsedAt.Before(long)
}

// held finds one.
func (a *App) held(ctx context.Context, id string) (apitoken.Held, error) {
	all, _, err := apitoken.NewStore(a.ground.DB).Browse(ctx, time.Now(), apitoken.Sight{ID: id, Limit: 1})
	if err != nil {
		return apitoken.Held{}, viewError(err)
	}
	if len(all) == 0 || id == "" {
		return apitoken.Held{}, view.ErrNotFound
	}
	return all[0], nil
}

func (a *App) tokenItem(ctx context.Context, id string) (view.Item, error) {
	h, err := a.held(ctx, id)
	if err != nil {
		return view.Item{}, err
	}
	state, tone := "living", view.Plain
	if h.Disabled {
		state, tone = "its account is disabled", view.Muted
	}
	return view.Item{Title: fmt.Sprintf("%s of %s", kindWord(h.Kind), h.Username), State: state, Tone: tone, Sections: []view.Section{
		{Title: kindWord(h.Kind), Facts: []view.Fact{
			{Name: "Account", Value: h.Username, Kind: view.Text, Link: "accounts/" + h.Account},
			{Name: "Name", Value: h.Name, Kind: view.Text},
			{Name: "Id", Value: h.ID, Kind: view.ID},
			{Name: "May", Value: h.Scopes, Kind: view.Texts},
			{Name: "Created", Value: h.CreatedAt, Kind: view.Time},
			{Name: "Last used", Value: when(h.UsedAt), Kind: view.Time},
			{Name: "Ends", Value: when(h.ExpiresAt), Kind: view.Time},
		}},
		{Title: "Look further", Facts: []view.Fact{{Name: "What was done with it", Value: "Show", Kind: view.Text, Link: "events?session=" + h.ID}}},
	}}, nil
}

func kindWord(kind string) string {
	switch kind {
	case apitoken.Key:
		return "Service key"
	case apitoken.Service:
		return "Service token"
	}
	return "Personal token"
}

func (a *App) revokeHeld(ctx context.Context, o view.Order) (view.Done, error) {
	h, err := a.held(ctx, o.ID)
	if err != nil {
		return view.Done{}, err
	}
	by := operator(o)
	if h.Kind == apitoken.Key {
		kid := strings.TrimPrefix(o.ID, "key."+h.Account+".")
		err = a.people.RemoveServiceKey(ctx, by, h.Account, kid)
	} else {
		err = a.sessions.EndTokenOf(ctx, h.ID, "by an operator")
	}
	if err != nil {
		return view.Done{}, viewError(err)
	}
	return view.Done{Message: fmt.Sprintf("The %s of %s is revoked.", strings.ToLower(kindWord(h.Kind)), h.Username), Goto: "tokens"}, nil
}
