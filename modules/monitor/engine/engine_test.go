package engine

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/fstest"
	"time"

	"github.com/convosphere/gateway/modules/monitor/anomaly"
	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

const tries = `title: Failed login
name: failed_login
id: 11111111-1111-4111-8111-111111111111
logsource: {product: convosphere, service: gateway}
detection: {selection: {event.action: login, event.outcome: failure}, condition: selection}
level: informational
---
title: Many failed logins of one client
id: 22222222-2222-4222-8222-222222222222
correlation: {type: event_count, rules: [failed_login], group-by: [source.ip], timespan: 5m, condition: {gte: 5}}
level: high
---
title: Trap
id: 33333333-3333-4333-8333-333333333333
logsource: {product: convosphere, service: gateway}
detection: {selection: {url.query|contains: passwd}, condition: selection}
level: medium
`

func load(t *testing.T, text string) *detect.Rules {
	t.Helper()
	rules, problems := detect.Load(fstest.MapFS{"rules.yml": &fstest.MapFile{Data: []byte(text)}})
	for _, p := range problems {
		if !p.Warning {
			t.Fatal(p)
		}
	}
	return rules
}

func login(at time.Time, n int, ip string) []byte {
	return fmt.Appendf(nil, `{"@timestamp":%q,"event.id":"e-%d","event.action":"login","event.outcome":"failure","source.ip":%q}`, at.UTC().Format(time.RFC3339Nano), n, ip)
}

func TestEngine(t *testing.T) {
	e := New(Options{Rules: load(t, tries)})
	var told []*finding.Finding
	found := func(f *finding.Finding) { told = append(told, f) }
	at := time.Unix(1_700_000_000, 0)
	for i := range 5 {
		if err := e.See(login(at.Add(time.Duration(i)*time.Second), i, "192.0.2.7"), nil, found); err != nil {
			t.Fatal(err)
		}
		if n := len(told); n != i/4 {
			t.Fatalf("%d tries: %d findings", i+1, n)
		}
	}
	if f := told[0]; f.Level != finding.High || f.Kind != finding.Correlation || f.Subjects[0].String() != "client:192.0.2.7" || f.Count != 5 {
		t.Errorf("%+v", f)
	}
	// What is known of an event but not written counts, too.
	request := []byte(`{"@timestamp":"2026-01-01T00:00:00Z","event.id":"q","event.action":"http-request","source.ip":"192.0.2.8"}`)
	for _, more := range []func(*ecs.Event){nil, func(e *ecs.Event) { e.Set("url.query", "file=/etc/passwd") }} {
		if err := e.See(request, more, found); err != nil {
			t.Fatal(err)
		}
	}
	if len(told) != 2 || told[1].Rule != "33333333-3333-4333-8333-333333333333" {
		t.Errorf("%+v", told)
	}
	if err := e.See([]byte("{"), nil, found); err == nil {
		t.Error("half a line is an event")
	}
	// Findings are events: none leads to another.
	if err := e.See([]byte(`{"@timestamp":"2026-01-01T00:00:00Z","event.id":"f","event.action":"finding","url.query":"passwd"}`), nil, found); err != nil || len(told) != 2 {
		t.Error(err, len(told))
	}
}

// What a correlation has counted is not lost where other rules change.
func TestSwap(t *testing.T) {
	e := New(Options{Rules: load(t, tries)})
	n, at := 0, time.Unix(1_700_000_000, 0)
	see := func(i int) {
		if err := e.See(login(at.Add(time.Duration(i)*time.Second), i, "192.0.2.7"), nil, func(*finding.Finding) { n++ }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		see(i)
	}
	e.Swap(load(t, tries+"---\ntitle: Another\nid: 44444444-4444-4444-8444-444444444444\nlogsource: {product: convosphere}\ndetection: {selection: {event.action: nothing}, condition: selection}\nlevel: low\n"))
	see(4)
	if n != 1 {
		t.Errorf("%d findings", n)
	}
	e.Swap(new(detect.Rules))
	for i := range 20 {
		see(5 + i)
	}
	if n != 1 {
		t.Errorf("%d findings without rules", n)
	}
}

// The same events give the same findings, with the same ids.
func TestReplayFindsWhatWasFoundLive(t *testing.T) {
	run := func(seed uint64) (told []*finding.Finding) {
		e := New(Options{Rules: load(t, tries), Anomaly: new(anomaly.Options)})
		found := func(f *finding.Finding) { told = append(told, f) }
		r, at := rand.New(rand.NewPCG(seed, 1)), time.Unix(1_700_000_000, 0)
		for i := range 20_000 {
			at = at.Add(time.Duration(r.IntN(20_000)) * time.Millisecond)
			if err := e.See(login(at, i, fmt.Sprintf("192.0.2.%d", r.IntN(40))), nil, found); err != nil {
				t.Fatal(err)
			}
		}
		e.End(found)
		return told
	}
	for seed := range uint64(3) {
		live, replay := run(seed), run(seed)
		if len(live) == 0 || !reflect.DeepEqual(live, replay) {
			t.Errorf("seed %d: %d findings live, %d in replay", seed, len(live), len(replay))
		}
	}
}
