package protect

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func TestOutputCaddyfile(t *testing.T) {
	for text, want := range map[string]string{
		"gw_protect":                   `{}`,
		"gw_protect {\n output off\n}": `{"output":{"off":true}}`,
		"gw_protect {\n output {\n errors pass\n traces all\n escape off\n types off\n redirects pass\n hide X-A X-B*\n hide -Via\n hold 1KiB\n }\n}": `{"output":{"errors":"pass","traces":"all","escape":"off","types":"off",
			"redirects":"pass","hide":["X-A","X-B*","-Via"],"hold":1024}}`,
		"gw_protect {\n detect card iban mask {\n at /a /b/{rest...}\n exempt /x /y/*/z\n unless admin\n }\n detect mail\n}": `{"detect":[{"kinds":["card","iban"],"action":"mask","at":["/a","/b/{rest...}"],"exempt":["/x","/y/*/z"],"unless":["admin"]},{"kinds":["mail"]}]}`,
	} {
		h := new(Handler)
		if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := json.Marshal(h)
		if err != nil || string(got) != strings.NewReplacer("\n", "", "\t", "").Replace(want) {
			t.Errorf("%s\n gives %s %v\n want  %s", text, got, err, want)
		}
		h.logger = zap.NewNop()
		if err := h.setup(nil, nil, nil); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, bad := range []string{
		"output on", "output off x", "output off\n output off", "output {\n x\n }", "output {\n errors x\n }", "output {\n errors pass\n errors pass\n }", "output {\n hide\n }", "output {\n hold x\n }", "output {\n errors\n }",
		"detect", "detect mask", "detect x", "detect card mask x", "detect card {\n x\n }", "detect card {\n at\n }",
	} {
		if err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_protect {\n " + bad + "\n}")); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// What was found is told in one event in a minute, by kinds and places; the event, the log and the answer do not hold it.
func TestOutputEvents(t *testing.T) {
	const card = "4111111111111111"
	dir := t.TempDir()
	bus, err := event.Open(event.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_protect {\n detect card mask\n detect mail block\n}")); err != nil {
		t.Fatal(err)
	}
	h.logger = zap.NewNop()
	if err := h.setup(ground.New(&ground.Ground{Events: bus}, func() {}), nil, nil); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	h.told.now = func() time.Time { return now }
	serve := func(body string) *httptest.ResponseRecorder {
		r, rc := reqctx.Ensure(httptest.NewRequest("GET", "/api/rooms/r1/messages?q=secret", nil))
		rc.Route, rc.Identity = "GET /api/rooms/{room}/messages", &reqctx.Identity{Subject: "s1", Name: "ursula"}
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
			w.Header().Set("Content-Type", "application/json")
			_, err := io.WriteString(w, body)
			return err
		})); err != nil {
			t.Fatal(err)
		}
		return w
	}
	for range 3 {
		if w := serve(`{"messages":[{"text":"` + card + `"}]}`); w.Code != 200 || !strings.Contains(w.Body.String(), `"************1111"`) {
			t.Error(w.Code, w.Body)
		}
	}
	if w := serve(`{"x":"ada@example.org"}`); w.Code != 502 || strings.Contains(w.Body.String(), "ada@") {
		t.Error(w.Code, w.Body)
	}
	now = now.Add(toldEvery)
	serve(`{"messages":[{"text":"` + card + `"}]}`)
	if err := bus.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if len(lines) != 3 || strings.Contains(string(raw), card) || strings.Contains(string(raw), "ada@") || strings.Contains(string(raw), "ursula") || strings.Contains(string(raw), "secret") {
		t.Fatalf("%s", raw)
	}
	for _, want := range []string{`"event.action":"data-detected"`, `"gateway.output.kinds":["card"]`, `"gateway.output.pointers":["/messages/*/text"]`, `"gateway.output.count":1`, `"user.id":"s1"`} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("%s is not in %s", want, lines[0])
		}
	}
	if !strings.Contains(lines[1], `"event.action":"answer-withheld"`) || !strings.Contains(lines[1], `"gateway.output.refused":"detected"`) || !strings.Contains(lines[1], `"event.outcome":"failure"`) {
		t.Error(lines[1])
	}
}

// Without any keys, routes or gateway app answers are looked at.
func TestOutputAlone(t *testing.T) {
	h := &Handler{logger: zap.NewNop()}
	if err := h.setup(nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err  error
		code int
	}{{nil, 500}, {errors.New("inside"), 200}} {
		w := httptest.NewRecorder()
		err := h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil), caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
			if c.err == nil {
				w.Header().Set("X-Powered-By", "x")
				http.Error(w, "inside", http.StatusInternalServerError)
			}
			return c.err
		}))
		if !errors.Is(err, c.err) || w.Code != c.code || strings.Contains(w.Body.String(), "inside") || w.Header().Get("X-Powered-By") != "" {
			t.Error(w.Code, w.Header(), w.Body, err)
		}
	}
}
