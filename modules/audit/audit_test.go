package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/test/extended"
)

// serve runs one request through the handler and returns the answer and the event.
func serve(t *testing.T, r *http.Request, next caddyhttp.HandlerFunc) (*httptest.ResponseRecorder, map[string]any, any) {
	t.Helper()
	dir := t.TempDir()
	bus, err := event.Open(event.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{ground: ground.New(&ground.Ground{Events: bus}, func() {}), logger: zap.NewNop()}
	w := httptest.NewRecorder()
	var thrown any
	func() {
		defer func() { thrown = recover() }()
		if err := h.ServeHTTP(w, r, next); err != nil {
			t.Errorf("ServeHTTP: %v", err)
		}
	}()
	if err := bus.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(raw)), "\n"), func(line string) bool { return strings.Contains(line, `"socket-activity"`) })
	if len(lines) != 1 {
		t.Fatalf("%d events for one request: %s", len(lines), raw)
	}
	var e map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &e); err != nil {
		t.Fatal(err)
	}
	return w, e, thrown
}

func TestEvent(t *testing.T) {
	r := httptest.NewRequest("POST", "https://h.example:8443/a%2Fb?token=planted", strings.NewReader("planted body"))
	r.Header.Set("X-Request-Id", "forged")
	r.Header.Set("Authorization", "Bearer planted")
	w, e, _ := serve(t, r, func(w http.ResponseWriter, r *http.Request) error {
		rc := reqctx.From(r.Context())
		rc.Identity = &reqctx.Identity{Subject: "s1", Name: "ursula", Roles: []string{"user"}, Session: "x"}
		rc.Decision = &reqctx.Decision{Allow: true, Reason: "granted", Revision: "r1", Tier: "premium"}
		if got := r.Header.Get("X-Request-Id"); got != rc.ID {
			t.Errorf("passed on the request id %q", got)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		r.URL.Path = "/rewritten"
		w.WriteHeader(201)
		_, err := io.WriteString(w, "hello")
		return err
	})
	want := map[string]any{
		"event.action": "http-request", "event.outcome": "success", "http.request.method": "POST", "url.path": "/a%2Fb", "url.domain": "h.example",
		"http.response.status_code": 201.0, "http.request.body.bytes": 12.0, "http.response.body.bytes": 5.0, "user.id": "s1",
		"source.ip": "192.0.2.1", "gateway.decision.allow": true, "gateway.decision.revision": "r1", "gateway.decision.tier": "premium", "http.request.id": w.Header().Get("X-Request-Id"),
	}
	for k, v := range want {
		if e[k] != v {
			t.Errorf("%s: %v, want %v", k, e[k], v)
		}
	}
	if s := fmt.Sprint(e); strings.Contains(s, "planted") || strings.Contains(s, "ursula") {
		t.Errorf("the event holds a secret, or a name: %s", s)
	}
}

func TestErrorsAreRenderedWithoutTheInside(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("inside"), 500},
		{caddyhttp.Error(502, errors.New("inside")), 502},
		{caddyhttp.Error(0, errors.New("inside")), 500},
		{caddyhttp.Error(502, &http.MaxBytesError{Limit: 1}), 413}, // the proxy's word for a body over the limit
		{fmt.Errorf("wrapped: %w", caddyhttp.Error(503, errors.New("inside"))), 503},
	} {
		w, e, _ := serve(t, httptest.NewRequest("GET", "/", nil), func(http.ResponseWriter, *http.Request) error { return c.err })
		if w.Code != c.want || strings.Contains(w.Body.String(), "inside") || e["event.outcome"] != "failure" {
			t.Errorf("%v: %d %s %v", c.err, w.Code, w.Body, e)
		}
		if (w.Header().Get("Retry-After") != "") != (c.want == 503) {
			t.Errorf("%v: Retry-After %q", c.err, w.Header().Get("Retry-After"))
		}
	}
}

