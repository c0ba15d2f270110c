package monitor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/inforce"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/internal/view/viewtest"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/review/risk"
	"github.com/convosphere/gateway/test/stop"
)

// What recurs is a risk; people assess, assign, treat, accept and undo, and what another changed meanwhile is told.
func TestRisksInTheConsole(t *testing.T) {
	stop.After(t)
	a, err := loadMonitor(t, t.TempDir(), map[string]any{"respond": map[string]any{"mode": "off"}}, map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	addPeople(t, a, map[string]string{"ada": "admin"})
	for i := range 3 {
		f := aFinding(fmt.Sprint(i))
		f.Level = finding.High
		a.take(t.Context(), f)
	}
	v := viewtest.Of(t, a.ground.Views)
	v.Who.ID = "ID-ada"
	v.Must("risks", "look", "", nil)
	v.Must("risks", "look", "", nil)
	found := v.IDs("risks", "source=incident")
	if len(found) != 1 {
		t.Fatalf("three incidents of one rule are not one risk: %v", found)
	}
	if gaps := v.IDs("risks", "source=control&text=review"); len(gaps) != 1 || !strings.Contains(v.Item("risks", gaps[0]).Sections[1].Text, "ISO") {
		t.Errorf("that no access review was signed is not a risk, or does not say which controls ask for it: %v", gaps)
	}
	id := found[0]
	if v.Cell("risks", "", id, "score") != int64(12) || v.Tile("risks", "open").(int64) < 1 {
		t.Errorf("%+v", v.Rows("risks", ""))
	}
	v.Must("risks", "assign", id, map[string]string{"owner": "ada"})
	assessed := v.Must("risks", "assess", id, map[string]string{"likelihood": "5", "impact": "5", "note": "seen on site"})
	if item := v.Item("risks", id); item.Tone != view.Bad || v.Cell("risks", "", id, "owner") != "ada" {
		t.Errorf("%+v", item)
	}
	v.Undo(assessed)
	if v.Cell("risks", "owner=ada&least=12", id, "score") != int64(12) {
		t.Errorf("%+v", v.Rows("risks", ""))
	}
	version := v.Item("risks", id).Version
	v.Must("risks", "treat", id, map[string]string{"treatment": "mitigate", "due": "2001-01-01"})
	if got := v.IDs("risks", "overdue=true"); !slices.Contains(got, id) {
		t.Errorf("not overdue: %v", got)
	}
	action, _ := v.View("risks").Action("accept")
	if action.Permission != view.Admin {
		t.Error("moderators accept risks")
	}
	o, err := action.Order(v.Who, id, version, map[string]string{"until": "2999-01-01", "note": "why"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var conflict *view.Conflict
	if _, err := action.Do(t.Context(), o); !errors.As(err, &conflict) || len(conflict.Since) != 1 || !strings.Contains(conflict.Since[0].Title, "mitigate") {
		t.Errorf("what was seen is older: %v", err)
	}
	v.Undo(v.Must("risks", "accept", id, map[string]string{"until": "2999-01-01", "note": "why"}))
	for what, c := range map[string]struct {
		action string
		values map[string]string
	}{
		"accepted until yesterday": {"accept", map[string]string{"until": "2001-01-01", "note": "why"}}, "an owner who is nobody": {"assign", map[string]string{"owner": "nobody"}}, "closed by hand": {"close", nil},
	} {
		if _, err := v.Do("risks", c.action, id, c.values); !errors.Is(err, view.ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	written := v.Must("risks", "add", "", map[string]string{"title": "The backup is here, too", "likelihood": "2", "impact": "5"})
	v.Undo(v.Undo(written))
	if line := v.Item("risks", id).Sections; len(line[len(line)-1].Timeline) < 6 {
		t.Errorf("%+v", line)
	}
	if _, err := v.View("risks").Item(t.Context(), "x"); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
}

// Routes without a permission, and sites without routes, are risks; others are none.
func TestUnclassifiedRoutes(t *testing.T) {
	site := func(host string, routes ...any) inforce.Site {
		settings := inforce.Tree{}
		if routes != nil {
			settings["routes"] = routes
		}
		return inforce.Site{Hosts: []string{host}, Handlers: []inforce.Handler{{Module: "gw_authorize", Settings: settings}, {Module: "reverse_proxy"}}}
	}
	g := inforce.Gateway{Servers: []inforce.Server{{Sites: []inforce.Site{
		site("a.example"), site("b.example", inforce.Tree{"path": "/x", "methods": []any{"GET", "PUT"}}, inforce.Tree{"path": "/y", "permission": "y:read"}),
		{Hosts: []string{"static.example"}, Handlers: []inforce.Handler{{Module: "file_server"}}},
	}}}}
	var keys []string
	for _, c := range unclassified(g) {
		keys = append(keys, c.Key)
	}
	if want := []string{"site a.example", "route b.example GET,PUT /x"}; !slices.Equal(keys, want) {
		t.Errorf("%q, not %q", keys, want)
	}
	for n, want := range map[int]int{3: 3, 5: 4, 100: 5} {
		if often(n) != want {
			t.Errorf("%d times are %d", n, often(n))
		}
	}
	if riskSources[risk.Person] != nil {
		t.Error("a machine speaks for people")
	}
}
