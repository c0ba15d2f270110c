package ruletest

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/convosphere/gateway/modules/monitor/detect"
)

const rules = `
title: Wrong password
id: wrong
logsource: { product: convosphere }
detection: { s: { event.action: login, event.outcome: failure }, condition: s }
---
title: Guessing
id: 1e6e9b8c-6f6d-4d4a-8a05-0c1b3a7d2f10
name: guessing
correlation:
  type: event_count
  rules: [wrong]
  group-by: [source.ip]
  timespan: 1m
  condition: { gte: 10 }
---
title: Telnet
id: telnet
logsource: { product: convosphere }
detection: { s: { url.path: /telnet }, condition: s }
`

func run(t *testing.T, tests string) ([]Result, error) {
	t.Helper()
	fsys := fstest.MapFS{"a/x.yml": {Data: []byte(rules)}, "a/x_test.yaml": {Data: []byte(tests)}}
	r, problems := detect.Load(fsys)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return Run(fsys, r)
}

func TestRun(t *testing.T) {
	results, err := run(t, `
defaults: { event.action: login, source.ip: 192.0.2.7 }
tests:
  - name: ten in a minute
    rule: guessing
    events:
      - { event.outcome: success }
      - repeat: 10
        every: 5s
        event: { event.outcome: failure, gateway.account: "A{n}" }
    expect: { exactly: 1, subject: client:192.0.2.7 }
  - name: nine
    rule: guessing
    events: [ { repeat: 9, event: { event.outcome: failure } } ]
    expect: { exactly: 0 }
  - name: ten from two addresses, told one after the other
    rule: guessing
    events:
      - { at: 0s, repeat: 5, every: 2s, event: { event.outcome: failure } }
      - { at: 1s, repeat: 5, every: 2s, event: { event.outcome: failure, source.ip: "192.0.2.{n%2}" } }
    expect: { at_most: 0 }
  - name: not what is expected
    rule: telnet
    events: [ { url.path: /telnet } ]
    expect: { exactly: 0 }
  - name: no such rule
    rule: missing
    events: [ { url.path: /telnet } ]
    expect: { exactly: 0 }
  - name: a part of a correlation
    rule: wrong
    events: [ { event.outcome: failure } ]
    expect: { at_least: 1 }
`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		word := "passed"
		if !r.Passed {
			word = "failed"
		}
		got = append(got, r.Name+": "+word+" "+r.Why)
	}
	want := `ten in a minute: passed |nine: passed |ten from two addresses, told one after the other: passed |not what is expected: failed |no such rule: failed there is no such rule|` +
		`a part of a correlation: failed the rule makes no findings of its own: it is there for a correlation`
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("got\n%s, want\n%s", s, want)
	}
	if results[0].Line != 4 || results[3].Got != 1 || results[3].Want != "exactly 0" {
		t.Errorf("%+v", results)
	}
}

// A test that tests nothing is an error, not a pass.
func TestWrong(t *testing.T) {
	for in, want := range map[string]string{
		`tests: [ { name: a, rule: telnet, events: [ { a: 1 } ] } ]`:                                               "expect has",
		`tests: [ { name: a, rule: telnet, events: [ { a: 1 } ], expect: { exactlyy: 1 } } ]`:                      "exactlyy",
		`tests: [ { name: a, rule: telnet, event: [ { a: 1 } ], expect: { exactly: 1 } } ]`:                        "event",
		`tests: [ { name: a, rule: telnet, events: [ { at: soon, a: 1 } ], expect: { exactly: 1 } } ]`:             "soon",
		`tests: [ { name: a, rule: telnet, events: [ { repeat: 0, event: { a: 1 } } ], expect: { exactly: 1 } } ]`: "repeat",
		`tests: [ { name: a, rule: telnet, events: [ { a: 1, event: { a: 1 } } ], expect: { exactly: 1 } } ]`:      "beside event",
		`tests: [ { name: a, rule: telnet, events: [ { repeat: 2 } ], expect: { exactly: 1 } } ]`:                  "has fields",
		`tests: [ { rule: telnet, events: [ { a: 1 } ], expect: { exactly: 1 } } ]`:                                "has a name",
		`tests: [ { name: a, events: [ { a: 1 } ], expect: { exactly: 1 } } ]`:                                     "names its rule",
		`tests: [ { name: a, rule: telnet, events: [ { a: 1 } ], expect: { exactly: -1 } } ]`:                      "0 or more",
		`tests: {`: "a/x_test.yaml",
	} {
		if _, err := run(t, in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}
