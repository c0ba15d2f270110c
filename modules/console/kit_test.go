package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/internal/view"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// house is a gw_policy and a gw_identity whose answers the test chooses, and what was told.
type house struct {
	mu      sync.Mutex
	refuse  map[string]engine.Decision // by permission; all else is allowed
	asked   []string                   // permissions
	ended   error                      // of Deadline
	watches map[string]func(string)    // by session
	events  *told
	audit   error // of every record
}

func (h *house) Decide(_ context.Context, in *engine.Input) engine.Decision {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, in.Permission)
	if d, ok := h.refuse[in.Permission]; ok {
		return d
	}
	return engine.Decision{Allow: true, Reason: "role"}
}

func (h *house) deny(permission string, d engine.Decision) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse == nil {
		h.refuse = map[string]engine.Decision{}
	}
	h.refuse[permission] = d
}

func (h *house) Watch(sid string, f func(string)) (cancel func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watches == nil {
		h.watches = map[string]func(string){}
	}
	h.watches[sid] = f
	return func() {}
}

func (h *house) Deadline(context.Context, string) (time.Time, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Add(time.Hour), h.ended
}

// Durable implements ground.Audit.
func (h *house) Durable(_ context.Context, emit func()) error {
	if h.audit != nil {
		return h.audit
	}
	emit()
	return nil
}

// told keeps the lines of events.
type told struct {
	mu    sync.Mutex
	lines []string
}

// Write implements event.Sink.
func (s *told) Write(r *event.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, string(r.Line))
}

var mona = &reqctx.Identity{Subject: "id-mona", Name: "mona", Kind: reqctx.KindPerson, Roles: []string{"moderator"}, Session: "S1", Expires: time.Now().Add(time.Hour), Cookie: true}

// newConsole makes a console with these views.
func newConsole(t *testing.T, views ...view.View) (*Handler, *house) {
	t.Helper()
	dir := t.TempDir()
	bus, err := event.Open(event.Options{Dir: filepath.Join(dir, "events")})
	if err != nil {
		t.Fatal(err)
	}
	p := &house{events: new(told)}
	bus.Attach(p.events)
	all := new(view.Set)
	all.Add(views...)
	g := ground.New(&ground.Ground{Events: bus, Store: store.NewMemory(0), Views: all, Audit: p, Node: "n1"}, func() { _ = bus.Close() })
	t.Cleanup(g.Release)
	h := &Handler{policy: p, sessions: p, ground: g, logger: zap.NewNop()}
	h.setDefaults()
	if err := h.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := h.Validate(); err != nil {
		t.Fatal(err)
	}
	return h, p
}

type answered struct {
	*httptest.ResponseRecorder
	passed bool
	rc     *reqctx.Request
}

func ask(t *testing.T, h *Handler, id *reqctx.Identity, method, path, body string, headers ...string) answered {
	t.Helper()
	r := httptest.NewRequest(method, "https://gw.example"+path, strings.NewReader(body))
	r.Header.Set("Accept", "text/html")
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	r, rc := reqctx.Ensure(r)
	rc.Identity, rc.LoginURL, rc.Client.IP = id, "/auth/login", netip.MustParseAddr("192.0.2.7")
	a := answered{ResponseRecorder: httptest.NewRecorder(), rc: rc}
	err := h.ServeHTTP(a, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		a.passed = true
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// of are the lines of events that hold a text, once all have been written.
func (s *told) of(t *testing.T, h *Handler, part string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := h.ground.Events.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, line := range s.lines {
		if strings.Contains(line, part) {
			out = append(out, line)
		}
	}
	return out
}
