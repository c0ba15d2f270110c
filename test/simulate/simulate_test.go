package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func small(seed uint64) options {
	all, _ := chooseKinds("all")
	return options{days: 2, users: 200, seed: seed, geo: true, campaigns: all, start: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}
}

// simulated runs a small world.
func simulated(t *testing.T, o options) (events, truth []byte) {
	t.Helper()
	var e, k bytes.Buffer
	w := newWorld(o, &e, &k)
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if w.events == 0 || len(w.actors) != 0 {
		t.Fatalf("%d events, and %d actors are left", w.events, len(w.actors))
	}
	return e.Bytes(), k.Bytes()
}

// shared is the world of all tests that only look at one.
var shared = sync.OnceValues(func() (events, truth []byte) {
	var e, k bytes.Buffer
	if err := newWorld(small(1), &e, &k).run(); err != nil {
		panic(err)
	}
	return e.Bytes(), k.Bytes()
})

func eachEvent(t *testing.T, events []byte, f func(e map[string]any)) {
	t.Helper()
	for dec := json.NewDecoder(bytes.NewReader(events)); ; {
		e := map[string]any{}
		switch err := dec.Decode(&e); {
		case err == io.EOF:
			return
		case err != nil:
			t.Fatal(err)
		}
		f(e)
	}
}

// The same seed gives the same events, to the byte; another gives others.
func TestSeedDecides(t *testing.T) {
	t.Parallel()
	events, truth := shared()
	again, truthAgain := simulated(t, small(1))
	if !bytes.Equal(events, again) || !bytes.Equal(truth, truthAgain) {
		t.Error("the same seed gave other events")
	}
	if others, _ := simulated(t, small(2)); bytes.Equal(events, others) {
		t.Error("another seed gave the same events")
	}
}

// Events come in order, within the days, with ids of one process; and what a client is called is an address that could be anybody's.
func TestEventsAreInOrder(t *testing.T) {
	t.Parallel()
	o := small(1)
	events, _ := shared()
	last, ids := "", map[string]bool{}
	end := o.start.Add(time.Duration(o.days) * 24 * time.Hour)
	eachEvent(t, events, func(e map[string]any) {
		stamp := e["@timestamp"].(string)
		at, err := time.Parse(time.RFC3339, stamp)
		if err != nil || stamp < last || at.Before(o.start) || !at.Before(end) {
			t.Fatalf("%v: %v after %s", e, err, last)
		}
		last = stamp
		id := e["event.id"].(string)
		if ids[id] || !strings.HasPrefix(id, strings.SplitAfter(id, "-")[0]) || len(id) < 18 {
			t.Fatalf("id %s", id)
		}
		ids[id] = true
		if text, ok := e["source.ip"].(string); ok {
			ip, err := netip.ParseAddr(text)
			if err != nil || ip.IsPrivate() || ip.IsLoopback() || ip.IsMulticast() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() {
				t.Fatalf("%v: %v", e, err)
			}
		}
	})
	if len(ids) < 50_000 {
		t.Errorf("only %d events", len(ids))
	}
}

// What is simulated is what the dictionary of events knows: actions with their category, type and outcome, and fields.
func TestEventsAreInTheDictionary(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../modules/internal/event/README.md")
	if err != nil {
		t.Fatal(err)
	}
	actions, fields := dictionary(string(text))
	events, _ := shared()
	unknown := map[string]bool{}
	eachEvent(t, events, func(e map[string]any) {
		action := e["event.action"].(string)
		row, ok := actions[action]
		if !ok {
			unknown["action "+action] = true
		}
		category, kind, outcome := e["event.category"].(string), e["event.type"].(string), e["event.outcome"].(string)
		columns := strings.Split(row, " | ")
		if len(columns) < 3 || !strings.Contains(columns[0], category) || columns[1] != kind || columns[2] != outcome && (columns[2] == "success" || columns[2] == "failure" || columns[2] == "unknown") {
			unknown[fmt.Sprintf("%s as %s %s %s", action, category, kind, outcome)] = true
		}
		for name := range e {
			if !fields[name] {
				unknown["field "+name+" of "+action] = true
			}
		}
	})
	for name := range unknown {
		t.Error("the dictionary does not have the", name)
	}
}

