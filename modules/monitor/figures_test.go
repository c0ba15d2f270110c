package monitor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/monitor/figure"
)

// counts is a data folder with what lasts in it.
type counts struct {
	t   *testing.T
	bus *event.Bus
	db  *database.DB
	dir string
}

func newCounted(t *testing.T) *counts {
	t.Helper()
	dir := t.TempDir()
	bus, err := event.Open(event.Options{Dir: filepath.Join(dir, "events")})
	if err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(t.Context(), dbtest.NewSQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	return &counts{t, bus, db, dir}
}

// configure opens a configuration, as a load does.
func (c *counts) configure(f *Figures) *App {
	c.t.Helper()
	a := &App{logger: zap.NewNop(), Figures: f, ground: ground.New(&ground.Ground{Events: c.bus, DB: c.db, DataDir: c.dir, Node: "n1", Views: new(view.Set)}, func() {})}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: c.t.Context()})
	c.t.Cleanup(cancel)
	if err := a.openFigures(ctx); err != nil {
		c.t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		c.t.Fatal(err)
	}
	return a
}

func (c *counts) logins(n int) {
	c.t.Helper()
	for range n {
		c.bus.Emit(&event.Event{Action: "login", Outcome: event.Success})
	}
	if err := c.bus.Flush(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

func (c *counts) end(a *App) {
	c.t.Helper()
	if err := a.Cleanup(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *counts) kept() int64 {
	c.t.Helper()
	v, err := figure.NewStore(c.db, "n1", 0, time.Now).Sum(c.t.Context(), figure.Day, time.Now().Add(-figure.Day), time.Now().Add(figure.Day))
	if err != nil {
		c.t.Fatal(err)
	}
	return v[figure.Logins]
}

// What was counted outlives reloads, also one that fails, and the end of the process; and nothing counts twice.
func TestFiguresOutliveReloads(t *testing.T) {
	c := newCounted(t)
	first := c.configure(nil)
	c.logins(3)
	second := c.configure(nil) // a reload: it begins before the first one ends
	c.end(first)
	if n := c.kept(); n != 0 {
		t.Errorf("a configuration that is not in force any more has kept %d", n)
	}
	c.logins(2)
	failed := &App{logger: zap.NewNop(), ground: second.ground} // one that ends before it began
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	if err := failed.openFigures(ctx); err != nil {
		t.Fatal(err)
	}
	c.end(failed)
	c.logins(1)
	c.end(second)
	if n := c.kept(); n != 6 {
		t.Errorf("%d logins are kept, want 6", n)
	}
	c.logins(5) // nobody counts
	third := c.configure(nil)
	c.logins(1)
	c.end(third)
	if n := c.kept(); n != 7 {
		t.Errorf("%d logins are kept, want 7", n)
	}
}

// The database is away when figures are to be kept: they wait, and are kept once it is back.
func TestFiguresWaitForTheDatabase(t *testing.T) {
	c := newCounted(t)
	a := c.configure(nil)
	c.logins(4)
	if _, err := c.db.Exec(t.Context(), `ALTER TABLE figures RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	a.tally.flush(t.Context(), 0)
	if _, err := c.db.Exec(t.Context(), `ALTER TABLE away RENAME TO figures`); err != nil {
		t.Fatal(err)
	}
	a.tally.flush(t.Context(), 0)
	a.tally.flush(t.Context(), 0)
	if n := c.kept(); n != 4 {
		t.Errorf("%d logins are kept, want 4", n)
	}
	c.end(a)
}

func TestFiguresOff(t *testing.T) {
	c := newCounted(t)
	a := c.configure(&Figures{Off: true})
	if _, ok := a.ground.Views.Get("figures"); ok || a.tally != nil {
		t.Error("it counts")
	}
	if _, err := a.report(t.Context(), time.Time{}, time.Time{}); err == nil {
		t.Error("it reports")
	}
	c.end(a)
}

// The view shows what was counted a moment ago, and says of the rest that it is not known.
func TestFiguresView(t *testing.T) {
	c := newCounted(t)
	a := c.configure(nil)
	defer c.end(a)
	c.logins(1)
	c.bus.Emit(&event.Event{Action: "http-request", Status: 403, Fields: []zap.Field{zap.String("gateway.problem", "waf-blocked"), zap.String("gateway.problem_by", "waf")}})
	c.logins(1)
	v, ok := a.ground.Views.Get("figures")
	if !ok || v.Permission != view.Read {
		t.Fatal("there is no such view", v)
	}
	q, err := v.Ask(url.Values{"from": {"-1h"}}, view.Person{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	page, err := v.Rows(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	row := func(title string) []any {
		at := slices.IndexFunc(page.Rows, func(r view.Row) bool { return r.Cells[1] == title })
		if at < 0 {
			t.Fatalf("no row %s in %v", title, page.Rows)
		}
		return page.Rows[at].Cells
	}
	if r := row("Succeeded"); r[2] != "2" || r[3] != "" {
		t.Errorf("%v", r)
	}
	if r := row("– by the firewall (WAF)"); r[2] != "1" {
		t.Errorf("%v", r)
	}
	if r := row("Time in which a node was up"); r[2] != "not known" {
		t.Errorf("%v", r)
	}
	panels, err := v.Panels(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]view.Panel{}
	for _, p := range panels {
		names[p.Name] = p
		if ch := p.Chart; ch != nil {
			for _, s := range ch.Series {
				if len(s.Values) != len(ch.Times) {
					t.Errorf("%s, %s: %d values at %d times", p.Name, s.Name, len(s.Values), len(ch.Times))
				}
			}
		}
	}
	if tile := names["detection"].Tile; tile.Value != "not known" || tile.Tone != view.Muted {
		t.Errorf("%+v", tile)
	}
	if ch := names["refusals"].Chart; len(ch.Series) != 1 || ch.Series[0].Name != "the firewall (WAF)" {
		t.Errorf("%+v", ch)
	}
	for _, item := range figureItems {
		if i, err := v.Item(t.Context(), item.id); err != nil || len(i.Sections) < 4 {
			t.Errorf("%s: %+v, %v", item.id, i, err)
		}
	}
	if _, err := v.Item(t.Context(), "last-century"); err != view.ErrNotFound {
		t.Error(err)
	}
	for _, d := range v.Documents {
		var out bytes.Buffer
		if err := d.Make(t.Context(), "last-day", &out); err != nil || out.Len() == 0 || d.Kind == "" {
			t.Errorf("%s: %s, %v", d.Name, d.Kind, err)
		}
	}
}

func TestSecurityReport(t *testing.T) {
	c := newCounted(t)
	a := c.configure(nil)
	defer c.end(a)
	c.logins(3)
	get := func(query string) (*httptest.ResponseRecorder, error) {
		w := httptest.NewRecorder()
		return w, a.serveSecurityReport(w, httptest.NewRequest("GET", "/gateway/reports/security?"+query, nil))
	}
	for format := range reportFormats {
		w, err := get("from=-1h&format=" + format)
		if err != nil || w.Header().Get("Content-Type") != reportFormats[format].media {
			t.Errorf("%s: %v, %v", format, w.Header(), err)
		}
		if format != "json" {
			continue
		}
		var p figure.Pair
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Now.Logins.OK != 3 {
			t.Errorf("%s, %v", w.Body, err)
		}
	}
	for _, query := range []string{"", "format=pdf", "format=json&from=yesterday", "format=json&from=2026-01-02&to=2026-01-01", "format=json&from=-1h&from=-2h", "format=json&from=2999-01-01"} {
		if _, err := get(query); err == nil || !strings.Contains(fmt.Sprintf("%+v", err), "400") && !isBadRequest(err) {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func isBadRequest(err error) bool {
	api, ok := err.(caddy.APIError)
	return ok && api.HTTPStatus == 400
}
