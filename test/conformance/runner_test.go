package conformance

import (
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// Requests are put on the wire as go-ftw does it.
func TestRequests(t *testing.T) {
	for in, want := range map[string]string{
		"{}": "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
		`{method: POST, uri: "", version: "", headers: {b: 2, A: 0300, c: }}`: "POST  \r\nA: 0300\r\nb: 2\r\nc: \r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		`{data: "a=<b>&c"}`: "GET / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: 11\r\n\r\na=%3Cb%3E&c",
		`{data: "a=%3C"}`:   "GET / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: 5\r\n\r\na=%3C",
		`{data: "{{ \"ab\" | repeat 2 }}", headers: {content-type: text/plain, connection: x, content-length: 9}}`: "GET / HTTP/1.1\r\nconnection: x\r\ncontent-length: 9\r\ncontent-type: text/plain\r\n\r\nabab",
		`{data: "a\nb", headers: {Content-Type: "multipart/form-data; boundary=x"}, autocomplete_headers: false}`:  "GET / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\na\r\nb",
		`{data: a, stop_magic: true}`: "GET / HTTP/1.1\r\n\r\na",
		`{encoded_request: R0VU}`:     "GET",
	} {
		var i input
		if err := yaml.Unmarshal([]byte(in), &i); err != nil {
			t.Fatal(err)
		}
		if got, err := i.bytes(); err != nil || string(got) != want {
			t.Errorf("%s\n%q\nwant\n%q %v", in, got, want, err)
		}
	}
}

func TestJudge(t *testing.T) {
	seen := answer{status: 200, requestID: "x", text: "Content-Type: text/plain\r\n\r\nhello"}
	v := verdict{rules: []int{1, 2}, places: map[int][]string{2: {"ARGS:a"}}}
	for out, passes := range map[string]bool{
		"{}":                                    true,
		"{status: 200}":                         true,
		"{status: 403}":                         false,
		"{response_contains: hello}":            true,
		"{response_contains: bye}":              false,
		"{expect_error: true}":                  false,
		"{isolated: true}":                      false,
		"{log: {expect_ids: [1, 2]}}":           true,
		"{log: {expect_ids: [1, 3]}}":           false,
		"{log: {no_expect_ids: [3]}}":           true,
		"{log: {no_expect_ids: [3, 2]}}":        false,
		`{log: {match_regex: '\[msg "two"\]'}}`: true,
		`{log: {match_regex: 'within ARGS:b'}}`: false,
		`{log: {no_match_regex: 'in ARGS:a:'}}`: false,
		"{status: 200, log: {expect_ids: [3]}}": false,
		"{status: 403, log: {expect_ids: [1]}}": false,
	} {
		var o output
		if err := yaml.Unmarshal([]byte(out), &o); err != nil {
			if passes {
				t.Error(err)
			}
			continue
		}
		if why := o.judge(seen, v, map[int]string{2: "two"}); (why == "") != passes {
			t.Errorf("%s: %q", out, why)
		}
	}
	refused := answer{status: 400}
	if why := (output{ExpectError: true}).judge(refused, verdict{}, nil); why != "" {
		t.Errorf("refused before any handler: %s", why)
	}
	refused.requestID = "x"
	if why := (output{ExpectError: true}).judge(refused, verdict{}, nil); why == "" {
		t.Error("a handler's answer passed for an error")
	}
}

// The list of ignored tests can't go stale unseen.
func TestTally(t *testing.T) {
	bad := outcome{failure: "why", answer: answer{status: 505}, verdict: verdict{rules: []int{7}}}
	named := func(id string, o outcome) outcome { o.id = id; return o }
	r := tally([]outcome{
		{id: "passes"}, named("fails", bad), named("ignored", bad), named("by rule", bad), {id: "stale"}, named("other status", bad), named("other rule", bad),
	}, map[string]deviation{
		"ignored": {reason: "a", status: 505}, "by rule": {reason: "b", rule: 7}, "stale": {}, "gone": {}, "other status": {status: 400}, "other rule": {rule: 8},
	})
	want := []string{
		"fails: why",
		"stale passes and is ignored all the same: take it from the list",
		"other status is ignored for another reason: status 505, not 400",
		"other rule is ignored for another reason: rule 8 did not match, only [7]",
		"gone is ignored, and there is no such test",
	}
	if !slices.Equal(r.problems, want) || r.passed != 2 || r.failed != 1 || len(r.ignored) != 4 {
		t.Errorf("%+v", r)
	}
}
