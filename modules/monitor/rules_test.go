package monitor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/risk"
)

// watched is an app with a folder of rules, and what is told of it.
type watched struct {
	*App
	t      *testing.T
	folder string
	told   noted
	found  kept
}

func ruleOf(id, path string) string {
	return "title: t\nid: " + id + "\nlogsource: { product: convosphere }\ndetection: { s: { url.path: " + path + " }, condition: s }\ngateway: { suppress: 0 }\n"
}

func watchFolder(t *testing.T, rules *Rules) *watched {
	t.Helper()
	bus, err := event.Open(event.Options{Dir: filepath.Join(t.TempDir(), "events")})
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{t: t, folder: t.TempDir(), told: make(noted, 1000), found: make(kept, 100)}
	bus.Attach(w.told)
	rules.BuiltInOff, rules.Folders, rules.Every = true, []string{w.folder}, caddy.Duration(100*time.Millisecond)
	w.App = &App{Rules: rules, logger: zap.NewNop(), ground: &ground.Ground{Events: bus, Risk: risk.New(time.Now)}, takers: []taker{w.found}}
	w.live = watch(w.ground)
	t.Cleanup(func() {
		for _, give := range w.give {
			if err := give(); err != nil {
				t.Error(err)
			}
		}
		if err := w.live.Destruct(); err != nil {
			t.Error(err)
		}
		if err := bus.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *watched) start() {
	w.t.Helper()
	if err := w.openRules(caddy.Context{}); err != nil {
		w.t.Fatal(err)
	}
	w.live.use(w.App)
	w.until("rules-activated")
}

// write puts a file in place at once, as careful people do.
func (w *watched) write(name, text string) {
	w.t.Helper()
	tmp := filepath.Join(w.t.TempDir(), name)
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(w.folder, name)); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for an event.
func (w *watched) until(action string) *event.Event {
	w.t.Helper()
	end := time.After(30 * time.Second)
	for {
		select {
		case e := <-w.told:
			if e.Action == action {
				return e
			}
		case <-end:
			w.t.Fatalf("%s is not told", action)
		}
	}
}

// finds says which rule finds something in a request of that path. Where none is to, another request that one finds something in comes after it.
func (w *watched) finds(path, rule string) {
	w.t.Helper()
	w.ground.Events.Emit(&event.Event{Category: "web", Action: "http-request", Path: path})
	select {
	case f := <-w.found:
		if f.Rule != rule {
			w.t.Fatalf("%s is found by %s, want %s", path, f.Rule, rule)
		}
	case <-time.After(30 * time.Second):
		w.t.Fatalf("%s is not found", path)
	}
}

// Rules that change are put in force; those that are wrong are not, and the ones before stay, all of them.
func TestRulesReload(t *testing.T) {
	w := watchFolder(t, new(Rules))
	w.write("a.yml", ruleOf("one", "/one"))
	w.start()
	w.finds("/one", "one")

	w.write("b.yml", ruleOf("two", "/two"))
	w.until("rules-activated")
	w.finds("/one", "one")
	w.finds("/two", "two")

	w.write("a.yml", "title: [")
	w.write("c.yml", ruleOf("three", "/three"))
	if e := w.until("rules-refused"); e.Outcome != event.Failure || strings.Contains(e.Reason, "yml") {
		t.Errorf("%+v", e)
	}
	w.ground.Events.Emit(&event.Event{Category: "web", Action: "http-request", Path: "/three"}) // found by nothing
	w.finds("/one", "one")

	w.write("a.yml", ruleOf("one", "/1"))
	w.until("rules-activated")
	w.ground.Events.Emit(&event.Event{Category: "web", Action: "http-request", Path: "/one"}) // not any more
	w.finds("/three", "three")
	w.finds("/1", "one")

	if err := os.Remove(filepath.Join(w.folder, "b.yml")); err != nil {
		t.Fatal(err)
	}
	w.until("rules-activated")
	w.ground.Events.Emit(&event.Event{Category: "web", Action: "http-request", Path: "/two"})
	w.finds("/1", "one")
}

// With skip_broken the wrong rule alone is left out.
func TestSkipBroken(t *testing.T) {
	w := watchFolder(t, &Rules{SkipBroken: true})
	w.write("a.yml", ruleOf("one", "/one"))
	w.write("b.yml", "title: [")
	w.start()
	w.finds("/one", "one")
}

// A wrong rule, or a folder that is not there, is an error at load that says where.
func TestRulesAtLoad(t *testing.T) {
	w := watchFolder(t, new(Rules))
	w.write("a.yml", ruleOf("one", "/one")+"level: bad\n")
	if err := w.openRules(caddy.Context{}); err == nil || !strings.Contains(err.Error(), filepath.Join(w.folder, "a.yml")+":6") {
		t.Error(err)
	}
	w.Rules.Folders = []string{filepath.Join(w.folder, "missing")}
	if err := w.openRules(caddy.Context{}); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Error(err)
	}
	w.Rules.Folders = []string{filepath.Join(w.folder, "a.yml")}
	if err := w.openRules(caddy.Context{}); err == nil || !strings.Contains(err.Error(), "no folder") {
		t.Error(err)
	}
}

// The rules that are built in are good.
func TestBuiltIn(t *testing.T) {
	a := &App{logger: zap.NewNop(), Rules: new(Rules)}
	rules, err := a.readRules()
	if err != nil || len(rules.All()) < 45 {
		t.Errorf("%v", err)
	}
}
