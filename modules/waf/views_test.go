package waf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/internal/view/viewtest"
	"github.com/convosphere/gateway/modules/monitor/journal"
)

func init() { caddy.RegisterModule(fakeMonitor{}) }

// fakeMonitor is an app with the journal that is lent.
type fakeMonitor struct{}

var (
	lentJournal *journal.Journal
	lentAlarms  []string // events that were judged false alarms
)

func (fakeMonitor) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gw_monitor", New: func() caddy.Module { return new(fakeMonitor) }}
}
func (*fakeMonitor) Start() error                   { return nil }
func (*fakeMonitor) Stop() error                    { return nil }
func (*fakeMonitor) EventJournal() *journal.Journal { return lentJournal }
func (*fakeMonitor) FalseAlarms(context.Context, time.Time, int) ([]string, error) {
	return lentAlarms, nil
}

// hitting is an event in which rules hit.
func hitting(n int, user, path string, rule int, field string) string {
	e := map[string]any{
		"@timestamp": time.Now().Add(-time.Minute).UTC().Format(time.RFC3339Nano), "event.id": fmt.Sprintf("E%04d", n), "event.action": "http-request", "event.category": "web",
		"http.request.method": "POST", "url.path": path, "source.ip": "192.0.2.7", "rule.id": []int{rule, 949110}, "gateway.waf.blocked": true,
		"gateway.waf.matches": []map[string]any{{"rule": rule, "variable": field, "excerpt": "select … from"}},
	}
	if user != "" {
		e["user.id"] = user
	}
	b, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

// wafViews runs a handler beside a journal of these events.
func wafViews(t *testing.T, lines ...string) *viewtest.Views {
	t.Helper()
	j, err := journal.Open(journal.Options{Dir: filepath.Join(t.TempDir(), "journal")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Import(t.Context(), strings.NewReader(strings.Join(lines, ""))); err != nil {
		t.Fatal(err)
	}
	lentJournal, lent = j, ground.New(&ground.Ground{Views: new(view.Set)}, func() {})
	t.Cleanup(func() {
		if err := errors.Join(caddy.Stop(), j.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := caddy.Load([]byte(`{"admin": {"disabled": true, "config": {"persist": false}}, "apps": {"gateway": {}, "gw_monitor": {}, "http": {"servers": {"s": {
		"listen": ["127.0.0.1:0"], "routes": [{"handle": [{"handler": "gw_waf"}]}]}}}}}`), true); err != nil {
		t.Fatal(err)
	}
	return viewtest.Of(t, lent.Views)
}

// People who write about SQL are a hint, with the line that ends it; a scanner that nobody is signed in for is none.
func TestViewOfTuning(t *testing.T) {
	var lines []string
	for n := range 3 {
		lines = append(lines, hitting(3*n, "ID-ada", "/api/notes", 942100, "ARGS:json.text"), hitting(3*n+1, "ID-bob", "/api/notes", 942100, "ARGS:json.text"), hitting(3*n+2, "", "/api/search", 941100, "ARGS:q"))
	}
	v := wafViews(t, lines...)
	p := v.Rows("waf", "")
	if len(p.Rows) != 1 || p.Rows[0].Cells[0] != int64(6) || p.Rows[0].Cells[1] != int64(2) || p.Rows[0].Cells[2] != int64(6) || p.Rows[0].Cells[7] != false || p.Rows[0].Cells[8] != "exclude 942100 on ARGS:text at /api/notes" ||
		!strings.Contains(p.Note, "Of 9 events with hits, 3 are of nobody") {
		t.Fatalf("%+v", p)
	}
	for query, want := range map[string]int{"least_hits=7": 0, "least_users=3": 0, "rule=942100": 1, "rule=941100": 0, "since=-10s": 0, "sort=-last": 1} {
		if got := v.Rows("waf", query); len(got.Rows) != want {
			t.Errorf("%s: %+v", query, got)
		}
	}
	i := v.Item("waf", p.Rows[0].ID)
	if i.Sections[0].Code != "exclude 942100 on ARGS:text at /api/notes" || !strings.Contains(i.Sections[1].Table.Rows[0].Cells[1].(string), "SQL") {
		t.Errorf("%+v", i)
	}
	if _, err := v.View("waf").Item(t.Context(), "nonsense"); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
}

// One hit by nobody who is signed in is a hint where the incident that it belongs to was judged a false alarm, and is counted once.
func TestViewOfTuningByVerdicts(t *testing.T) {
	alarm := hitting(1, "", "/api/search", 941100, "ARGS:q")
	v := wafViews(t, alarm, hitting(2, "", "/api/other", 941100, "ARGS:q"))
	if p := v.Rows("waf", ""); len(p.Rows) != 0 {
		t.Fatalf("before the verdict: %+v", p)
	}
	lentAlarms = []string{strings.TrimSpace(alarm)}
	t.Cleanup(func() { lentAlarms = nil })
	p := v.Rows("waf", "")
	if len(p.Rows) != 1 || p.Rows[0].Cells[0] != int64(1) || p.Rows[0].Cells[7] != true || p.Rows[0].Cells[8] != "exclude 941100 on ARGS:q at /api/search" {
		t.Fatalf("%+v", p)
	}
	if i := v.Item("waf", p.Rows[0].ID); !strings.Contains(i.Sections[1].Text, "judged a false alarm") {
		t.Errorf("%+v", i)
	}
}

func TestViewOfRules(t *testing.T) {
	v := wafViews(t)
	countRules([]int{942100, 942100, 949110, 1}, map[int]string{942100: "SQL", 949110: "the score"})
	var bars *view.Bars
	for _, p := range v.Panels("waf", "") {
		if p.Name == "rules" {
			bars = p.Bars
		}
	}
	at := slices.IndexFunc(bars.Items, func(b view.Bar) bool { return strings.HasPrefix(b.Name, "942100 SQL") })
	if slices.ContainsFunc(bars.Items, func(b view.Bar) bool { return strings.HasPrefix(b.Name, "949110") || strings.Contains(b.Name, "%{") }) {
		t.Errorf("what only adds up is shown: %+v", bars)
	}
	if at < 0 || bars.Items[at].Value < 2 || bars.Items[at].Link != "events?rule=942100" {
		t.Errorf("%+v", bars)
	}
}

// Without a journal there are no hints, and the rest of it is there.
func TestViewOfTuningWithoutAJournal(t *testing.T) {
	v := wafViews(t)
	lentJournal = nil
	if p := v.Rows("waf", ""); len(p.Rows) != 0 || !strings.Contains(p.Note, "No events are kept") {
		t.Errorf("%+v", p)
	}
	if len(v.Panels("waf", "")) < 3 {
		t.Error("the counts are gone")
	}
}
