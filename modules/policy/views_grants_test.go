package policy

import (
	"errors"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// grantDesk asks the view of grants as somebody.
type grantDesk struct {
	*view.View
	t   *testing.T
	who view.Person
}

func openGrantDesk(t *testing.T, a *App) *grantDesk {
	t.Helper()
	a.ground.Views = new(view.Set)
	a.addGrantViews()
	v, ok := a.ground.Views.Get("grants")
	if !ok {
		t.Fatal("there is no view of grants")
	}
	return &grantDesk{v, t, view.Person{ID: "ID-ada", Name: "ada"}}
}

func (d *grantDesk) do(action, id string, values map[string]string) (view.Done, error) {
	d.t.Helper()
	a, ok := d.Action(action)
	if !ok || a.Permission != view.Admin {
		d.t.Fatalf("%s: %+v", action, a)
	}
	o, err := a.Order(d.who, id, "", values, time.Now())
	if err != nil {
		d.t.Fatal(err)
	}
	return a.Do(d.t.Context(), o)
}

func (d *grantDesk) page(query string) view.Page {
	d.t.Helper()
	values, err := url.ParseQuery(query)
	if err != nil {
		d.t.Fatal(err)
	}
	q, err := d.Ask(values, d.who, time.Now())
	if err != nil {
		d.t.Fatal(err)
	}
	p, err := d.Rows(d.t.Context(), q)
	if err != nil {
		d.t.Fatal(err)
	}
	return p
}

// Nobody grants themselves something, nor what would be nobody's, nor emergency access.
func TestGrantViewRefuses(t *testing.T) {
	a := start(t, `{}`)
	account(t, a, "ursula")
	account(t, a, "ada")
	d := openGrantDesk(t, a)
	for what, values := range map[string]map[string]string{
		"oneself":          {"subject": "ada", "relation": "owner", "object": "room:a"},
		"a stranger":       {"subject": "nobody", "relation": "owner", "object": "room:a"},
		"emergency access": {"subject": "ursula", "relation": grant.BreakGlass, "object": "session:s", "for": "1h"},
		"a past end":       {"subject": "ursula", "relation": "owner", "object": "room:a", "until": "2001-01-01"},
		"a time ago":       {"subject": "ursula", "relation": "owner", "object": "room:a", "until": "-1h"},
	} {
		if done, err := d.do("add", "", values); !errors.Is(err, view.ErrRefused) {
			t.Errorf("%s: %+v, %v", what, done, err)
		}
	}
	if _, err := d.do("add", "", map[string]string{"subject": "ursula", "relation": "owner", "object": "room"}); !errors.Is(err, view.ErrMalformed) {
		t.Error(err)
	}
	for _, id := range []string{"", "x", grant.Grant{Subject: "ursula", Relation: "owner", Object: "room:a"}.ID(), grant.Grant{Object: "room:a"}.ID()} {
		if _, err := d.do("revoke", id, nil); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if p := d.page(""); len(p.Rows) != 0 {
		t.Errorf("%+v", p)
	}
}

// What is granted is listed in pages, and each step is undone by what it says.
func TestGrantView(t *testing.T) {
	a := start(t, `{}`)
	account(t, a, "ursula")
	d := openGrantDesk(t, a)
	for _, object := range []string{"room:a", "room:b", "file:1"} {
		if _, err := d.do("add", "", map[string]string{"subject": "ursula", "relation": "owner", "object": object}); err != nil {
			t.Fatal(err)
		}
	}
	done, err := d.do("add", "", map[string]string{"subject": "*", "relation": "viewer", "object": "room:a", "for": "24h", "until": "2999-01-01"})
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]string{"": {"file:1", "room:a", "room:a", "room:b"}, "subject=ursula": {"file:1", "room:a", "room:b"}, "type=room&relation=viewer": {"room:a"}, "object=room:b": {"room:b"}} {
		var got []string
		for after := ""; ; {
			p := d.page(query + "&limit=2&after=" + after)
			for _, r := range p.Rows {
				got = append(got, r.Cells[2].(string))
			}
			if after = p.Next; after == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v", query, got)
		}
	}
	item, err := d.Item(t.Context(), done.Undo.ID)
	if err != nil || item.Title != "* is viewer of room:a" {
		t.Fatal(item, err)
	}
	ends := d.page("relation=viewer").Rows[0].Cells[4].(time.Time)
	if ends.After(time.Now().Add(24*time.Hour)) || ends.Before(time.Now().Add(23*time.Hour)) {
		t.Error(ends)
	}
	for range 2 { // taken back, and given again as it was
		if done, err = d.do(done.Undo.Action, done.Undo.ID, done.Undo.Values); err != nil {
			t.Fatal(err)
		}
	}
	if again := d.page("relation=viewer").Rows; len(again) != 1 || !again[0].Cells[4].(time.Time).Equal(ends) {
		t.Errorf("%+v, not until %s", again, ends)
	}
}
