package event

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"pgregory.net/rapid"
)

// types are what ECS 8 allows for a category.
var types = map[string]string{
	"api": "access admin allowed change creation deletion denied end info start user", "authentication": "start end info",
	"configuration": "access change creation deletion info", "iam": "admin change creation deletion group info user", "intrusion_detection": "allowed denied info",
	"database": "access change error info", "malware": "info", "process": "access change end info start", "session": "start end info", "web": "access error info",
}

func TestDictionaryIsTheReadme(t *testing.T) {
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("^\\| (`[a-z0-9-]+`(?:, `[a-z0-9-]+`)*) \\| ([a-z_]+)[a-z_, ]* \\| ([a-z]+) \\| ")
	rest := maps.Clone(dictionary)
	for line := range strings.Lines(string(raw)) {
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		for _, name := range strings.Split(strings.ReplaceAll(m[1], "`", ""), ", ") {
			if c, ok := rest[name]; !ok || c.category != m[2] || c.typ != m[3] {
				t.Errorf("%s is %s, %s in README.md; dictionary.go has %q", name, m[2], m[3], dictionary[name])
			}
			delete(rest, name)
		}
	}
	for name, c := range dictionary {
		if !slices.Contains(strings.Fields(types[c.category]), c.typ) {
			t.Errorf("%s: ECS has no %s of %s", name, c.typ, c.category)
		}
	}
	if len(rest) > 0 {
		t.Errorf("not in README.md: %v", slices.Sorted(maps.Keys(rest)))
	}
}

// Whatever is in an event, its line is JSON and at most 16 KiB, says what it left out, and keeps who and what.
func TestNoLineIsTooLong(t *testing.T) {
	dir := t.TempDir()
	b, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	text := rapid.OneOf(rapid.String(), rapid.Map(rapid.IntRange(0, 40<<10), func(n int) string { return strings.Repeat("\x01", n) }),
		rapid.Map(rapid.IntRange(0, 40<<10), func(n int) string { return strings.Repeat("\xff\"", n) }))
	events := 0
	rapid.Check(t, func(r *rapid.T) {
		s := func(name string) string { return text.Draw(r, name) }
		e := &Event{
			Action: "http-request", Outcome: Failure, Reason: s("reason"), RequestID: "R", Method: s("method"), Host: s("host"), Path: s("path"), Route: s("route"),
			Resource: Resource{s("type"), s("id")}, UserAgent: s("agent"), SourceIP: s("ip"), Country: s("country"), Network: Network{1, s("org")},
			UserID: s("user"), TargetID: s("target"), Account: "A", Session: s("session"), Device: s("device"), Node: "n",
			UserRoles: rapid.SliceOfN(text, 0, 40).Draw(r, "roles"), Query: s("query"), Referrer: s("referrer"),
		}
		for i := range rapid.IntRange(0, 12).Draw(r, "fields") {
			e.Fields = append(e.Fields, zap.String(fmt.Sprint("gateway.f", i), s("field")))
		}
		b.Emit(e)
		events++
	})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(raw)) {
		n++
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil || len(line) > MaxLine {
			t.Fatalf("%d bytes, %v", len(line), err)
		}
		if e["event.action"] != "http-request" || e["http.request.id"] != "R" || e["gateway.node"] != "n" || e["gateway.account"] != "A" {
			t.Fatal(line)
		}
		for _, key := range []string{"url.query", "http.request.referrer"} {
			if e[key] != nil {
				t.Fatalf("%s is written", key)
			}
		}
	}
	if lost, failed := b.Dropped(); n != events || lost+failed != 0 {
		t.Errorf("%d of %d events are written, %d and %d lost", n, events, lost, failed)
	}
}

func TestWhatIsLeftOutIsSaid(t *testing.T) {
	e := &Event{Action: "x", Fields: []zap.Field{
		zap.String("gateway.small", "s"), zap.String("gateway.huge", strings.Repeat("h", 30<<10)), zap.String("gateway.large", strings.Repeat("l", 12<<10)),
	}}
	line, err := encode(newEncoder(), e)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(line.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got["gateway.small"] != "s" || got["gateway.huge"] != nil || got["gateway.large"] == nil || fmt.Sprint(got["gateway.cut"]) != "[gateway.huge]" {
		t.Errorf("%.200s", line.String())
	}
}
