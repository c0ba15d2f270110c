package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/geo/geotest"
	"github.com/convosphere/gateway/test/stop"
)

// eventsOf are the events of a data folder as soon as enough says so.
func eventsOf(t *testing.T, dir string, enough func([]map[string]any) bool) (all []map[string]any) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		raw, err := os.ReadFile(filepath.Join(dir, "events", "events.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		all = nil
		for line := range bytes.Lines(raw) {
			var e map[string]any
			if json.Unmarshal(line, &e) == nil { // the last may be half written
				all = append(all, e)
			}
		}
		if enough(all) {
			return all
		}
		if time.Now().After(end) {
			t.Fatalf("what was waited for is not among %v", all)
		}
	}
}

func has(action string) func([]map[string]any) bool {
	return func(all []map[string]any) bool {
		for _, e := range all {
			if e["event.action"] == action {
				return true
			}
		}
		return false
	}
}

// Events say which node they are of and where their address is; a reload with other files says otherwise.
func TestEventsAreEnriched(t *testing.T) {
	stop.After(t)
	dir := t.TempDir()
	networks := geotest.Networks(t, map[string]uint32{"192.0.2.0/24": 64500})
	for _, c := range []struct {
		ip     string
		more   map[string]any
		fields map[string]any
	}{
		{"192.0.2.7", map[string]any{"node": "edge-1", "geoip": geotest.Write(t, geotest.Cities), "asn": networks}, map[string]any{
			"gateway.node": "edge-1", "source.geo.country_iso_code": "DE", "source.as.number": 64500., "source.as.organization.name": "Test 64500",
		}},
		{"203.0.113.9", map[string]any{"node": "edge-2", "asn": networks}, map[string]any{
			"gateway.node": "edge-2", "source.geo.country_iso_code": nil, "source.as.number": nil, "source.as.organization.name": nil,
		}},
		{"@", map[string]any{"node": "edge-3", "asn": networks}, map[string]any{"gateway.node": "edge-3", "source.as.number": nil}},
	} {
		app := map[string]any{"data_dir": dir}
		for k, v := range c.more {
			app[k] = v
		}
		g, err := load(t, app)
		if err != nil {
			t.Fatal(err)
		}
		action := "test-" + c.more["node"].(string)
		g.Events.Emit(&event.Event{Action: action, SourceIP: c.ip})
		for _, e := range eventsOf(t, dir, has(action)) {
			if e["event.action"] != action {
				continue
			}
			for k, v := range c.fields {
				if e[k] != v {
					t.Errorf("%s: %s is %v, want %v", c.ip, k, e[k], v)
				}
			}
		}
	}
}

// Each of several nodes on one host has a name of its own, and keeps it.
func TestNodesAreNamed(t *testing.T) {
	name := func(app App) string {
		if err := app.defaults(); err != nil {
			t.Fatal(err)
		}
		return app.Node
	}
	a, b := name(App{DataDir: "/a"}), name(App{DataDir: "/b"})
	if a == b || a != name(App{DataDir: "/a"}) || !isNode(a) {
		t.Errorf("%q and %q", a, b)
	}
	for _, bad := range []string{"a b", "a/b", "ä"} {
		if err := (&App{DataDir: "/a", Node: bad}).defaults(); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// A reload that fails is recorded, also where somebody tries in vain to load what switches the gateway's guards off.
func TestLoadsAreRecorded(t *testing.T) {
	stop.After(t)
	dir := t.TempDir()
	if _, err := load(t, map[string]any{"data_dir": dir}); err != nil {
		t.Fatal(err)
	}
	eventsOf(t, dir, has("configuration-loaded"))
	raw := []byte(`{"admin":{"disabled":true,"config":{"persist":false}},"apps":{"gateway":{"data_dir":"` + dir + `"},"tls":{"nonsense":1}}}`)
	if err := caddy.Load(raw, true); err == nil {
		t.Fatal("nonsense was loaded")
	}
	if _, err := load(t, map[string]any{"data_dir": dir, "geoip": filepath.Join(dir, "missing")}); err == nil {
		t.Fatal("a missing file was loaded")
	}
	if _, err := load(t, map[string]any{"data_dir": dir, "key_rotation": 4 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	count := map[any]int{}
	for _, e := range eventsOf(t, dir, func(all []map[string]any) bool {
		n := 0
		for _, e := range all {
			if e["event.action"] == "configuration-loaded" {
				n++
			}
		}
		return n == 2
	}) {
		count[e["event.action"]]++
	}
	if count["gateway-started"] != 1 || count["configuration-loaded"] != 2 {
		t.Errorf("%v", count)
	}
}

// Whoever calls the admin API is recorded, also in vain, without what they asked about.
func TestAdminRequestsAreRecorded(t *testing.T) {
	stop.After(t)
	dir := t.TempDir()
	if _, err := load(t, map[string]any{"data_dir": dir}); err != nil {
		t.Fatal(err)
	}
	for _, route := range (admin{}).Routes() {
		if route.Pattern == "DELETE /gateway/abuse" {
			for _, uri := range []string{"/gateway/abuse?user=planted", "/gateway/abuse"} {
				r := httptest.NewRequest("DELETE", uri, nil)
				r.RemoteAddr = "192.0.2.9:1"
				r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}))
				_ = route.Handler.ServeHTTP(httptest.NewRecorder(), r) // the second is refused
			}
		}
	}
	var statuses []any
	for _, e := range eventsOf(t, dir, func(all []map[string]any) bool {
		n := 0
		for _, e := range all {
			if e["event.action"] == "admin-request" {
				n++
			}
		}
		return n == 2
	}) {
		if e["event.action"] != "admin-request" {
			continue
		}
		statuses = append(statuses, e["http.response.status_code"])
		if e["source.ip"] != "192.0.2.9" || e["gateway.route"] != "DELETE /gateway/abuse" || e["url.path"] != nil || e["user.id"] != nil {
			t.Errorf("%v", e)
		}
	}
	if len(statuses) != 2 || statuses[0] != 204. || statuses[1] != 400. {
		t.Errorf("%v", statuses)
	}
}
