package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/policy/engine"
	"github.com/convosphere/gateway/modules/policy/grant"
)

// account makes a person known, as far as grants care.
func account(t testing.TB, a *App, name string) {
	t.Helper()
	if _, err := a.ground.DB.Exec(context.Background(), `INSERT INTO accounts (id, username, roles, password, created_at, password_changed_at) VALUES (?, ?, 'user', 'x', 1, 1)`,
		"ID-"+name, name); err != nil {
		t.Fatal(err)
	}
}

func TestGrantsOverTheAdminAPI(t *testing.T) {
	dir := t.TempDir()
	during(t, dir, `{}`, func(a *App) { useAdminAPI(t, a) })
	var told []string
	for _, action := range []string{"grant-added", "grant-removed"} {
		for _, e := range events(t, dir, action) {
			told = append(told, fmt.Sprint(e["event.action"], " ", e["user.id"], " ", e["gateway.grant.subject"], " ", e["gateway.grant.relation"], " ", e["gateway.grant.object"]))
			if raw, err := json.Marshal(e); err != nil || strings.Contains(string(raw), `"ursula"`) || strings.Contains(string(raw), "ada@corp") {
				t.Errorf("an event tells a name: %s", raw)
			}
		}
	}
	want := `grant-added ID-ursula account owner room:a
grant-added <nil> everyone viewer room:a
grant-added ID-petra account member room:a
grant-added <nil> object parent file:1
grant-added <nil> foreign member room:b
grant-added <nil> account member room:c
grant-removed <nil> anyone owner room:a
grant-removed <nil> anyone <nil> room:b`
	if got := strings.Join(told, "\n"); got != want {
		t.Errorf("told\n%s\nwant\n%s", got, want)
	}
}

func useAdminAPI(t *testing.T, a *App) {
	account(t, a, "ursula")
	account(t, a, "petra")
	must := func(method, uri, body string) string {
		t.Helper()
		code, answer := ask(t, method, uri, body)
		if code/100 != 2 {
			t.Fatalf("%s %s: %d %s", method, uri, code, answer)
		}
		return answer
	}
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	must("POST", "/gateway/grants", `{"add": [{"subject": "ursula", "relation": "owner", "object": "room:a"}, {"subject": "*", "relation": "viewer", "object": "room:a"},
		{"subject": "petra", "relation": "member", "object": "room:a", "expires": "`+end.Format(time.RFC3339)+`"}, {"subject": "room:a", "relation": "parent", "object": "file:1"},
		{"subject": "ada@corp", "relation": "member", "object": "room:b"}]}`)
	in := &engine.Input{Permission: "room:read", Identity: person("ursula", "user"), Resource: engine.Object{Type: "room", ID: "a"}}
	if d := a.Decide(context.Background(), in); !d.Allow {
		t.Errorf("granted, but %+v", d)
	}
	if got := must("GET", "/gateway/grants/check?subject=ursula&object=room:a", ""); got != `{"relations":["owner","viewer"]}` {
		t.Error(got)
	}
	if got := must("GET", "/gateway/grants/check?subject=petra&object=file:1", ""); got != `{"relations":[],"parent":"room:a","parent_relations":["member","viewer"]}` {
		t.Error(got)
	}
	var page grantsJSON
	var all []grantJSON
	for after := ""; ; after = page.Next {
		page = grantsJSON{}
		if err := json.Unmarshal([]byte(must("GET", "/gateway/grants?limit=2&after="+url.QueryEscape(after), "")), &page); err != nil {
			t.Fatal(err)
		}
		if all = append(all, page.Grants...); page.Next == "" {
			break
		}
	}
	if len(all) != 5 {
		t.Fatalf("%+v", all)
	}
	for _, g := range all {
		if g.Since == nil || (g.Expires != nil) != (g.Subject == "petra") || g.Expires != nil && !g.Expires.Equal(end) {
			t.Errorf("%+v", g)
		}
	}
	if err := json.Unmarshal([]byte(must("GET", "/gateway/grants?subject=ada@corp&type=room", "")), &page); err != nil || len(page.Grants) != 1 || page.Grants[0].Object != "room:b" {
		t.Errorf("%+v %v", page, err)
	}
	must("DELETE", "/gateway/grants?object=room:a&relation=owner", "")
	if d := a.Decide(context.Background(), &engine.Input{Permission: "room:update", Identity: person("ursula", "user"), Resource: engine.Object{Type: "room", ID: "a"}}); d.Allow {
		t.Errorf("removed, but %+v", d)
	}
	must("POST", "/gateway/grants", `{"remove": [{"object": "room:b"}], "add": [{"subject": "nobody.yet", "relation": "member", "object": "room:c"}], "unknown": true}`)
	if got := must("GET", "/gateway/grants/check?subject=nobody.yet&object=room:c", ""); !strings.Contains(got, "member") {
		t.Error(got)
	}
}

