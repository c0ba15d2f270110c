package policy

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// addGrantViews shows those who run the gateway who was granted what.
func (a *App) addGrantViews() {
	a.ground.Views.Add(view.View{
		Name: "grants", Title: "Grants", Group: view.People, Rank: 40,
		About: "Who stands in which relation to what: the owner of a room, a member of it, for good or until a day. Roles stand with the accounts.",
		Filters: []view.Filter{
			{Name: "subject", Title: "Who", Kind: view.Text, Hint: "a user name, or * for whoever is signed in"},
			{Name: "relation", Title: "Relation", Kind: view.Text, Hint: "owner"},
			{Name: "object", Title: "Thing", Kind: view.Text, Hint: "room:general"},
			{Name: "type", Title: "Type of thing", Kind: view.Text, Hint: "room"},
		},
		Columns: []view.Column{
			{Name: "subject", Title: "Who", Kind: view.Text, Narrow: "subject"},
			{Name: "relation", Title: "Relation", Kind: view.Text, Narrow: "relation"},
			{Name: "object", Title: "Thing", Kind: view.Code, Narrow: "object"},
			{Name: "since", Title: "Since", Kind: view.Time},
			{Name: "expires", Title: "Ends", Kind: view.Time},
		},
		Rows: a.grantRows, Item: a.grantItem,
		Actions: []view.Action{
			{
				Name: "add", Title: "Grant something", On: view.OnView, Permission: view.Admin, Ask: "Grant this?", Do: a.grantOne,
				Fields: []view.Field{
					{Name: "subject", Title: "Who", Kind: view.Text, Required: true, Hint: "a user name, or * for whoever is signed in", Most: 320},
					{Name: "relation", Title: "Relation", Kind: view.Text, Required: true, Hint: "member", Most: 64},
					{Name: "object", Title: "Thing", Kind: view.Text, Required: true, Hint: "room:general", Most: 320},
					{Name: "for", Title: "For", Kind: view.Duration, Hint: "24h; nothing: for good"},
					{Name: "until", Title: "Or until", Kind: view.Time, Hint: "2027-01-31"},
				},
			},
			{
				Name: "revoke", Title: "Revoke", On: view.OnRow, Permission: view.Admin, Danger: true, Ask: "Revoke this grant? It counts at once.", Do: a.revokeOne,
			},
		},
	})
}

func (a *App) grantRows(ctx context.Context, q view.Query) (view.Page, error) {
	found, err := a.grants.List(ctx, grant.Query{
		Subject: q.Value("subject"), Relation: q.Value("relation"), Object: q.Value("object"), Kind: q.Value("type"), After: q.After, Limit: q.Limit,
	})
	if err != nil {
		return view.Page{}, grantViewError(err)
	}
	page := view.Page{Next: found.Next, Total: -1}
	for _, e := range found.Entries {
		row := view.Row{ID: e.ID(), Cells: []any{e.Subject, e.Relation, e.Object, e.Since, nil}}
		if !e.Expires.IsZero() {
			row.Cells[4] = e.Expires
		}
		if e.Subject == grant.Everyone {
			row.Tone = view.Warn // the whole house has it
		}
		page.Rows = append(page.Rows, row)
	}
	return page, nil
}

func (a *App) grantItem(ctx context.Context, id string) (view.Item, error) {
	e, err := a.grantOf(ctx, id)
	if err != nil {
		return view.Item{}, err
	}
	facts := []view.Fact{
		{Name: "Who", Value: e.Subject, Kind: view.Text, Link: "grants?subject=" + url.QueryEscape(e.Subject)},
		{Name: "Relation", Value: e.Relation, Kind: view.Text},
		{Name: "Thing", Value: e.Object, Kind: view.Code, Link: "grants?object=" + url.QueryEscape(e.Object)},
		{Name: "Since", Value: e.Since, Kind: view.Time},
	}
	if !e.Expires.IsZero() {
		facts = append(facts, view.Fact{Name: "Ends", Value: e.Expires, Kind: view.Time})
	}
	if isLocal(e.Grant) {
		facts = append(facts, view.Fact{Name: "Account", Value: "Show", Kind: view.Text, Link: "accounts/" + url.PathEscape(e.Subject)})
	}
	item := view.Item{Title: e.Subject + " is " + e.Relation + " of " + e.Object, Sections: []view.Section{{Title: "Grant", Facts: facts}}}
	if e.Relation == grant.Parent {
		item.Title = e.Object + " lies in " + e.Subject
	}
	return item, nil
}

func (a *App) grantOf(ctx context.Context, id string) (grant.Entry, error) {
	g, err := grant.FromID(id)
	if err != nil {
		return grant.Entry{}, view.ErrNotFound
	}
	e, err := a.grants.Get(ctx, g)
	return e, grantViewError(err)
}

