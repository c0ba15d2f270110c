package policy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/internal/view/viewtest"
	"github.com/convosphere/gateway/modules/monitor/journal"
	"github.com/convosphere/gateway/modules/policy/grant"
)

func init() { caddy.RegisterModule(testMonitor{}) }

// testMonitor stands for the app gw_monitor: it keeps a journal, or none.
type testMonitor struct {
	Dir string `json:"dir,omitempty"`

	journal *journal.Journal
	detach  func()
}

func (testMonitor) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gw_monitor", New: func() caddy.Module { return new(testMonitor) }}
}

func (m *testMonitor) Provision(ctx caddy.Context) error {
	g, err := host.Ground(ctx)
	if err != nil || m.Dir == "" {
		return err
	}
	if m.journal, err = journal.Open(journal.Options{Dir: m.Dir}); err == nil {
		m.detach = g.Events.Attach(m.journal)
	}
	return err
}

func (m *testMonitor) EventJournal() *journal.Journal { return m.journal }
func (*testMonitor) Start() error                     { return nil }
func (*testMonitor) Stop() error                      { return nil }
func (m *testMonitor) Cleanup() error {
	if m.journal == nil {
		return nil
	}
	m.detach()
	return m.journal.Close()
}

// policyViews runs a gateway that keeps its events for questions.
func policyViews(t *testing.T, policy string) (*App, *viewtest.Views) {
	t.Helper()
	dir := t.TempDir()
	if err := caddy.Load([]byte(fmt.Sprintf(`{"admin": {"disabled": true, "config": {"persist": false}}, "logging": {"logs": {"default": {"level": "PANIC"}}},
		"apps": {"gateway": {"dir": %q}, "gw_monitor": {"dir": %q}, "gw_policy": %s}}`, dir, filepath.Join(dir, "journal"), policy)), true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	a := running(t)
	set := new(view.Set)
	a.ground.Views = set
	a.addPolicyViews()
	return a, viewtest.Of(t, set)
}

// shown waits until a page has so many rows: events are kept beside requests.
func shown(t *testing.T, v *viewtest.Views, name, query string, n int) view.Page {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		p := v.Rows(name, query)
		if len(p.Rows) == n {
			return p
		}
		if time.Now().After(end) {
			t.Fatalf("%s?%s: %d rows, not %d", name, query, len(p.Rows), n)
		}
	}
}

// A decision is found by what it was about, and explained by the rule that made it.
func TestViewOfDecisions(t *testing.T) {
	a, v := policyViews(t, `{}`)
	ctx := t.Context()
	if err := a.Apply(ctx, []grant.Grant{{Subject: "ursula", Relation: "owner", Object: "room:a"}, {Subject: "room:a", Relation: grant.Parent, Object: "message:1"}}, nil); err != nil {
		t.Fatal(err)
	}
	if d := a.Decide(ctx, deleting()); !d.Allow {
		t.Fatalf("%+v", d)
	}
	other := deleting()
	other.Identity, other.RequestID = person("otto", "user"), "R2"
	if d := a.Decide(ctx, other); d.Allow {
		t.Fatalf("%+v", d)
	}
	shown(t, v, "decisions", "", 2)
	for query, want := range map[string]int{
		"decision=denied": 1, "decision=allowed": 1, "permission=message:delete": 2, "permission=room:*": 0, "user=id-otto": 1, "request=R1": 1, "limit=1": 1, "since=-1h&until=-30m": 0,
	} {
		if p := v.Rows("decisions", query); len(p.Rows) != want {
			t.Errorf("%s: %d, not %d", query, len(p.Rows), want)
		}
	}
	denied := v.Rows("decisions", "decision=denied").Rows[0]
	if rule, _ := denied.Cells[6].(string); !strings.Contains(rule, ".rego:") {
		t.Errorf("%+v", denied)
	}
	i := v.Item("decisions", denied.ID)
	why := i.Sections[1]
	if i.State != "denied" || !strings.Contains(why.Code, "denied") || !strings.Contains(why.Code, ".rego:") {
		t.Errorf("%s %q %q", i.State, why.Text, why.Code)
	}
	allowed := v.Rows("decisions", "decision=allowed").Rows[0]
	if why := v.Item("decisions", allowed.ID).Sections[1]; !strings.Contains(why.Code, ".rego:") {
		t.Errorf("%q %q", why.Text, why.Code)
	}
	for _, id := range []string{"", "nonsense"} {
		if _, err := v.View("decisions").Item(ctx, id); !errors.Is(err, view.ErrNotFound) {
			t.Error(err)
		}
	}
	q, err := v.View("decisions").Ask(map[string][]string{"after": {"no place"}}, v.Who, time.Now())
	if err == nil {
		_, err = v.View("decisions").Rows(ctx, q)
	}
	if !errors.Is(err, view.ErrMalformed) {
		t.Error(err)
	}
	panels := map[string]view.Panel{}
	for _, p := range v.Panels("policy", "") {
		panels[p.Name] = p
	}
	if panels["revision"].Tile.Value != a.Revision() || panels["denied"].Bars.Items[0].Name != "message:delete" || panels["permissions"].Bars.Items[0].Value != 2 {
		t.Errorf("%+v", panels)
	}
}

// A policy that does not pass is refused, and the one before stays in force; who may have it looked for is an administrator.
func TestViewOfPolicy(t *testing.T) {
	a, v := policyViews(t, `{}`)
	before := a.Revision()
	if done := v.Must("policy", "reload", "", nil); !strings.Contains(done.Message, before) {
		t.Error(done.Message)
	}
	if reload, _ := v.View("policy").Action("reload"); reload.Permission != view.Admin {
		t.Error("others than administrators change the policy")
	}
	if p := v.Rows("policy", ""); len(p.Rows) != 0 || !strings.Contains(p.Note, "No candidate") {
		t.Errorf("%+v", p)
	}
}

func TestViewOfABrokenPolicy(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "policy.rego"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("package gateway\n\ndecision := {\"allow\": false, \"reason\": \"closed\"}\n")
	a, v := policyViews(t, fmt.Sprintf(`{"folder": %q}`, dir))
	before := a.Revision()
	write("package gateway\n\ndecision := nonsense(\n")
	if _, err := v.Do("policy", "reload", "", nil); !errors.Is(err, view.ErrRefused) {
		t.Error(err)
	}
	if v.Tile("policy", "revision") != before || v.Tile("policy", "error") == "" {
		t.Error(v.Tells("policy"))
	}
}

// Where no events are kept, views say so, and the rest of them is there.
func TestPolicyViewsWithoutAJournal(t *testing.T) {
	a := start(t, `{}`)
	set := new(view.Set)
	a.ground.Views = set
	a.addPolicyViews()
	v := viewtest.Of(t, set)
	for _, name := range []string{"policy", "decisions"} {
		if p := v.Rows(name, ""); p.Note != noJournal {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if v.Tile("policy", "revision") != a.Revision() {
		t.Error("the revision is not shown")
	}
	if _, err := v.View("decisions").Item(context.Background(), "x"); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
}