// Whatever is asked, what is malformed changes nothing and says why.
func TestGrantsRefused(t *testing.T) {
	a := start(t, `{"grants": {"per_object": 100}}`)
	account(t, a, "ursula")
	many := `{"add": [` + strings.Repeat(`{"subject": "*", "relation": "viewer", "object": "room:a"},`, mostGrantChanges) + `{"subject": "*", "relation": "viewer", "object": "room:a"}]}`
	for _, c := range []struct {
		method, uri, body string
		code              int
		says              string
	}{
		{"POST", "", `{`, 400, "the change"}, {"POST", "", ``, 400, "the change"}, {"POST", "", `{}`, 400, "nothing to add"}, {"POST", "", `[]`, 400, "the change"},
		{"POST", "", `{"add": [{"subject": "*", "relation": "viewer", "object": "room:a"}]} {}`, 400, "something follows"},
		{"POST", "", `{"ad": []}`, 400, "unknown field"}, {"POST", "", `{"add": [{"subject": "*", "relation": "viewer", "objekt": "room:a"}]}`, 400, "unknown field"},
		{"POST", "", many, 400, "at most 1000"}, {"POST", "", `{"x": "` + strings.Repeat("x", mostGrantBody) + `"}`, 413, "more than"},
		{"POST", "", `{"add": [{"subject": "ursula", "relation": "owner", "object": "room"}]}`, 400, "type:id"},
		{"POST", "", `{"add": [{"subject": "ursula", "relation": "owner", "object": "room:a", "expires": "2020-01-01T00:00:00Z"}]}`, 400, "ended before"},
		{"POST", "", `{"add": [{"subject": "ursula", "relation": "owner", "object": "room:a", "expires": "tomorrow"}]}`, 400, "the change"},
		{"POST", "", `{"add": [{"subject": "ursula", "relation": "break-glass", "object": "session:1"}]}`, 400, "emergency access"},
		{"POST", "", `{"add": [{"subject": "ursual", "relation": "owner", "object": "room:a"}]}`, 422, `no account is called "ursual"`},
		{"POST", "", `{"add": [{"subject": "room:a", "relation": "parent", "object": "file:1"}, {"subject": "room:b", "relation": "parent", "object": "file:1"}]}`, 409, "another parent"},
		{"POST", "", `{"add": [` + strings.Repeat(`{"subject": "*", "relation": "r%d", "object": "room:a"},`, 100) + `{"subject": "ursula", "relation": "owner", "object": "room:a"}]}`, 409, "too many grants"},
		{"POST", "", `{"remove": [{"subject": "ursula"}]}`, 400, "can't be removed"}, {"DELETE", "", ``, 400, "can't be removed"}, {"DELETE", "?subject=ursula", ``, 400, "can't be removed"},
		{"GET", "?limit=0", ``, 400, "limit"}, {"GET", "?limit=1001", ``, 400, "limit"}, {"GET", "?limit=x", ``, 400, "limit"}, {"GET", "?after=x", ``, 400, "no such page"}, {"GET", "?subject=%00", ``, 400, "no such subject"},
		{"GET", "/check?subject=Ursula&object=room:a", ``, 400, "user name"}, {"GET", "/check?subject=ursula&object=room", ``, 400, "type:id"}, {"GET", "/check", ``, 400, "user name"},
		{"PUT", "", `{}`, 405, ""},
	} {
		body := c.body
		for i := 0; strings.Contains(body, "r%d"); i++ {
			body = strings.Replace(body, "r%d", fmt.Sprint("r", i), 1)
		}
		if code, answer := ask(t, c.method, "/gateway/grants"+c.uri, body); code != c.code || !strings.Contains(answer, c.says) {
			t.Errorf("%s %s %.100s: %d %s", c.method, c.uri, c.body, code, answer)
		}
	}
	if list, err := a.grants.List(context.Background(), grant.Query{}); err != nil || len(list.Entries) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	if err := a.ground.DB.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{{"GET", "", ""}, {"GET", "/check?subject=ursula&object=room:z", ""}, {"POST", "", `{"add": [{"subject": "ursula", "relation": "owner", "object": "room:a"}]}`}, {"DELETE", "?object=room:a", ""}} {
		if code, answer := ask(t, c[0], "/gateway/grants"+c[1], c[2]); code != http.StatusInternalServerError {
			t.Errorf("without a database: %s: %d %s", c[0], code, answer)
		}
	}
}

// Of a mass of changes it is told how many there were; and that grants are full, once in a while.
func TestManyGrantsAreToldInOne(t *testing.T) {
	dir := t.TempDir()
	var add []grantJSON
	for i := range 100 {
		add = append(add, grantJSON{Subject: "*", Relation: fmt.Sprint("r", i), Object: "room:a"})
	}
	raw, err := json.Marshal(grantChange{Add: add})
	if err != nil {
		t.Fatal(err)
	}
	during(t, dir, `{"grants": {"per_object": 100}}`, func(a *App) {
		if code, answer := ask(t, "POST", "/gateway/grants", string(raw)); code != http.StatusNoContent {
			t.Fatal(code, answer)
		}
		for range 3 {
			if err := a.Apply(context.Background(), []grant.Grant{{Subject: "ursula", Relation: "owner", Object: "room:a"}}, nil); err == nil {
				t.Fatal("no end")
			}
		}
	})
	if all := events(t, dir, "grants-changed"); len(all) != 1 || all[0]["gateway.grants.added"] != 100.0 || all[0]["gateway.grants.removed"] != 0.0 {
		t.Error(all)
	}
	if all := events(t, dir, "grants-full"); len(all) != 1 || all[0]["gateway.grant.object"] != "room:a" || all[0]["gateway.grants.limit"] != 100.0 {
		t.Error(all)
	}
	if all := events(t, dir, "grant-added"); len(all) != 0 {
		t.Error(all)
	}
}

func FuzzReadGrantChange(f *testing.F) {
	f.Add([]byte(`{"add": [{"subject": "ursula", "relation": "owner", "object": "room:a", "expires": "2030-01-01T00:00:00Z"}], "remove": [{"object": "room:b"}], "unknown": true}`))
	f.Add([]byte(`{"add": null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		now := time.Unix(1_800_000_000, 0)
		add, remove, _, err := readGrantChange(raw, now)
		if err == nil && (len(add)+len(remove) == 0 || len(add)+len(remove) > mostGrantChanges) {
			t.Fatal(len(add), len(remove))
		}
		for _, g := range add {
			if err == nil && !g.Expires.IsZero() && !g.Expires.After(now) {
				t.Fatal(g)
			}
		}
	})
}
