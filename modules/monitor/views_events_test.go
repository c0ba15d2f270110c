package monitor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/journal"
	"github.com/convosphere/gateway/test/stop"
)

func TestJournalCaddyfile(t *testing.T) {
	for _, c := range []struct{ text, json, fault string }{
		{"journal off", `{"journal":{"off":true}}`, ""},
		{"journal {\n keep 48h\n max_events 50000\n max_size 64MiB\n}", `{"journal":{"keep":172800000000000,"max_events":50000,"max_size":67108864}}`, ""},
		{"journal on", "", "journal off"},
		{"journal off now", "", "journal off"},
		{"journal {\n keep\n}", "", "argument"},
		{"journal {\n keep 1m\n}", "", "1h to 366d"},
		{"journal {\n keep soon\n}", "", "as 7d"},
		{"journal {\n keep 2d\n keep 2d\n}", "", "twice"},
		{"journal {\n max_events 5\n}", "", "32768"},
		{"journal {\n max_size 1kB\n}", "", "16MiB"},
		{"journal {\n most 5\n}", "", "journal knows"},
	} {
		a := new(App)
		err := a.UnmarshalCaddyfile(caddyfile.NewTestDispenser("monitor {\n " + c.text + "\n}"))
		switch {
		case c.fault == "" && err != nil:
			t.Errorf("%s: %v", c.text, err)
		case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
			t.Errorf("%s: %v, want %s", c.text, err, c.fault)
		case c.fault == "" && string(caddyconfig.JSON(a, nil)) != c.json:
			t.Errorf("%s: %s", c.text, caddyconfig.JSON(a, nil))
		}
	}
}

// shown asks a view as whoever shows it does.
func shown(t *testing.T, a *App, name, query string) (*view.View, view.Query) {
	t.Helper()
	v, ok := a.ground.Views.Get(name)
	if !ok {
		t.Fatal("there is no view", name)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	q, err := v.Ask(values, view.Person{}, time.Now())
	if err != nil {
		t.Fatal(name, query, err)
	}
	return v, q
}

func rowsOf(t *testing.T, a *App, name, query string) view.Page {
	t.Helper()
	v, q := shown(t, a, name, query)
	p, err := v.Rows(t.Context(), q)
	if err != nil {
		t.Fatal(name, query, err)
	}
	for _, r := range p.Rows {
		if len(r.Cells) != len(v.Columns) {
			t.Fatal(name, r)
		}
	}
	return p
}

// told emits events, and waits until the journal has them.
func told(t *testing.T, a *App, all ...*event.Event) {
	t.Helper()
	mark := rand.Text() // of the last: others come meanwhile, as that a configuration was kept
	last := all[len(all)-1]
	last.Fields = append(slices.Clone(last.Fields), zap.String("test.mark", mark))
	for _, e := range all {
		a.ground.Events.Emit(e)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		found, err := a.journal.Find(t.Context(), journal.Filter{Text: mark}, "", 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Hits) == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the journal does not have the events")
		}
	}
}

func request(client string, status int, fields ...zap.Field) *event.Event {
	e := &event.Event{
		Category: "web", Action: "http-request", Outcome: event.Success, RequestID: "REQ" + client, Method: "GET", Path: "/api/rooms", Route: "GET /api/rooms",
		Status: status, SourceIP: client, Country: "DE", Fields: fields, UserID: "U-" + client, Session: "S-" + client,
	}
	if status >= 400 {
		e.Outcome = event.Failure
	}
	return e
}

