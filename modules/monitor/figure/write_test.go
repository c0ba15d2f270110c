package figure

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

func pair(t *testing.T) Pair {
	t.Helper()
	s := filled(t)
	src := Sources{Routes: func() []string { return []string{"GET /a", "=HYPERLINK(1)", "GET /<script>alert(1)</script>"} }}
	now, err := s.Report(t.Context(), noon.Add(-36*time.Hour), noon, src)
	if err != nil {
		t.Fatal(err)
	}
	then, err := s.Report(t.Context(), noon.Add(-72*time.Hour), noon.Add(-36*time.Hour), src)
	if err != nil {
		t.Fatal(err)
	}
	return Pair{now, then}
}

// The page runs nothing and loads nothing, whatever a configuration calls its routes.
func TestHTML(t *testing.T) {
	var out bytes.Buffer
	if err := pair(t).WriteHTML(&out); err != nil {
		t.Fatal(err)
	}
	for z := html.NewTokenizer(bytes.NewReader(out.Bytes())); z.Next() != html.ErrorToken; {
		tok := z.Token()
		switch tok.Data {
		case "script", "link", "img", "iframe", "object", "base", "form":
			t.Errorf("it has a <%s>", tok.Data)
		}
		for _, a := range tok.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "href" || a.Key == "style" {
				t.Errorf("<%s> has %s", tok.Data, a.Key)
			}
		}
	}
	text := out.String()
	for _, want := range []string{"95.0%", "Requests that the gateway did not fail", "<rect", "GET /&lt;script&gt;", "not known", "36 h before"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

// What is not known is empty, and nothing is a formula.
func TestCSV(t *testing.T) {
	var out bytes.Buffer
	if err := pair(t).WriteCSV(&out); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, row := range rows {
		found[row[3]] = row
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+@") {
				t.Errorf("%q may be a formula", cell)
			}
		}
	}
	if a := found["availability"]; a == nil || a[5] != "0.95" || a[10] != "0.95" {
		t.Errorf("%v", a)
	}
	if c := found["cost_mean"]; c == nil || c[5] != "" {
		t.Errorf("%v", c)
	}
	if found["route =HYPERLINK(1)"] == nil {
		t.Errorf("%v", rows)
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := pair(t).WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var back Pair
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back.Now.Traffic.Requests == 0 || back.Then.Traffic.Requests == 0 {
		t.Error(back, err)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		PercentText(1): "100%", PercentText(.99996): "99.996%", PercentText(.1): "10.0%", PercentText(.0004): "0.04%", PercentText(0): "0%", PercentText(.999999999): "100.0000%",
		Number(1234567): "1,234,567", Number(-1234): "-1,234", Number(999): "999",
		shown(1500): "1.5 µs", shown(90 * time.Second): "1.5 min", shown(72 * time.Hour): "3 days", shown(time.Hour): "1 h",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