var (
	actionRow = regexp.MustCompile("(?m)^\\| ((?:`[a-z-]+`(?:, )?)+) \\| (.*)$")
	fieldName = regexp.MustCompile("`(@?[a-z0-9_]+(?:\\.[a-z0-9_]+)*|\\.[a-z0-9_]+(?:\\.[a-z0-9_]+)*)`")
)

// dictionary reads the tables of the README. A name that begins with a dot is short for one before it.
func dictionary(text string) (actions map[string]string, fields map[string]bool) {
	actions, fields = map[string]string{}, map[string]bool{}
	for _, m := range actionRow.FindAllStringSubmatch(text, -1) {
		for _, name := range strings.Split(m[1], ", ") {
			actions[strings.Trim(name, "`")] = m[2]
		}
	}
	before := ""
	for _, m := range fieldName.FindAllStringSubmatch(text, -1) {
		name := m[1]
		if !strings.HasPrefix(name, ".") {
			fields[name], before = true, name
			continue
		}
		for at := before; ; { // whatever the dot stands for
			i := strings.LastIndexByte(at, '.')
			if i < 0 {
				break
			}
			at = at[:i]
			fields[at+name] = true
		}
	}
	return actions, fields
}

// Every campaign of every kind, at every speed, from one address and from many, takes place, and within the days.
func TestCampaignsTakePlace(t *testing.T) {
	t.Parallel()
	events, truth := shared()
	k, err := readTruth(bytes.NewReader(truth))
	if err != nil {
		t.Fatal(err)
	}
	all := k.list()
	if want := len(kinds()) * len(speeds) * len(spreads); len(all) != want {
		t.Errorf("%d campaigns of %d", len(all), want)
	}
	for _, c := range all {
		if c.Events < 10 {
			t.Errorf("%s has %d events", c.name(), c.Events)
		}
		if length := c.Last.Sub(c.First); c.Speed == "fast" && length > 4*time.Hour || c.Speed == "slow" && length < 6*time.Hour {
			t.Errorf("%s takes %s", c.name(), length)
		}
	}
	found := 0
	eachEvent(t, events, func(e map[string]any) {
		if k.events[e["event.id"].(string)] != nil {
			found++
		}
	})
	if found != len(k.events) {
		t.Errorf("%d events of campaigns are in the events, of %d", found, len(k.events))
	}
	if len(k.subjects) < len(all) {
		t.Errorf("only %d subjects", len(k.subjects))
	}
}

// Without campaigns nobody attacks: all that is left is life, and the scanning that every site gets.
func TestNobodyAttacksWhereNobodyIsAsked(t *testing.T) {
	t.Parallel()
	o := small(6)
	o.campaigns = nil
	_, truth := simulated(t, o)
	k, err := readTruth(bytes.NewReader(truth))
	if err != nil {
		t.Fatal(err)
	}
	if len(k.list()) != 0 || k.campaigns[noisy+"//"] == nil {
		t.Errorf("%d campaigns", len(k.list()))
	}
}

// Without files of countries and networks the gateway tells of neither.
func TestWithoutGeo(t *testing.T) {
	t.Parallel()
	o := small(7)
	o.geo, o.campaigns = false, nil
	events, _ := simulated(t, o)
	for _, word := range []string{"source.geo", "source.as", "impossible-travel", "new-country"} {
		if bytes.Contains(events, []byte(word)) {
			t.Error("there is", word)
		}
	}
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{{"-days", "0"}, {"-users", "3"}, {"-campaigns", "peace"}, {"-nonsense"}, {"-score", "/nonexistent", "-truth", "/nonexistent"}, {"-out", "/nonexistent/x"}} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