// grantOne grants something to somebody else.
func (a *App) grantOne(ctx context.Context, o view.Order) (view.Done, error) {
	g := grant.Grant{Subject: o.Values["subject"], Relation: o.Values["relation"], Object: o.Values["object"]}
	now := time.Now()
	var err error
	if g.Expires, err = endOf(o, now); err != nil {
		return view.Done{}, err
	}
	switch {
	case g.Relation == grant.BreakGlass:
		return view.Done{}, refusedGrant("emergency access is taken by who needs it, not given")
	case o.Who.Name != "" && g.Subject == o.Who.Name:
		return view.Done{}, refusedGrant("nobody grants themselves something: ask another administrator")
	case !g.Expires.IsZero() && !g.Expires.After(now):
		return view.Done{}, refusedGrant("it would have ended before it began")
	}
	ids, err := a.accountIDs(ctx, []grant.Grant{g})
	if err != nil {
		return view.Done{}, err
	}
	if isLocal(g) && ids[g.Subject] == "" { // whoever is called so one day would have what was meant for somebody else
		return view.Done{}, refusedGrant("no account is called so")
	}
	if err := a.grants.Apply(ctx, []grant.Grant{g}, nil); err != nil {
		return view.Done{}, grantViewError(err)
	}
	a.tellOfGrants(byOperator, "", ids, []grant.Grant{g}, nil)
	return view.Done{Message: fmt.Sprintf("%s is %s of %s.", g.Subject, g.Relation, g.Object), Undo: &view.Undo{View: "grants", Action: "revoke", ID: g.ID()}}, nil
}

// endOf is when a grant ends: the sooner of what was said; zero: never.
func endOf(o view.Order, now time.Time) (end time.Time, err error) {
	if text := o.Values["until"]; text != "" {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", "2006-01-02T15:04:05", time.DateOnly} {
			if end, err = time.Parse(layout, text); err == nil {
				break
			}
		}
		if err != nil {
			return end, refusedGrant("it would have ended before it began") // "-1h": a time ago
		}
	}
	if text := o.Values["for"]; text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			return end, fmt.Errorf("%w: for is a time as 24h", view.ErrMalformed)
		}
		if t := now.Add(d); end.IsZero() || t.Before(end) {
			end = t
		}
	}
	return end, nil
}

func (a *App) revokeOne(ctx context.Context, o view.Order) (view.Done, error) {
	e, err := a.grantOf(ctx, o.ID)
	if err != nil {
		return view.Done{}, err
	}
	undo := &view.Undo{View: "grants", Action: "add", Values: map[string]string{"subject": e.Subject, "relation": e.Relation, "object": e.Object}}
	if !e.Expires.IsZero() {
		undo.Values["until"] = e.Expires.Format(time.RFC3339Nano)
	}
	if e.Relation == grant.BreakGlass || e.Subject == o.Who.Name {
		undo = nil // nobody could give it back
	}
	if err := a.Revoke(ctx, e.Grant); err != nil {
		return view.Done{}, grantViewError(err)
	}
	return view.Done{Message: fmt.Sprintf("%s is no longer %s of %s.", e.Subject, e.Relation, e.Object), Undo: undo, Goto: "grants"}, nil
}

// Revoke takes a grant away in the name of an operator. One that is not there is no error.
func (a *App) Revoke(ctx context.Context, g grant.Grant) error {
	remove := []grant.Grant{{Subject: g.Subject, Relation: g.Relation, Object: g.Object}}
	if g.Subject == "" || g.Relation == "" { // which would mean any
		return fmt.Errorf("%w: it names no subject or relation", grant.ErrMalformed)
	}
	ids, err := a.accountIDs(ctx, remove)
	if err != nil {
		return err
	}
	if err := a.grants.Apply(ctx, nil, remove); err != nil {
		return err
	}
	a.tellOfGrants(byOperator, "", ids, nil, remove)
	return nil
}

func refusedGrant(why string) error { return fmt.Errorf("%w: %s", view.ErrRefused, why) }

// grantViewError says what may be shown of what the store says.
func grantViewError(err error) error {
	switch {
	case errors.Is(err, grant.ErrNone):
		return view.ErrNotFound
	case errors.Is(err, grant.ErrMalformed):
		return fmt.Errorf("%w: %s", view.ErrMalformed, strings.TrimPrefix(err.Error(), "adding a grant: "))
	case errors.Is(err, grant.ErrFull), errors.Is(err, grant.ErrParent):
		return fmt.Errorf("%w: %w", view.ErrRefused, err)
	}
	return err
}

// RevokeGrant is Revoke for who knows no grants. What is malformed wraps view.ErrMalformed.
func (a *App) RevokeGrant(ctx context.Context, subject, relation, object string) error {
	return grantViewError(a.Revoke(ctx, grant.Grant{Subject: subject, Relation: relation, Object: object}))
}
