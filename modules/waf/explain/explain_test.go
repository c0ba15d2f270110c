package explain

import (
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/internal/terminal"
)

var sample = Report{
	Request: "POST /x\x1b]0;evil\x07", Config: "the defaults", Mode: "block", Paranoia: 1, Notes: []string{"no Host: added"},
	Verdict: Level{1, Blocked, 403, 0, 5, 5, []int{942100}, 949110},
	Levels:  []Level{{1, Blocked, 403, 0, 5, 5, []int{942100}, 949110}, {2, Passes, 0, 0, 0, 5, nil, 0}},
	Hits: []Hit{{ID: 942100, Message: "SQL Injection \x1b[2J", Class: "sqli", File: "REQUEST-942.conf", Severity: "critical", Score: 5, Paranoia: 1, Active: true,
		Matches: []Match{{"ARGS:json.text", "1' OR\n\x1b[31m", "Matched Data: \x1b[31m"}}}},
}

// Nothing that a request says reaches the terminal as more than text.
func TestTextIsClean(t *testing.T) {
	for _, colour := range []bool{false, true} {
		var b strings.Builder
		if err := sample.Text(&b, colour); err != nil {
			t.Fatal(err)
		}
		out := b.String()
		if colour {
			for _, code := range []string{terminal.Bold, terminal.Dim, terminal.Red, terminal.Green, terminal.Yellow, terminal.Cyan, "0"} {
				out = strings.ReplaceAll(out, "\x1b["+code+"m", "")
			}
			if out == b.String() {
				t.Error("no colours")
			}
			// The value ended its own quotation with no code of ours.
			if strings.Contains(b.String(), "OR\n") {
				t.Errorf("%q", b.String())
			}
		}
		if strings.ContainsAny(out, "\x1b\x07") {
			t.Errorf("%q", out)
		}
		for _, want := range []string{"942100", "sqli", "critical", "score 5", `ARGS:json.text = "1' OR\n\x1b[31m"`, "blocked 403", "5/5", "← configured", "by rule 949110", "note: no Host"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
	}
}
