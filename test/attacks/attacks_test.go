package attacks

import (
	"encoding/json"
	"testing"
)

// The suite is read whole: each file gives something, and known texts are among them as the rules see them.
func TestAll(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	rules, texts := map[int]bool{}, map[string]bool{}
	for _, p := range all {
		rules[p.Rule], texts[p.Text] = true, true
	}
	if len(all) < 4000 || len(rules) < 190 {
		t.Errorf("%d texts of %d rules", len(all), len(rules))
	}
	for _, want := range []string{"1234 OR 1=1", "-1839' or '1'='1"} {
		if !texts[want] {
			t.Errorf("%q is missing", want)
		}
	}
}

// What is UTF-8 comes back from JSON as it was; other bytes stand in it as they are.
func TestJSON(t *testing.T) {
	for _, s := range []string{"", `a"b\c`, "1\r\n2\x00\x1f\x7f", "Zoë 🙂 \uFFFD"} {
		var got string
		if err := json.Unmarshal([]byte(JSON(s)), &got); err != nil || got != s {
			t.Errorf("%q gives %s: %q, %v", s, JSON(s), got, err)
		}
	}
	if got := JSON("\xff'"); got != "\"\xff'\"" {
		t.Errorf("%q", got)
	}
}