func TestPanics(t *testing.T) {
	w, e, thrown := serve(t, httptest.NewRequest("GET", "/", nil), func(http.ResponseWriter, *http.Request) error { panic("inside") })
	if w.Code != 500 || strings.Contains(w.Body.String(), "inside") || e["event.reason"] != "panic" || thrown != nil {
		t.Errorf("%d %s %v %v", w.Code, w.Body, e, thrown)
	}
	// Half an answer must not look like a whole one: the connection is cut.
	_, e, thrown = serve(t, httptest.NewRequest("GET", "/", nil), func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = io.WriteString(w, "half")
		panic("inside")
	})
	if thrown != http.ErrAbortHandler || e["event.reason"] != "panic" {
		t.Errorf("%v %v", thrown, e)
	}
	_, _, thrown = serve(t, httptest.NewRequest("GET", "/", nil), func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) })
	if thrown != http.ErrAbortHandler {
		t.Errorf("the server's own signal became %v", thrown)
	}
}

// An answer that was ended for what it held: its status was sent, and yet it is a failure that the event tells of.
func TestAnAnswerThatWasEnded(t *testing.T) {
	_, e, thrown := serve(t, httptest.NewRequest("GET", "/", nil), func(w http.ResponseWriter, r *http.Request) error {
		_, _ = io.WriteString(w, "half")
		reqctx.From(r.Context()).Verdict = &reqctx.Verdict{Rules: []int{951230}, Outbound: 5, Response: reqctx.ResponseEnded}
		panic(http.ErrAbortHandler)
	})
	if thrown != http.ErrAbortHandler || e["event.reason"] != "the answer was ended" || e["event.outcome"] != "failure" || e["gateway.waf.response"] != "ended" ||
		e["gateway.waf.score.outbound"] != 5.0 || e["gateway.waf.blocked"] != false || e["http.response.status_code"] != 200.0 {
		t.Errorf("%v %v", thrown, e)
	}
}

func TestAnErrorAfterTheAnswerBeganKeepsItsStatus(t *testing.T) {
	w, e, _ := serve(t, httptest.NewRequest("GET", "/", nil), func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(200)
		return caddyhttp.Error(502, errors.New("the back end went away"))
	})
	if w.Code != 200 || e["http.response.status_code"] != 200.0 {
		t.Errorf("%d %v", w.Code, e)
	}
}

func TestWithoutGatewayApp(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	h := new(Handler)
	if err := h.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil), caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(204)
		return nil
	})); err != nil || w.Code != 204 {
		t.Fatal(w.Code, err)
	}
}

func TestCaddyfile(t *testing.T) {
	if err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_audit")); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"gw_audit x", "gw_audit {\n x\n}"} {
		if err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// A socket by extended CONNECT is told of as the handshake that it stands for.
func TestEventOfExtendedConnect(t *testing.T) {
	w, e, _ := serve(t, extended.Request(2, "https://h.example/ws"), func(w http.ResponseWriter, r *http.Request) error {
		reqctx.From(r.Context()).Socket = &reqctx.Socket{MessagesIn: 3}
		w.WriteHeader(http.StatusForbidden)
		return nil
	})
	if w.Code != 403 || e["http.request.method"] != "GET" || e["event.action"] != "websocket" || e["gateway.socket.messages_in"] != 3. || e["url.path"] != "/ws" {
		t.Errorf("%d: %v", w.Code, e)
	}
	// An error is rendered here, so the outside has an answer.
	w, e, _ = serve(t, extended.Request(3, "https://h.example/ws"), func(http.ResponseWriter, *http.Request) error { return caddyhttp.Error(502, errors.New("inside")) })
	if w.Code != 502 || e["http.response.status_code"] != 502. {
		t.Errorf("%d: %v", w.Code, e)
	}
}

// Who refused a request is in its event: the part that wrote the answer, or audit itself for an error of a handler that is none of the gateway's.
func TestWhoAnswered(t *testing.T) {
	_, e, _ := serve(t, httptest.NewRequest("GET", "/", nil), func(w http.ResponseWriter, r *http.Request) error {
		rc := reqctx.From(r.Context())
		rc.Cost.Begin(cost.RateLimit, nil)
		defer rc.Cost.End()
		problem.Write(w, r, problem.Problem{Status: http.StatusTooManyRequests})
		return nil
	})
	if e["gateway.problem_by"] != "rate_limit" {
		t.Errorf("%v", e)
	}
	_, e, _ = serve(t, httptest.NewRequest("GET", "/", nil), func(http.ResponseWriter, *http.Request) error {
		return caddyhttp.Error(http.StatusBadGateway, errors.New("no back end"))
	})
	if e["gateway.problem_by"] != "audit" || e["gateway.problem"] != "bad-gateway" {
		t.Errorf("%v", e)
	}
}
