package ratelimit

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/challenge"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/keyring"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
)

// suspecting is a handler of a gateway that keeps scores, for which one attack is enough to be challenged.
type suspecting struct {
	t     *testing.T
	h     *Handler
	table *abuse.Table
	seen  *http.Request // as the back end got the last one
}

const suspect = "192.0.2.66"

func watch(t *testing.T, block string) *suspecting {
	t.Helper()
	dir := t.TempDir()
	keys, err := keyring.Open(dir + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	bus, err := event.Open(event.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close() })
	s := store.NewMemory(0)
	rules := abuse.Defaults()
	rules.Points[abuse.Attack] = rules.Challenge
	table := abuse.New(abuse.Rules{Config: rules}, time.Now)
	ctx, cancel := configure(t, s)
	t.Cleanup(cancel)
	lent = ground.New(&ground.Ground{Store: s, Keys: keys, Events: bus, Abuse: table}, func() {})
	raw, err := json.Marshal(parsed(t, "gw_rate_limit {\n\tdefaults off\n"+block+"\n}"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := ctx.LoadModuleByID("http.handlers.gw_rate_limit", raw)
	if err != nil {
		t.Fatal(err)
	}
	return &suspecting{t: t, h: v.(*Handler), table: table}
}

func parsed(t *testing.T, directive string) *Handler {
	t.Helper()
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(directive)); err != nil {
		t.Fatal(err)
	}
	return h
}

// send is one request from an address, with headers in pairs.
func (w *suspecting) send(method, target, from, body string, headers ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r, rc := reqctx.Ensure(httptest.NewRequest(method, target, strings.NewReader(body)))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	rc.Client.IP = netip.MustParseAddr(from)
	w.seen = nil
	rec := httptest.NewRecorder()
	if err := w.h.ServeHTTP(rec, r, caddyhttp.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) error {
		w.seen = r
		rw.WriteHeader(http.StatusNoContent)
		return nil
	})); err != nil {
		w.t.Fatal(err)
	}
	return rec
}

// puzzle is what a problem asks for.
func puzzle(t *testing.T, rec *httptest.ResponseRecorder) challenge.Puzzle {
	t.Helper()
	var p struct {
		Type      string
		Challenge challenge.Puzzle
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || rec.Code != http.StatusForbidden || p.Type != "urn:gateway:problem:challenge-required" {
		t.Fatalf("no challenge: %d %s", rec.Code, rec.Body)
	}
	return p.Challenge
}

func solve(t *testing.T, p challenge.Puzzle) string {
	t.Helper()
	answer, err := challenge.Solve(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
