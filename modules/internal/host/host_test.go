package host

import (
	"errors"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/ground"
)

// app stands for the apps that tests configure.
type app struct{ id caddy.ModuleID }

func (a app) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: a.id, New: func() caddy.Module { return &app{a.id} }}
}
func (*app) Start() error { return nil }
func (*app) Stop() error  { return nil }

// gateway is an app with the ground that is lent.
type gateway struct{ app }

var lent *ground.Ground

func (gateway) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "gateway", New: func() caddy.Module { return new(gateway) }}
}
func (*gateway) Ground() *ground.Ground { return lent }

func init() {
	caddy.RegisterModule(gateway{})
	caddy.RegisterModule(app{"gw_other"})
}

func configure(t *testing.T, apps ...string) caddy.Context {
	t.Helper()
	cfg := &caddy.Config{AppsRaw: caddy.ModuleMap{}}
	for _, id := range apps {
		cfg.AppsRaw[id] = []byte("{}")
	}
	base, err := caddy.ProvisionContext(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(base)
	t.Cleanup(cancel)
	return ctx
}

func TestGround(t *testing.T) {
	lent = ground.New(new(ground.Ground), func() {})
	if g, err := Ground(configure(t, "gateway")); err != nil || g != lent {
		t.Error(g, err)
	}
	if _, err := Ground(configure(t)); !errors.Is(err, caddy.ErrNotConfigured) || !strings.Contains(err.Error(), "global option `gateway`") {
		t.Error(err)
	}
	lent = nil
	if _, err := Ground(configure(t, "gateway")); err == nil || !strings.Contains(err.Error(), "no ground yet") {
		t.Error(err)
	}
}

func TestApp(t *testing.T) {
	ctx := configure(t, "gw_other")
	if a, err := App[caddy.App](ctx, "gw_other"); err != nil || a == nil {
		t.Error(a, err)
	}
	if _, err := App[interface{ Verify() }](ctx, "gw_other"); err == nil || !strings.Contains(err.Error(), "gw_other is a *host.app, which is no interface { Verify() }") {
		t.Error(err)
	}
	if _, err := App[caddy.App](ctx, "gw_none"); !errors.Is(err, caddy.ErrNotConfigured) {
		t.Error(err)
	}
}
