package authenticate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// people is a gw_identity in memory: tokens "good-NAME" verify.
type people struct {
	mu       sync.Mutex
	known    map[string]bool
	verified int
	err      error // what Verify answers instead
	watches  map[string]func(string)
	deadline func(sid string) (time.Time, error)
	ended    map[string]bool
}

func newPeople() *people {
	return &people{known: map[string]bool{}, watches: map[string]func(string){}, ended: map[string]bool{}}
}

func (p *people) person(raw string) (*reqctx.Identity, bool) {
	name, ok := strings.CutPrefix(raw, "good-")
	return &reqctx.Identity{Subject: "id-" + name, Name: name, Roles: []string{"user"}, Session: "s-" + name, Expires: time.Now().Add(5 * time.Minute)}, ok
}

func (p *people) Verify(_ context.Context, raw string) (*reqctx.Identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.verified++
	if p.err != nil {
		return nil, p.err
	}
	id, ok := p.person(raw)
	if !ok || p.ended[id.Session] {
		return nil, token.ErrInvalid
	}
	p.known[raw] = true
	return id, nil
}

func (p *people) Known(raw string) (*reqctx.Identity, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, _ := p.person(raw)
	return id, p.known[raw] && !p.ended[id.Session]
}

func (p *people) Watch(sid string, f func(string)) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watches[sid] = f
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.watches, sid)
	}
}

func (p *people) Deadline(_ context.Context, sid string) (time.Time, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.deadline == nil {
		return time.Time{}, session.ErrSession
	}
	return p.deadline(sid)
}

func (p *people) set(f func(string) (time.Time, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = f
}

func (p *people) end(sid string) {
	p.mu.Lock()
	p.ended[sid] = true
	f := p.watches[sid]
	p.mu.Unlock()
	if f != nil {
		f("session ended")
	}
}

func newHandler(t *testing.T, p *people) *Handler {
	t.Helper()
	bus, err := event.Open(event.Options{Dir: filepath.Join(t.TempDir(), "events")})
	if err != nil {
		t.Fatal(err)
	}
	g := ground.New(&ground.Ground{Events: bus}, func() { _ = bus.Close() })
	t.Cleanup(g.Release)
	h := &Handler{
		LoginURL: "/auth/login", Origins: []string{"https://app.example.com"}, identity: p, ground: g, logger: zap.NewNop(),
		budget: newBudget(20, 5, time.Now),
	}
	if err := h.readOrigins(); err != nil {
		t.Fatal(err)
	}
	return h
}

// result is what became of a request; next is nil where it was refused.
type result struct {
	next *http.Request
	w    *httptest.ResponseRecorder
}

func (r result) name() string {
	if r.next == nil {
		return "refused"
	}
	if id := reqctx.From(r.next.Context()).Identity; id != nil {
		return id.Name
	}
	return "anonymous"
}

func do(t *testing.T, h *Handler, r *http.Request) result {
	t.Helper()
	res := result{w: httptest.NewRecorder()}
	err := h.ServeHTTP(res.w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		res.next = r
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func request(method, path string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "https://gw.example"+path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}
