package identity

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/modules/identity/lifecycle"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/view"
)

// desk is an app whose views a test asks as a person.
type desk struct {
	*App
	t   *testing.T
	who view.Person
}

func openDesk(t *testing.T) *desk {
	t.Helper()
	lend(t)
	lent.Views = new(view.Set)
	return &desk{mustLoad(t, `{"identity":{"argon2":{"memory":7168,"time":1}}}`), t, admin("boss")}
}

// admin is somebody who may do everything; nobody's account.
func admin(id string) view.Person {
	return view.Person{ID: id, Session: "S", May: func(context.Context, string) bool { return true }}
}

func moderator(id string) view.Person {
	return view.Person{ID: id, Session: "S", May: func(_ context.Context, p string) bool { return p != view.Admin }}
}

func (d *desk) add(name string, roles ...string) account.Account {
	d.t.Helper()
	a, err := d.people.Create(d.t.Context(), lifecycle.Operator{}, name, password, "", roles, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

func (d *desk) rows(name, query string) view.Page {
	d.t.Helper()
	p, err := d.page(name, query)
	if err != nil {
		d.t.Fatalf("%s?%s: %v", name, query, err)
	}
	return p
}

func (d *desk) page(name, query string) (view.Page, error) {
	v, ok := lent.Views.Get(name)
	if !ok {
		d.t.Fatalf("there is no view %s", name)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		d.t.Fatal(err)
	}
	q, err := v.Ask(values, d.who, time.Now())
	if err != nil {
		d.t.Fatal(err)
	}
	return v.Rows(d.t.Context(), q)
}

func (d *desk) names(query string) (names []string) {
	for _, r := range d.rows("accounts", query).Rows {
		names = append(names, r.Cells[0].(string))
	}
	return names
}

func (d *desk) do(name, action, id, version string, values map[string]string) (view.Done, error) {
	d.t.Helper()
	v, _ := lent.Views.Get(name)
	a, ok := v.Action(action)
	if !ok {
		d.t.Fatalf("%s has no action %s", name, action)
	}
	o, err := a.Order(d.who, id, version, values, time.Now())
	if err != nil {
		d.t.Fatal(err)
	}
	return a.Do(d.t.Context(), o)
}

func (d *desk) item(name, id string) view.Item {
	d.t.Helper()
	v, _ := lent.Views.Get(name)
	item, err := v.Item(d.t.Context(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	return item
}

func (d *desk) login(name string) session.Result {
	d.t.Helper()
	r, err := d.Login(d.t.Context(), session.Attempt{Username: name, Password: password, UserAgent: "Browser/1"})
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

func TestAccountsView(t *testing.T) {
	d := openDesk(t)
	d.add("ada", "admin")
	d.add("bert", "moderator", "user")
	cleo := d.add("cleo", "user")
	d.login("bert")
	if got := d.names(""); !slices.Equal(got, []string{"ada", "bert", "cleo", "ursula"}) {
		t.Fatal(got)
	}
	if _, err := d.do("accounts", "disable", cleo.ID, "", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := lent.DB.Exec(t.Context(), `UPDATE accounts SET code_locked_until = ? WHERE username = 'ursula'`, database.Micros(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string][]string{
		"text=b": {"bert"}, "role=admin": {"ada"}, "role=min": nil, "state=disabled": {"cleo"}, "state=locked": {"ursula"}, "factor=none&state=active": {"ada", "bert", "ursula"}, "factor=key": nil,
		"sort=-name": {"ursula", "cleo", "bert", "ada"}, "sort=-login&limit=1": {"bert"}, "unused=-1h": {"ada", "cleo", "ursula"}, "sort=created": {"ursula", "ada", "bert", "cleo"},
	} {
		if got := d.names(query); !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", query, got, want)
		}
	}
	for _, sort := range []string{"name", "-name", "login", "-login", "created", "-created"} { // in pages all are there, once
		var all []string
		after := ""
		for range 5 {
			p := d.rows("accounts", "limit=1&sort="+sort+"&after="+after)
			for _, r := range p.Rows {
				all = append(all, r.Cells[0].(string))
			}
			if after = p.Next; after == "" {
				break
			}
		}
		if whole := d.names("sort=" + sort); !slices.Equal(all, whole) || len(all) != 4 {
			t.Errorf("%s: in pages %v, at once %v", sort, all, whole)
		}
	}
	if _, err := d.page("accounts", "after=!!"); !errors.Is(err, view.ErrMalformed) {
		t.Error(err)
	}
}

// Nobody shuts themselves out, nor the last administrator, and moderators touch no administrator.
func TestAccountActionsRefuse(t *testing.T) {
	d := openDesk(t)
	ada, bert := d.add("ada", "admin"), d.add("bert", "moderator")
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, view.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := d.do("accounts", "disable", ada.ID, "", nil)
	refused("the last administrator is disabled", err)
	_, err = d.do("accounts", "roles", ada.ID, "", map[string]string{"roles": "user"})
	refused("the last administrator is made a user", err)
	_, err = d.do("accounts", "roles", bert.ID, "", map[string]string{"roles": "A%"})
	refused("a role that can't be", err)
	d.who = admin(bert.ID)
	_, err = d.do("accounts", "roles", bert.ID, "", map[string]string{"roles": "admin"})
	refused("somebody makes themselves an administrator", err)
	for _, who := range []view.Person{moderator(bert.ID), {ID: bert.ID}} {
		d.who = who
		for _, action := range []string{"unlock", "end-sessions"} {
			_, err := d.do("accounts", action, ada.ID, "", nil)
			refused("a moderator: "+action, err)
		}
	}
	if found, err := d.people.Accounts.ByID(t.Context(), ada.ID); err != nil || found.Revision != ada.Revision {
		t.Errorf("something changed: %+v, %v", found, err)
	}
	if v, _ := lent.Views.Get("accounts"); v.Permission != view.Read {
		t.Error(v.Permission)
	}
	for action, permission := range map[string]string{"disable": view.Admin, "enable": view.Admin, "roles": view.Admin, "reset-factors": view.Admin, "approve": view.Admin, "unlock": view.Act, "end-sessions": view.Act} {
		v, _ := lent.Views.Get("accounts")
		if a, ok := v.Action(action); !ok || a.Permission != permission {
			t.Errorf("%s asks for %+v", action, a)
		}
	}
	if _, err := d.do("accounts", "disable", "nobody", "", nil); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
}

// What was changed meanwhile is not overwritten, and what was done is undone by what the answer says.
func TestAccountActions(t *testing.T) {
	d := openDesk(t)
	d.add("ada", "admin")
	bert := d.add("bert", "user")
	seen := d.item("accounts", "bert")
	done, err := d.do("accounts", "roles", bert.ID, seen.Version, map[string]string{"roles": "user, moderator,user"})
	if err != nil {
		t.Fatal(err)
	}
	roles := func() []string {
		found, err := d.people.Accounts.ByID(t.Context(), bert.ID)
		if err != nil {
			t.Fatal(err)
		}
		return found.Roles
	}
	if got := roles(); !slices.Equal(got, []string{"moderator", "user"}) {
		t.Fatal(got)
	}
	if _, err := d.do("accounts", "disable", bert.ID, seen.Version, nil); !errors.Is(err, view.ErrConflict) {
		t.Errorf("what was seen is older: %v", err)
	}
	if _, err := d.do("accounts", "disable", bert.ID, "x", nil); !errors.Is(err, view.ErrConflict) {
		t.Error(err)
	}
	for done.Undo != nil && len(roles()) > 1 {
		if done, err = d.do(done.Undo.View, done.Undo.Action, done.Undo.ID, "", done.Undo.Values); err != nil {
			t.Fatal(err)
		}
	}
	if got := roles(); !slices.Equal(got, []string{"user"}) {
		t.Error(got)
	}
	d.login("bert")
	if page := d.rows("sessions", "account=bert"); len(page.Rows) != 1 {
		t.Fatalf("%+v", page)
	}
	if done, err = d.do("accounts", "disable", bert.ID, "", nil); err != nil || done.Undo.Action != "enable" {
		t.Fatal(done, err)
	}
	if item := d.item("accounts", bert.ID); item.State != account.StateDisabled || slices.Contains(item.Actions, "disable") || len(d.rows("sessions", "").Rows) != 0 {
		t.Errorf("%+v", item)
	}
	if _, err = d.do("accounts", "enable", bert.ID, "", nil); err != nil || d.item("accounts", "bert").State != account.StateActive {
		t.Error(err)
	}
}

func TestSessionsView(t *testing.T) {
	d := openDesk(t)
	d.add("ada", "admin")
	for range 3 {
		d.login("ursula")
	}
	d.login("ada")
	first := d.rows("sessions", "limit=3")
	rest := d.rows("sessions", "limit=3&after="+first.Next)
	if len(first.Rows) != 3 || len(rest.Rows) != 1 || rest.Next != "" {
		t.Fatalf("%+v, then %+v", first, rest)
	}
	if got := d.rows("sessions", "account=nobody"); len(got.Rows) != 0 {
		t.Errorf("%+v", got)
	}
	if got := d.rows("sessions", "single=true&since=-1h"); len(got.Rows) != 4 {
		t.Errorf("%+v", got)
	}
	of := d.rows("sessions", "account=ursula").Rows
	if item := d.item("sessions", of[0].ID); !strings.Contains(item.Title, "ursula") || item.Sections[0].Facts[6].Value != "Browser/1" {
		t.Errorf("%+v", item)
	}
	if _, err := d.do("sessions", "end", of[0].ID, "", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := d.do("sessions", "end", of[0].ID, "", nil); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
	if got := d.rows("sessions", "account=ursula"); len(got.Rows) != 2 {
		t.Errorf("%+v", got)
	}
	d.who = moderator("M")
	if _, err := d.do("sessions", "end", d.rows("sessions", "account=ada").Rows[0].ID, "", nil); !errors.Is(err, view.ErrRefused) {
		t.Errorf("a moderator ends an administrator's session: %v", err)
	}
}

// No view shows a secret, and what is revoked is refused.
func TestTokensView(t *testing.T) {
	d := openDesk(t)
	ctx := t.Context()
	id, err := d.Verify(ctx, d.login("ursula").Tokens.Access)
	if err != nil {
		t.Fatal(err)
	}
	_, raw, err := d.NewToken(ctx, id, "backup", "rooms:read", 48*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	private, public, err := directory.NewServiceKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.AddService(ctx, lifecycle.Operator{}, "robot", []string{"user"}, "rooms:read", false, public); err != nil {
		t.Fatal(err)
	}
	page := d.rows("tokens", "")
	if len(page.Rows) != 2 || len(d.rows("tokens", "limit=1&after="+d.rows("tokens", "limit=1").Next).Rows) != 1 {
		t.Fatalf("%+v", page)
	}
	if got := d.rows("tokens", "unused=-1d"); len(got.Rows) != 0 {
		t.Errorf("what is new is not unused: %+v", got)
	}
	var hash string
	if err := lent.DB.QueryRow(ctx, `SELECT hash FROM tokens`).Scan(&hash); err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal([]any{page, d.rows("accounts", ""), d.rows("sessions", ""), d.item("accounts", "ursula"), d.item("tokens", page.Rows[0].ID), d.item("tokens", page.Rows[1].ID)})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range append(spellings(raw), hash, string(private), string(public), "$argon2id$") {
		if strings.Contains(strings.ToLower(string(shown)), strings.ToLower(secret)) {
			t.Errorf("%q is shown", secret)
		}
	}
	for _, row := range page.Rows {
		if _, err := d.do("tokens", "revoke", row.ID, "", nil); err != nil {
			t.Errorf("%v: %v", row, err)
		}
	}
	if got := d.rows("tokens", ""); len(got.Rows) != 0 {
		t.Errorf("%+v", got)
	}
	if _, err := d.Verify(ctx, raw); err == nil {
		t.Error("the token is taken after it was revoked")
	}
	if _, err := d.do("tokens", "revoke", page.Rows[0].ID, "", nil); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
	if v, _ := lent.Views.Get("tokens"); v.Actions[0].Permission != view.Admin {
		t.Error("moderators revoke tokens")
	}
}
