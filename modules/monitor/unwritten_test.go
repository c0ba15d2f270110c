package monitor

import (
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/risk"
	"github.com/convosphere/gateway/modules/monitor/detect"
)

// Rules for web servers look at the query, which events as they are written do not have.
func TestLiveDetectionSeesTheQuery(t *testing.T) {
	bus, err := event.Open(event.Options{Dir: filepath.Join(t.TempDir(), "events")})
	if err != nil {
		t.Fatal(err)
	}
	rules, problems := detect.Load(fstest.MapFS{"r.yml": {Data: []byte(`
title: Traversal
id: 6a1f0d52-6d0f-4a3f-8f3f-000000000009
logsource: {category: webserver}
detection: {s: {cs-uri-query|contains: '../..'}, condition: s}
`)}})
	for _, p := range problems {
		t.Fatal(p)
	}
	l, found := watch(&ground.Ground{Events: bus, Risk: risk.New(time.Now)}), make(kept, 10)
	a := ofConfig(found)
	a.rules = rules
	l.use(a)
	bus.Emit(&event.Event{Category: "web", Action: "http-request", Path: "/get", Query: "file=../../etc/passwd", SourceIP: "192.0.2.1"})
	select {
	case f := <-found:
		if f.Title != "Traversal" {
			t.Error(f.Title)
		}
	case <-time.After(30 * time.Second):
		t.Error("not seen")
	}
	if err := l.Destruct(); err != nil {
		t.Error(err)
	}
	_ = bus.Close()
}
