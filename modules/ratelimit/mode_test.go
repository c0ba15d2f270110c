package ratelimit

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/redistest"
)

func available(t *testing.T) float64 {
	var m dto.Metric
	if err := storeAvailable.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetGauge().GetValue()
}

// A Redis that is lost and comes back is two events and a gauge.
func TestEachChangeOfModeIsAnEvent(t *testing.T) {
	s := redistest.Start(t)
	h := mustLoad(t, `gw_rate_limit {
		defaults off
		zone all {
			key  global
			rate 1000000/s
		}
	}`, openRedis(t, s))
	dir := t.TempDir()
	bus, err := event.Open(event.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	h.ground.Events = bus
	until := func(want float64) {
		for end := time.Now().Add(20 * time.Second); available(t) != want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the gauge does not become %v", want)
			}
			if w, _ := ask(t, h, "GET /", "192.0.2.1", ""); w.Code != 204 {
				t.Fatal(w.Code)
			}
		}
	}
	if available(t) != 1 {
		t.Error("it begins as lost")
	}
	s.Kill()
	until(0)
	s.Run()
	until(1)
	if err := bus.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var modes []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var e map[string]any
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if e["event.action"] != "rate-limit-mode" || e["event.category"] != "configuration" || e["gateway.limits.nodes"] != 1.0 {
			t.Errorf("%v", e)
		}
		modes = append(modes, e["gateway.limits.mode"].(string)+" "+e["event.outcome"].(string))
	}
	if len(modes) != 2 || modes[0] != "failure failure" || modes[1] != "redis success" {
		t.Errorf("%q", modes)
	}
}
