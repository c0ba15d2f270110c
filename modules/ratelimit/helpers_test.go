package ratelimit

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
)

// fakeGateway stands for the gateway app: its ground is the one in lent.
type fakeGateway struct{}

var lent *ground.Ground

func init() { caddy.RegisterModule(fakeGateway{}) }

func (fakeGateway) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gateway", New: func() caddy.Module { return new(fakeGateway) }}
}
func (*fakeGateway) Start() error           { return nil }
func (*fakeGateway) Stop() error            { return nil }
func (*fakeGateway) Ground() *ground.Ground { return lent }

// configure is a context in which a gateway app with this store is configured; nil: no gateway app. cancel cleans up what was loaded in it.
func configure(t testing.TB, s store.Store) (ctx caddy.Context, cancel func()) {
	t.Helper()
	cfg := &caddy.Config{AppsRaw: caddy.ModuleMap{}}
	if s != nil {
		lent = ground.New(&ground.Ground{Store: s}, func() {})
		cfg.AppsRaw["gateway"] = []byte("{}")
	}
	base, err := caddy.ProvisionContext(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := caddy.NewContext(base)
	return ctx, stop
}

// load makes the handler of a Caddyfile's directive, as Caddy does: through JSON. unload is what a reload does to it.
func load(t testing.TB, directive string, s store.Store) (h *Handler, unload func(), err error) {
	t.Helper()
	parsed := new(Handler)
	if err := parsed.UnmarshalCaddyfile(caddyfile.NewTestDispenser(directive)); err != nil {
		return nil, nil, err
	}
	if parsed.StoreTimeout == 0 {
		parsed.StoreTimeout = caddy.Duration(250 * time.Millisecond) // a machine that runs tests may be busy for longer than by default
	}
	raw, err := json.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return loadJSON(t, raw, s)
}

// loadJSON provisions a handler from its JSON.
func loadJSON(t testing.TB, raw []byte, s store.Store) (h *Handler, unload func(), err error) {
	t.Helper()
	ctx, cancel := configure(t, s)
	v, err := ctx.LoadModuleByID("http.handlers.gw_rate_limit", raw)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return v.(*Handler), cancel, nil
}

// mustLoad is load for a handler that stays until the test ends.
func mustLoad(t testing.TB, directive string, s store.Store) *Handler {
	t.Helper()
	h, unload, err := load(t, directive, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unload)
	return h
}

// ask sends one request, "METHOD /path", from an address ("192.0.2.1"), as a user ("" is anonymous).
func ask(t testing.TB, h *Handler, what, from, user string) (*httptest.ResponseRecorder, *reqctx.Request) {
	t.Helper()
	method, target, _ := strings.Cut(what, " ")
	r, rc := reqctx.Ensure(httptest.NewRequest(method, target, nil))
	rc.Client.IP = netip.MustParseAddr(from)
	if user != "" {
		rc.Identity = &reqctx.Identity{Subject: user, Name: user, Roles: []string{"user"}, Session: "s-" + user}
	}
	w := httptest.NewRecorder()
	if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusNoContent)
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	return w, rc
}
