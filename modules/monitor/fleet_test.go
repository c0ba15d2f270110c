package monitor

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/risk"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// gateway is one of a fleet: its ground, with what watches it.
type gateway struct {
	app   *App
	bus   *event.Bus
	found kept
}

func startGateway(t *testing.T, url, dir string, rules *detect.Rules) *gateway {
	t.Helper()
	bus, err := event.Open(event.Options{Dir: filepath.Join(dir, "events")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenRedis(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{bus: bus, found: make(kept, 100)}
	g.app = ofConfig(g.found)
	g.app.rules = rules
	g.app.ground = &ground.Ground{Events: bus, Risk: risk.New(time.Now), Store: s, DataDir: dir}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	if err := g.app.openLive(); err != nil {
		t.Fatal(err)
	}
	if err := g.app.openFleet(ctx); err != nil {
		t.Fatal(err)
	}
	if err := g.app.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.app.Cleanup(); err != nil {
			t.Error(err)
		}
		cancel()
		_ = bus.Close()
		_ = s.Close()
	})
	return g
}

const sprayed = `
title: Failed login
name: failed
logsource: {product: convosphere, service: gateway}
detection: {s: {event.action: login, event.outcome: failure}, condition: s}
---
title: Many failed logins
id: 6a1f0d52-6d0f-4a3f-8f3f-000000000002
correlation: {type: event_count, rules: [failed], group-by: [source.ip], timespan: 1h, condition: {gte: 10}}
level: high
`

// What three gateways each see little of is one finding, of one of them.
func TestGatewaysCountTogether(t *testing.T) {
	rules, problems := detect.Load(fstest.MapFS{"r.yml": {Data: []byte(sprayed)}})
	for _, p := range problems {
		if !p.Warning {
			t.Fatal(p)
		}
	}
	url := redistest.Start(t).URL()
	var all []*gateway
	for range 3 {
		all = append(all, startGateway(t, url, t.TempDir(), rules))
	}
	owned := func() (n int) {
		for _, g := range all {
			n += g.app.member.fleet.Stats().Owned
		}
		return n
	}
	for end := time.Now().Add(time.Minute); owned() < 16; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not all partitions are owned")
		}
	}
	for i := range 12 {
		all[i%3].bus.Emit(&event.Event{Category: "authentication", Action: "login", Outcome: event.Failure, SourceIP: "192.0.2.7", Fields: []zap.Field{zap.Int("gateway.n", i)}})
	}
	var got []*finding.Finding
	counted := func() (n int64) {
		for _, g := range all {
			n += g.app.member.fleet.Stats().Counted
		}
		return n
	}
	for end := time.Now().Add(time.Minute); len(got) == 0 || counted() < 12; time.Sleep(20 * time.Millisecond) {
		for _, g := range all {
			for len(g.found) > 0 {
				got = append(got, <-g.found)
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%d findings, %d events counted", len(got), counted())
		}
	}
	if len(got) != 1 || got[0].Count != 10 || !slices.Equal(got[0].Subjects, []finding.Subject{{Kind: finding.Client, ID: "192.0.2.7"}}) {
		t.Fatalf("%d findings, %+v", len(got), got[0])
	}
	checkMetrics(t, all[0])
}

func checkMetrics(t *testing.T, g *gateway) {
	t.Helper()
	reg := prometheus.NewRegistry()
	if err := reg.Register(counting{g.app.live}); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range families {
		names = append(names, f.GetName())
	}
	for _, want := range []string{"gateway_monitor_windows_groups", "gateway_monitor_fleet_up", "gateway_monitor_fleet_hits_sent_total"} {
		if !slices.Contains(names, want) {
			t.Error(fmt.Sprint("no ", want, " among ", names))
		}
	}
}
