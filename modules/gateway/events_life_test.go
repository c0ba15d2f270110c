package gateway

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/test/stop"
)

// A load that fails late, when the gateway has started already, is told as refused, is not kept, and leaves what was in force as it was. Caddy starts apps in the
// order of a map: so each way of failing is tried often enough to meet both orders.
func TestLoadsThatFailLateAreRefused(t *testing.T) {
	stop.After(t)
	data := t.TempDir()
	put := func(app, more, admin map[string]any) error {
		apps := map[string]any{"gateway": app}
		for name, a := range more {
			apps[name] = a
		}
		app["data_dir"] = data
		settings := map[string]any{"persist": false}
		for name, a := range admin {
			settings[name] = a
		}
		return caddy.Load(caddyconfig.JSON(map[string]any{
			"admin": map[string]any{"listen": "unix/" + filepath.Join(data, "admin.sock"), "config": settings}, "apps": apps,
		}, nil), true)
	}
	if err := put(map[string]any{"node": "first"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(toldOf(t, data, "configuration-kept")) == 1 })

	away := map[string]any{"http": map[string]any{"servers": map[string]any{"s": map[string]any{"listen": []string{"192.0.2.1:1"}}}}} // an address that no machine has
	puller := map[string]any{"load": map[string]any{"module": "http", "url": "http://127.0.0.1:1/", "timeout": time.Second}}
	refused := 0
	for range 6 {
		for _, c := range []struct{ more, admin map[string]any }{{more: away}, {admin: puller}} {
			if err := put(map[string]any{"node": "bad", "events": map[string]any{"encrypt": true}}, c.more, c.admin); err == nil {
				t.Fatalf("%v was loaded", c)
			}
			refused++
			eventually(t, func() bool { return len(toldOf(t, data, "configuration-refused")) == refused }) // none is sealed, as the refused would have it
		}
	}
	for _, e := range toldOf(t, data, "configuration-refused") {
		if e["gateway.node"] != "first" {
			t.Errorf("the refused configuration has named the node: %v", e)
		}
	}

	if err := put(map[string]any{"node": "second"}, nil, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(toldOf(t, data, "configuration-kept")) == 2 })
	count := map[string]int{}
	for _, action := range []string{"gateway-started", "configuration-loaded", "configuration-refused"} {
		count[action] = len(toldOf(t, data, action))
	}
	if count["gateway-started"] != 1 || count["configuration-loaded"] != 2 || count["configuration-refused"] != refused {
		t.Errorf("%v", count)
	}
	for _, number := range []string{"1", "2"} {
		if out, err := configuration(t, "show", number, "--data", data); err != nil || strings.Contains(out, "bad") {
			t.Error(out, err)
		}
	}
	if out, err := configuration(t, "show", "3", "--data", data); err == nil {
		t.Errorf("a configuration that was refused is kept: %s", out)
	}
}

// The first configuration has no other before it: what it says of events holds from its start on, since requests come before all apps have started.
func TestTheFirstSettingsHoldFromTheStartOn(t *testing.T) {
	a := &App{DataDir: t.TempDir(), Node: "first"}
	if err := loaded(t, a); err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Stop() }()
	a.ground.Events.Emit(&event.Event{Category: "process", Action: "early", Outcome: event.Success})
	eventually(t, func() bool {
		told := toldOf(t, a.DataDir, "early")
		return len(told) == 1 && told[0]["gateway.node"] == "first"
	})
}

// Caddy writes who hears its events into its log at level debug: nothing of the configuration goes with it.
func TestHeardEventsTellNothing(t *testing.T) {
	heard := zap.Any("handler", hears{(&App{Database: "postgres://u:hunter2@h/n"}).beginDrain})
	line, err := zapcore.NewJSONEncoder(zapcore.EncoderConfig{}).EncodeEntry(zapcore.Entry{}, []zapcore.Field{heard})
	if err != nil || strings.TrimSpace(line.String()) != `{"handler":{}}` {
		t.Error(line, err)
	}
}