func loadJournal(t *testing.T, dir string, journal map[string]any) *App {
	t.Helper()
	stop.After(t)
	a, err := loadMonitor(t, dir, map[string]any{"journal": orEmpty(journal), "respond": map[string]any{"mode": "off"}}, map[string]any{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// What happens stands in the views, narrowed as one asks, over reloads and starts.
func TestViewOfEvents(t *testing.T) {
	dir := t.TempDir()
	a := loadJournal(t, dir, nil)
	waf := request("192.0.2.7", 403, zap.String("gateway.problem", "forbidden"), zap.Bool("gateway.waf.blocked", true))
	waf.RuleIDs = []int{942100, 949110}
	told(t, a,
		request("192.0.2.7", 200), request("198.51.100.4", 200), waf, request("192.0.2.7", 429, zap.String("gateway.problem", "quota-exceeded"), zap.String("gateway.zone", "client")),
		request("198.51.100.4", 502), &event.Event{Action: "login", Outcome: event.Failure, Reason: "wrong password", SourceIP: "2001:db8::1"}, &event.Event{Action: "session-ended", Outcome: event.Success, UserID: "U-9", TargetID: "U-8"},
	)
	for query, want := range map[string]int{
		"category=web": 5, "client=192.0.2.7": 3, "client=192.0.2.0/24&verdict=refused": 2, "part=waf": 1, "part=limits": 1, "verdict=failed": 1, "rule=942100": 1, "rule=94*": 1,
		"user=U-8": 1, "user=U-192.0.2.7": 3, "session=S-192.0.2.7": 3, "action=login&reason=wrong+password": 1, "client=2001:DB8:0::1": 1, "status=5*": 1, "country=DE": 5, "country=!DE&client=2001:db8::/32": 1,
		"level=medium": 1, "level=low&action=login": 1, "text=wrong+pass": 1, "text=nothing+of+it": 0, "request=REQ192.0.2.7": 3, "until=-1h": 0, "route=GET+*": 5, "path=/api/rooms": 5, "action=none": 0,
	} {
		if p := rowsOf(t, a, "events", query); len(p.Rows) != want || p.Total >= 0 && p.Total != want {
			t.Errorf("%s: %d rows of %d, want %d", query, len(p.Rows), p.Total, want)
		}
	}
	for _, query := range []string{"rule=942100&after=!!!", "client=192.0.2.7&after=-1"} {
		v, q := shown(t, a, "events", query)
		if _, err := v.Rows(t.Context(), q); !errors.Is(err, view.ErrMalformed) {
			t.Errorf("%s: %v", query, err)
		}
	}
	first := rowsOf(t, a, "events", "client=192.0.2.7&limit=2")
	if next := rowsOf(t, a, "events", "client=192.0.2.7&limit=2&after="+first.Next); len(first.Rows) != 2 || len(next.Rows) != 1 || next.Next != "" || next.Rows[0].ID == first.Rows[1].ID {
		t.Errorf("%+v, then %+v", first, next)
	}
	if a = loadJournal(t, dir, map[string]any{"keep": "24h"}); len(rowsOf(t, a, "events", "client=192.0.2.7").Rows) != 3 {
		t.Error("a reload loses events")
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	a = loadJournal(t, dir, nil)
	if len(rowsOf(t, a, "events", "client=192.0.2.7").Rows) != 3 {
		t.Error("a start loses events")
	}
	eventItem(t, a)
}

// An event's page has the whole of it, and what belongs to it.
func eventItem(t *testing.T, a *App) {
	t.Helper()
	v, _ := shown(t, a, "events", "")
	item, err := v.Item(t.Context(), rowsOf(t, a, "events", "part=waf").Rows[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, s := range item.Sections {
		titles = append(titles, s.Title)
		if s.Table != nil && len(s.Table.Rows) == 0 {
			t.Errorf("%s is empty", s.Title)
		}
	}
	if len(titles) != 4 || !strings.Contains(item.Sections[3].Code, `"gateway.waf.blocked": true`) || item.State != journal.Refused {
		t.Errorf("%q: %+v", titles, item)
	}
	for _, id := range []string{"", "none"} {
		if _, err := v.Item(t.Context(), id); !errors.Is(err, view.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// Who looks on sees what comes, and only what they asked for.
func TestLiveEvents(t *testing.T) {
	a := loadJournal(t, t.TempDir(), nil)
	v, q := shown(t, a, "events", "client=192.0.2.7")
	ctx, cancel := context.WithCancel(t.Context())
	seen, ended := make(chan view.Row, 10), make(chan error, 1)
	go func() { ended <- v.Live(ctx, q, func(r view.Row) error { seen <- r; return nil }) }()
	for end := time.Now().Add(time.Minute); ; { // until it looks on
		told(t, a, request("198.51.100.4", 200), request("192.0.2.7", 200))
		select {
		case r := <-seen:
			if r.Cells[5] != "192.0.2.7" || r.ID == "" {
				t.Error(r)
			}
		case <-time.After(10 * time.Millisecond):
			if time.Now().Before(end) {
				continue
			}
			t.Error("nothing is seen")
		}
		break
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The overview's figures are those of the events, and lead to them.
func TestViewOfOverview(t *testing.T) {
	a := loadJournal(t, t.TempDir(), nil)
	for range 6 {
		told(t, a, request("192.0.2.7", 200), request("192.0.2.8", 403, zap.String("gateway.problem", "forbidden")))
	}
	told(t, a, &event.Event{Action: "login", Outcome: event.Success}, &event.Event{Action: "login", Outcome: event.Failure}, eventOf(aFinding("1")))
	v, q := shown(t, a, "overview", "since=-1h")
	panels, err := v.Panels(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"requests": int64(12), "refused": 0.5, "failed": 0.0, "logins": int64(1), "logins-failed": int64(1), "findings": int64(1), "incidents": int64(0)}
	for _, p := range panels {
		switch {
		case p.Tile != nil:
			if p.Tile.Value != want[p.Name] {
				t.Errorf("%s is %v, want %v", p.Name, p.Tile.Value, want[p.Name])
			}
			delete(want, p.Name)
		case p.Chart != nil:
			sum := 0.0
			for _, s := range p.Chart.Series {
				if len(s.Values) != len(p.Chart.Times) {
					t.Error(p.Name, len(s.Values), len(p.Chart.Times))
				}
				for _, n := range s.Values {
					sum += n
				}
			}
			if sum != map[string]float64{"verdicts": 12, "parts": 6, "logins-chart": 2}[p.Name] {
				t.Errorf("%s shows %v", p.Name, sum)
			}
		case p.Bars != nil && len(p.Bars.Items) > 0:
			name, query, _ := strings.Cut(p.Bars.Items[0].Link, "?")
			if got := rowsOf(t, a, name, query+"&limit=1000"); float64(len(got.Rows)) != p.Bars.Items[0].Value {
				t.Errorf("%s: %v leads to %d events", p.Name, p.Bars.Items[0], len(got.Rows))
			}
		case p.Table != nil && (len(p.Table.Rows) != 1 || len(p.Table.Rows[0].Cells) != len(p.Table.Columns)):
			t.Errorf("%+v", p.Table)
		}
	}
	if len(want) > 0 {
		t.Errorf("there is no %v", want)
	}
	v, q = shown(t, a, "overview", "since=-1h&until=-2h")
	if _, err := v.Panels(t.Context(), q); !errors.Is(err, view.ErrMalformed) {
		t.Error(err)
	}
}

func TestViewOfClients(t *testing.T) {
	a := loadJournal(t, t.TempDir(), nil)
	for i := range 5 {
		for range i + 1 {
			told(t, a, request(fmt.Sprintf("192.0.2.%d", i), 403, zap.String("gateway.problem", "forbidden")))
		}
	}
	p := rowsOf(t, a, "clients", "limit=2")
	if len(p.Rows) != 2 || p.Total != 5 || p.Rows[0].Cells[0] != "192.0.2.4" || p.Rows[0].Cells[1] != int64(5) || p.Rows[0].Cells[2] != int64(5) || p.Rows[0].Cells[5] != "DE" {
		t.Fatalf("%+v", p)
	}
	if p = rowsOf(t, a, "clients", "limit=4&after="+p.Next); len(p.Rows) != 3 || p.Next != "" || p.Rows[2].Cells[0] != "192.0.2.0" {
		t.Fatalf("%+v", p)
	}
}

// Rules that saw something stand with what they saw, also those of the firewall by their names; those that saw nothing are there, too.
func TestViewOfRules(t *testing.T) {
	a := loadJournal(t, t.TempDir(), nil)
	waf := request("192.0.2.7", 403, zap.Bool("gateway.waf.blocked", true), zap.Any("gateway.waf.matches", []map[string]any{{"rule": 942100, "message": "SQL Injection"}}))
	waf.RuleIDs = []int{942100}
	rule := a.rules.Correlations()[0]
	f := aFinding("1")
	f.Rule, f.Title, f.Level = rule.ID, rule.Title, finding.High
	told(t, a, waf, waf2(waf), eventOf(f), eventOf(aFinding("2")))
	kinds := map[string]int{}
	all := rowsOf(t, a, "rules", "limit=1000")
	for _, r := range all.Rows {
		kinds[r.Cells[2].(string)]++
	}
	if kinds[kindWAF] != 1 || kinds[kindGone] != 1 || kinds[kindCorrelation] < 10 || kinds[kindRule] < 10 || all.Rows[0].Cells[0] != "SQL Injection" || all.Rows[0].Cells[4] != int64(2) {
		t.Errorf("%v, the first is %+v", kinds, all.Rows[0])
	}
	if seen := rowsOf(t, a, "rules", "seen=true"); len(seen.Rows) != 3 {
		t.Errorf("%+v", seen.Rows)
	}
	if p := rowsOf(t, a, "rules", "text=sql+inj"); len(p.Rows) != 1 {
		t.Errorf("%+v", p.Rows)
	}
	v, _ := shown(t, a, "rules", "")
	for _, id := range []string{"942100", rule.ID} {
		item, err := v.Item(t.Context(), id)
		if err != nil || !slices.ContainsFunc(item.Sections, func(s view.Section) bool { return s.Table != nil && len(s.Table.Rows) > 0 }) {
			t.Errorf("%s: %+v, %v", id, item, err)
		}
	}
	if _, err := v.Item(t.Context(), "no such rule"); !errors.Is(err, view.ErrNotFound) {
		t.Error(err)
	}
}

// waf2 is another event like e.
func waf2(e *event.Event) *event.Event {
	return &event.Event{Category: e.Category, Action: e.Action, Outcome: e.Outcome, Status: e.Status, SourceIP: e.SourceIP, RuleIDs: e.RuleIDs, Fields: e.Fields}
}

// Where events are encrypted on the disk, the journal is; where no journal is kept, there is none.
func TestJournalIsSealedOrOff(t *testing.T) {
	stop.After(t)
	dir := t.TempDir()
	load := func(gateway map[string]any) {
		t.Helper()
		gateway["data_dir"] = dir
		raw := caddyconfig.JSON(map[string]any{"admin": map[string]any{"disabled": true, "config": map[string]any{"persist": false}}, "apps": map[string]any{"gateway": gateway}}, nil)
		if err := caddy.Load(raw, true); err != nil {
			t.Fatal(err)
		}
	}
	load(map[string]any{"events": map[string]any{"encrypt": true}})
	app, err := caddy.ActiveContext().App("gw_monitor")
	if err != nil {
		t.Fatal(err)
	}
	told(t, app.(*App), request("203.0.113.200", 200))
	app.(*App).journal.Flush()
	files, err := filepath.Glob(filepath.Join(dir, "journal", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil || strings.Contains(string(raw), "203.0.113") || strings.Contains(string(raw), "http-request") {
			t.Errorf("%s holds an event in plain (%v)", name, err)
		}
	}
	if len(rowsOf(t, app.(*App), "events", "client=203.0.113.200").Rows) != 1 {
		t.Error("it can't be read")
	}
	load(map[string]any{"monitor": map[string]any{"journal": map[string]any{"off": true}}})
	app, err = caddy.ActiveContext().App("gw_monitor")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := app.(*App).ground.Views.Get("events"); ok || app.(*App).EventJournal() != nil {
		t.Error("it is off, and there")
	}
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}
