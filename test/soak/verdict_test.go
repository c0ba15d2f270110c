package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/test/fleet"
	"github.com/convosphere/gateway/test/kit"
)

// series makes samples of one measure, one each ten seconds.
func series(n int, at func(i int) float64) *life {
	began := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	l := &life{name: "gateway-1", began: began}
	for i := range n {
		l.samples = append(l.samples, sample{began.Add(time.Duration(i+1) * 10 * time.Second), map[string]float64{goroutines: at(i)}})
	}
	return l
}

// What leaks is found, and what comes and goes is not taken for a leak.
func TestGrowthIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		samples      int
		at           func(i int) float64
		judged, flat bool
	}{
		"flat":                           {360, func(i int) float64 { return 300 + float64(i%7) }, true, true},
		"a goroutine every ten seconds":  {360, func(i int) float64 { return 300 + float64(i) }, true, false},
		"filling, then full":             {360, func(i int) float64 { return min(1000, 100+20*float64(i)) }, true, true},
		"peaks at faults":                {360, func(i int) float64 { return 300 + 900*float64(i%13/12) }, true, true},
		"a step in the middle that ends": {360, func(i int) float64 { return 300 + 2000*float64(i/150%2) }, true, true},
		"a step that stays":              {360, func(i int) float64 { return 300 + 200*float64(i/180) }, true, false},
		"too short":                      {40, func(i int) float64 { return 300 + 100*float64(i) }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			all := series(c.samples, c.at).growths()
			if len(all) != 1 || all[0].judged != c.judged || c.judged && all[0].flat != c.flat {
				t.Errorf("%+v", all)
			}
		})
	}
}

// What clients held and the gateway keeps is found, whatever the time.
func TestWhatStaysIsFound(t *testing.T) {
	before := map[string]float64{goroutines: 60, descriptors: 25}
	if f := (drained{"gateway-1", before, map[string]float64{goroutines: 90, descriptors: 40}}).faults(); len(f) != 0 {
		t.Error(f)
	}
	f := drained{"gateway-1", before, map[string]float64{goroutines: 300, descriptors: 120}}.faults()
	if len(f) != 2 {
		t.Error(f)
	}
}

// A status is right or wrong by its kind and by what was wrong when it was asked for.
func TestOutcomesAreJudged(t *testing.T) {
	y := newTally()
	now := time.Now()
	y.note("read", "200", "", now)
	y.note("read", "502", "out of the blue", now)
	w := y.open("chat restart", excuse{"read": {"502"}})
	y.note("read", "502", "", time.Now())
	y.note("read", "500", "not this one", time.Now())
	y.note("refresh", "502", "not of this kind", time.Now())
	asked := time.Now()
	y.close(w)
	y.note("read", "502", "", asked) // it was asked before the end
	time.Sleep(time.Millisecond)
	y.note("read", "502", "too late", time.Now())
	r := &run{load: &load{tally: y}, site: &site{}}
	all := strings.Join(r.faulty(), "\n")
	for _, want := range []string{"out of the blue", "not this one", "not of this kind", "too late", "read: 3 outcomes", "refresh: 1 outcomes"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in %s", want, all)
		}
	}
	if len(y.surprises) != 4 || y.excused["read"]["502"] != 2 || y.counts["read"]["200"] != 1 {
		t.Errorf("%v %v %v", y.surprises, y.excused, y.counts)
	}
}

// Every message that was acknowledged is there once, under its id; what was never acknowledged may be there, and nothing twice.
func TestMessagesAreHeldAgainstTheLedger(t *testing.T) {
	l := newLedger()
	var marks []string
	var there []found
	for i := range 10 {
		mark := l.begin("room-1")
		marks = append(marks, mark)
		there = append(there, found{"room-1", fmt.Sprint("id", i), sentence(mark)})
		if i < 8 {
			l.acked(mark, fmt.Sprint("id", i), i%2 == 0)
		}
	}
	l.gone(marks[7], true)
	there = slices.Delete(there, 7, 8)
	if a := l.compare(there); len(a.faults()) != 0 || a.present != 7 || a.deleted != 1 || a.unanswered != 2 || a.stored != 2 {
		t.Fatalf("%+v", a)
	}
	for name, broken := range map[string][]found{
		"acknowledged and lost":       there[1:],
		"there twice":                 append(slices.Clone(there), there[3]),
		"deleted and still there":     append(slices.Clone(there), found{"room-1", "id7", sentence(marks[7])}),
		"there and never sent":        append(slices.Clone(there), found{"room-1", "id99", "what is this"}),
		"acknowledged and lost, else": append(slices.Clone(there[1:]), found{"room-1", "another id", sentence(marks[0])}),
		"never sent to this room":     append(slices.Clone(there), found{"room-2", "id0", sentence(marks[0])}),
	} {
		if a := l.compare(broken); len(a.faults()) == 0 {
			t.Errorf("%s: not found: %+v", name, a)
		}
	}
}

// An error in a log has a reason that was there when it was written, or is a fault.
func TestErrorsNeedReasons(t *testing.T) {
	y := newTally()
	w := y.open("chat restart", nil)
	y.close(w)
	logged := func(at time.Time, logger, text string) (l line) {
		b, err := json.Marshal(map[string]any{"level": "error", "ts": float64(at.UnixMicro()) / 1e6, "logger": logger, "msg": "a request failed", "error": text})
		if err == nil {
			err = json.Unmarshal(b, &l)
		}
		if err != nil {
			t.Fatal(err)
		}
		l.text = string(b)
		return l
	}
	if !y.reasoned(logged(w.from, "http.handlers.gw_audit", "HTTP 502: connection refused")) {
		t.Error("the chat was away, and that is no reason")
	}
	for name, l := range map[string]line{
		"a minute later":  logged(w.to.Add(time.Minute), "http.handlers.gw_audit", "HTTP 502: connection refused"),
		"something else":  logged(w.from, "http.handlers.gw_audit", "HTTP 500: nil map"),
		"somebody else's": logged(w.from, "gw_policy", "HTTP 502: connection refused"),
	} {
		if y.reasoned(l) {
			t.Errorf("%s: explained", name)
		}
	}
}

// The Caddyfile of the soak is the demo's, whatever becomes of that.
func TestCaddyfileIsTheDemos(t *testing.T) {
	text := fleet.Configured(t, configuration)
	for _, want := range []string{"trusted_proxies static 127.0.0.0/8", "shed off", "timeout 10s", "respond propose", "reverse_proxy {$GW_UPSTREAM}", kit.Root(t) + "/caddyfiles/chat-routes.caddy"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q stands %d times in %s", want, strings.Count(text, want), text)
		}
	}
}
