package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// found is a made-up finding.
func found(rule, level string, last time.Time, subject string, events ...string) string {
	kind, id, _ := strings.Cut(subject, ":")
	b, err := json.Marshal(map[string]any{
		"rule": rule, "title": rule, "level": level, "first": last, "last": last, "subjects": []map[string]string{{"kind": kind, "id": id}}, "events": events,
	})
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

// The score of findings of which it is known what they are.
func TestScore(t *testing.T) {
	first := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return first.Add(d) }
	line := func(l truthLine) string { b, _ := json.Marshal(l); return string(b) + "\n" }
	last := at(time.Hour)
	truth := line(truthLine{Campaign: "scanning/fast/one", Subject: "client:192.0.2.1"}) +
		line(truthLine{Campaign: "scanning/fast/one", Event: "E-1"}) + line(truthLine{Campaign: "scanning/fast/one", Event: "E-2"}) +
		line(truthLine{Campaign: "scanning/slow/many", Event: "E-3"}) + line(truthLine{Campaign: "background//", Event: "E-4"}) +
		line(truthLine{Campaign: "scanning/fast/one", Kind: "scanning", Speed: "fast", Spread: "one", First: &first, Last: &last, Events: 2}) +
		line(truthLine{Campaign: "scanning/slow/many", Kind: "scanning", Speed: "slow", Spread: "many", First: &first, Last: &last, Events: 1}) +
		line(truthLine{Campaign: "background//", Kind: noisy, First: &first, Last: &last, Events: 1}) +
		line(truthLine{Users: 500, Days: 2, Seed: 1, Events: 9})
	findings := found("scan", "high", at(3*time.Minute), "client:192.0.2.1", "E-1", "E-2") + // the campaign
		found("scan", "high", at(9*time.Minute), "client:192.0.2.1", "E-2", "E-9") + // once more, later
		found("quiet", "low", at(time.Minute), "gateway.route:/", "E-3") + // too quiet to count as detected
		found("noise", "high", at(time.Minute), "client:192.0.2.9", "E-4") +
		found("wrong", "medium", at(time.Minute), "user:ANNA", "E-8") + // a false alert
		found("wrong", "low", at(time.Minute), "user:ANNA", "E-8") + // one that nobody hears
		found("late", "high", at(40*time.Hour), "client:192.0.2.1", "E-7") + // about who had long stopped
		found("other", "high", at(2*time.Minute), "client:192.0.2.1", "E-7") + // about who attacks, but something else
		`{"events":9,"findings":8}` + "\n"
	k, err := readTruth(strings.NewReader(truth))
	if err != nil {
		t.Fatal(err)
	}
	r, err := k.score(strings.NewReader(findings))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Campaigns) != 2 {
		t.Fatalf("%d campaigns", len(r.Campaigns))
	}
	fast, slow := r.Campaigns[0], r.Campaigns[1]
	if !fast.Detected || fast.After != 180 || fast.Findings != 2 || slow.Detected || slow.Findings != 0 || slow.Hints != 1 {
		t.Errorf("%+v %+v", fast, slow)
	}
	if r.Findings != 8 || r.False != 2 || r.FalseRate != 2 || r.Background != 1 || r.Quiet != 1 || r.Beside != 1 || r.FalseByRule["wrong"] != 1 || r.FalseByRule["late"] != 1 {
		t.Errorf("%+v", r)
	}
	var table bytes.Buffer
	if err := r.write(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"The traffic is synthetic", "1/1", "0/1", "3m", "Found: 1 of 2 campaigns (50.0 %)", "Missed:\n  scanning: slow/many", "2 in 1000 user-days, 2.000 per 1,000"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table does not say %q:\n%s", want, &table)
		}
	}
}

// A detector that knows the truth finds everything, and one that is blind nothing.
func TestScoreOfTheAllKnowing(t *testing.T) {
	t.Parallel()
	_, truth := shared()
	k, err := readTruth(bytes.NewReader(truth))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	told := map[*scored]bool{}
	for id, c := range k.events {
		if !told[c] {
			told[c] = true
			all.WriteString(found("oracle", "high", c.First.Add(time.Second), "client:nobody", id))
		}
	}
	r, err := k.score(strings.NewReader(all.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Campaigns {
		if !c.Detected || c.After != 1 {
			t.Errorf("%+v", c)
		}
	}
	if r.False != 0 || r.Background != 1 {
		t.Errorf("%d false alerts, %d about the background", r.False, r.Background)
	}
	if k, err = readTruth(bytes.NewReader(truth)); err != nil {
		t.Fatal(err)
	}
	if r, err = k.score(strings.NewReader("")); err != nil || r.Campaigns[0].Detected || r.Findings != 0 {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestScoreOfFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	if err := run([]string{"-days", "1", "-users", "40", "-campaigns", "brute-force,scanning", "-out", file("events"), "-truth", file("truth")}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file("findings"), []byte(found("x", "high", time.Date(2026, 6, 1, 1, 0, 0, 0, time.UTC), "user:X", "NONE")), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run([]string{"-score", file("findings"), "-truth", file("truth"), "-json", file("score")}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file("score"))
	var r report
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	if err != nil || len(r.Campaigns) != 12 || r.False != 1 || !strings.Contains(out.String(), "Found: 0 of 12") {
		t.Errorf("%v, %+v\n%s", err, r, &out)
	}
	for _, bad := range []string{"", "no JSON\n", `{"campaign":"a/b/c","event":"E"}` + "\n"} {
		if _, err := readTruth(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is a truth", bad)
		}
	}
}
