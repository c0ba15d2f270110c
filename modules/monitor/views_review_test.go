package monitor

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/internal/view/viewtest"
	_ "github.com/convosphere/gateway/modules/policy"
	"github.com/convosphere/gateway/test/stop"
)

// addPeople puts accounts into a gateway's database: of each the id is ID- and its name.
func addPeople(t *testing.T, a *App, roles map[string]string) {
	t.Helper()
	for name, held := range roles {
		if _, err := a.ground.DB.Exec(t.Context(), `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at) VALUES (?, ?, ?, '$argon2id$SECRET', 1000, 1000)`, "ID-"+name, name, held); err != nil {
			t.Fatal(err)
		}
	}
}

func rolesOf(t *testing.T, a *App, name string) (roles string, disabled int) {
	t.Helper()
	if err := a.ground.DB.QueryRow(t.Context(), `SELECT roles, disabled FROM accounts WHERE username = ?`, name).Scan(&roles, &disabled); err != nil {
		t.Fatal(err)
	}
	return roles, disabled
}

// A review from its beginning to its signature, by the actions that the console offers, against the accounts and grants of a real gateway.
func TestReviewInTheConsole(t *testing.T) {
	stop.After(t)
	a, err := loadMonitor(t, t.TempDir(), map[string]any{}, map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	addPeople(t, a, map[string]string{"ada": "admin", "bert": "moderator,user", "cleo": "moderator", "dora": "user"})
	v := viewtest.Of(t, a.ground.Views)
	v.Must("grants", "add", "", map[string]string{"subject": "dora", "relation": "owner", "object": "room:a"})
	v.Who.ID, v.Who.Name = "ID-ada", "ada"
	begun := v.Must("reviews", "begin", "", map[string]string{"title": "Autumn", "grant": "true", "due": "2001-01-01"})
	id := strings.TrimPrefix(begun.Goto, "reviews/")
	if lines := v.IDs("review-lines", ""); len(lines) != 4 || lines[0] != id+".1" {
		t.Fatalf("ada, bert and cleo have a role, dora a grant: %v", lines)
	}
	if row := v.Rows("reviews", "").Rows[0]; row.Tone != view.Bad {
		t.Errorf("a review that is overdue looks well: %+v", row)
	}
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, view.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = v.Do("review-lines", "keep", id+".1", nil)
	refused("one's own role is kept", err)
	_, err = v.Do("reviews", "sign", id, nil)
	refused("what is undecided is signed", err)

	// Nobody takes the last administrator's role away, not even the machine's operator.
	v.Who.ID, v.Who.Name = "operator", ""
	_, err = v.Do("review-lines", "revoke", id+".1", nil)
	refused("the last administrator's role is revoked", err)
	v.Undo(v.Must("review-lines", "keep", id+".1", map[string]string{"note": "owner"}))
	v.Must("review-lines", "keep", id+".1", map[string]string{"note": "owner"})

	v.Who.ID, v.Who.Name = "ID-ada", "ada"
	for _, n := range []string{".2", ".3", ".4"} {
		v.Must("review-lines", "revoke", id+n, nil)
	}
	if roles, disabled := rolesOf(t, a, "bert"); roles != "user" || disabled != 0 {
		t.Errorf("bert is %s, %d", roles, disabled)
	}
	if _, disabled := rolesOf(t, a, "cleo"); disabled != 1 {
		t.Error("who lost the only role still has an account")
	}
	if left := v.IDs("grants", ""); len(left) != 0 {
		t.Errorf("the grant is there: %v", left)
	}
	v.Must("reviews", "sign", id, map[string]string{"statement": "Seen."})
	item := v.Item("reviews", id)
	if item.State != "signed" || len(item.Actions) != 0 || item.Sections[2].Facts[0].Value != "yes" || item.Sections[2].Facts[2].Value != "ada" {
		t.Errorf("%+v", item)
	}
	_, err = v.Do("review-lines", "undecide", id+".1", nil)
	refused("a signed review is changed", err)
	for _, name := range []string{"reviews", "review-lines"} {
		v.Hides(name, "SECRET", "argon2")
		if v.View(name).Permission != view.Admin {
			t.Errorf("moderators see %s", name)
		}
		for _, action := range v.View(name).Actions {
			if action.Permission != view.Admin {
				t.Errorf("%s asks for %s", action.Name, action.Permission)
			}
		}
	}
	for _, bad := range []string{"x", "x.1", id + ".99", id + ".x", ""} {
		if _, err := v.View("review-lines").Item(t.Context(), bad); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	reportOf(t, a, v, id)
}

// reportOf looks at what is printed and what programs read.
func reportOf(t *testing.T, a *App, v *viewtest.Views, id string) {
	t.Helper()
	d, ok := v.View("reviews").Document("report")
	if !ok {
		t.Fatal("there is no report")
	}
	var page bytes.Buffer
	if err := d.Make(t.Context(), id, &page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Autumn", "Seen.", "cleo", "revoke", "class=\"good\">yes"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the report has no %q", want)
		}
	}
	if strings.Contains(page.String(), "<script") || strings.Contains(page.String(), "http") {
		t.Error("the report runs or loads something")
	}
	for format, want := range map[string]string{"csv": "2,role,ID-bert,bert,,moderator", "json": `"intact": true`} {
		var out bytes.Buffer
		if err := a.reviews.Report(context.Background(), id, format, &out); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v\n%s", format, err, out.String())
		}
	}
	var now bytes.Buffer
	if err := a.reviews.Report(t.Context(), "", "csv", &now); err != nil || !strings.Contains(now.String(), "user,ID-bert,bert,,user") {
		t.Errorf("who holds what now: %v\n%s", err, now.String())
	}
}
