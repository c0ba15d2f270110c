package monitor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// detectTool runs `convosphere detect`.
func detectTool(t *testing.T, in string, args ...string) (out, errs string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	cmd := &cobra.Command{Use: "detect", SilenceUsage: true, SilenceErrors: true}
	detectCommand(cmd)
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(in))
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	err = cmd.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

// found3 tells whether a command ended with the exit code of findings; Caddy's error with the code is not exported.
func found3(err error) bool { return err != nil && err.Error() == "exiting with status 3" }

const guessing = `title: Wrong password
id: wrong
logsource: { product: convosphere, category: authentication }
detection: { s: { event.action: login, event.outcome: failure }, condition: s }
---
title: Guessing
id: guessing
level: high
tags: [attack.credential-access, attack.t1110.001]
correlation: { type: event_count, rules: [wrong], group-by: [source.ip], timespan: 1m, condition: { gte: 5 } }
gateway: { respond: [challenge], explain: "{count} wrong passwords within {timespan}" }
`

func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func guesses(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"@timestamp":"2026-01-05T09:00:%02d.000000Z","event.id":"e%d","event.category":"authentication","event.action":"login","event.outcome":"failure","source.ip":"192.0.2.7"}`+"\n", i, i)
	}
	return b.String()
}

func TestDetectCheck(t *testing.T) {
	good := folderOf(t, map[string]string{"a.yml": guessing})
	out, _, err := detectTool(t, "", "check", good)
	if err != nil || out != "1 rules and 1 correlations are good, 0 are wrong\n" {
		t.Errorf("%q %v", out, err)
	}
	bad := folderOf(t, map[string]string{"a.yml": guessing, "b.yml": "title: \"x\\e[31m\"\nlevel: bad\n", "w.yml": "title: w\nlogsource: { product: windows }\ndetection: { s: { Image: x }, condition: s }\n"})
	out, _, err = detectTool(t, "", "check", bad)
	if !found3(err) || !strings.Contains(out, "wrong  "+filepath.Join(bad, "b.yml")+":2 ") || !strings.Contains(out, "note  ") || strings.Contains(out, "\x1b") || !strings.Contains(out, "1 are wrong") {
		t.Errorf("%q %v", out, err)
	}
	out, _, err = detectTool(t, "", "check", "--quiet", bad, "--json")
	var report struct {
		Rules, Correlations int
		Problems            []struct {
			File, Text string
			Line       int
			Warning    bool
		}
	}
	if !found3(err) || json.Unmarshal([]byte(out), &report) != nil || report.Correlations != 1 || len(report.Problems) != 2 || report.Problems[0].Line != 2 {
		t.Errorf("%q %v", out, err)
	}
	if _, _, err := detectTool(t, "", "check", filepath.Join(bad, "missing")); err == nil || found3(err) {
		t.Error(err)
	}
}

func TestDetectTest(t *testing.T) {
	tests := `tests: [ { name: five, rule: guessing, events: [ { repeat: 5, event: { event.category: authentication, event.action: login, event.outcome: failure, source.ip: 192.0.2.7 } } ], expect: { exactly: %d } } ]`
	good := folderOf(t, map[string]string{"a.yml": guessing, "a_test.yaml": fmt.Sprintf(tests, 1)})
	out, _, err := detectTool(t, "", "test", good)
	if err != nil || out != "1 tests, 0 failed\n" {
		t.Errorf("%q %v", out, err)
	}
	bad := folderOf(t, map[string]string{"a.yml": guessing, "a_test.yaml": fmt.Sprintf(tests, 2)})
	for _, name := range []string{bad, filepath.Join(bad, "a.yml")} {
		out, _, err = detectTool(t, "", "test", name)
		if !found3(err) || !strings.Contains(out, "a_test.yaml:1: five (guessing): 1 findings, expected exactly 2") {
			t.Errorf("%q %v", out, err)
		}
	}
}

func TestDetectReplay(t *testing.T) {
	rules := folderOf(t, map[string]string{"a.yml": guessing})
	out, errs, err := detectTool(t, guesses(7)+"nonsense\n", "replay", "-", "--rules", rules)
	if err != nil || out != "2026-01-05 09:00:04  high           Guessing  client:192.0.2.7: 5 wrong passwords within 1m\n" {
		t.Errorf("%q %v", out, err)
	}
	if !strings.Contains(errs, "7 events from 2026-01-05 09:00:00 to 2026-01-05 09:00:06") || !strings.Contains(errs, "1 findings") || !strings.Contains(errs, "the first is -:8: ") {
		t.Errorf("%q", errs)
	}
	out, _, err = detectTool(t, guesses(7), "replay", "-", "--rules", rules, "--json")
	var f finding.Finding
	if err != nil || json.Unmarshal([]byte(out), &f) != nil || f.Rule != "guessing" || f.Level != finding.High || f.Count != 5 || len(f.Subjects) != 1 {
		t.Errorf("%q %v", out, err)
	}
	file := filepath.Join(folderOf(t, map[string]string{"events.jsonl": guesses(3)}), "events.jsonl")
	out, _, err = detectTool(t, strings.ReplaceAll(guesses(7), `:"e`, `:"f`), "replay", file, "-", "--rules", rules)
	if err != nil || strings.Count(out, "\n") != 1 {
		t.Errorf("%q %v", out, err)
	}
}

func TestDetectReplayExpectations(t *testing.T) {
	rules := folderOf(t, map[string]string{
		"a.yml": guessing, "met.yaml.txt": "expect: [ { rule: guessing, at_least: 1, at_most: 1 } ]", "unmet.txt": "expect: [ { rule: guessing, exactly: 0 } ]",
		"unknown.txt": "expect: [ { rule: other, exactly: 0 } ]", "empty.txt": "expect: []", "typo.txt": "expect: [ { rule: guessing, atleast: 1 } ]",
	})
	run := func(expect string) (string, error) {
		_, errs, err := detectTool(t, guesses(7), "replay", "-", "--rules", rules, "--expect", filepath.Join(rules, expect))
		return errs, err
	}
	if _, err := run("met.yaml.txt"); err != nil {
		t.Error(err)
	}
	if errs, err := run("unmet.txt"); !found3(err) || !strings.Contains(errs, "guessing: 1 findings, expected exactly 0") {
		t.Errorf("%q %v", errs, err)
	}
	for name, want := range map[string]string{"unknown.txt": `there is no rule "other"`, "empty.txt": "expects nothing", "typo.txt": "atleast", "missing.txt": "no such file"} {
		if _, err := run(name); err == nil || found3(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDetectList(t *testing.T) {
	rules := folderOf(t, map[string]string{"a.yml": guessing})
	out, _, err := detectTool(t, "", "list", rules)
	if err != nil || !strings.Contains(out, "high   Guessing  source.ip  T1110.001   challenge") || !strings.Contains(out, "1 rules, and 1 that are parts of correlations") {
		t.Errorf("%q %v", out, err)
	}
	out, _, err = detectTool(t, "", "list", "--json")
	var all []map[string]any
	if err != nil || json.Unmarshal([]byte(out), &all) != nil || len(all) < 45 {
		t.Errorf("%d rules are built in, %v", len(all), err)
	}
}
