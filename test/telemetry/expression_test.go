package telemetry

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
)

// table is docs/metrics.md, which is written from the code.
type table map[string]row

type row struct {
	kind   string
	labels []string
	text   string
}

var (
	rowOf   = regexp.MustCompile("(?m)^\\| `(gateway_[a-z0-9_]+)` \\| ([a-z]+) \\| (.*) \\| (.*) \\|$")
	labelOf = regexp.MustCompile("`([a-z_]+)`: ")
)

func readTable(t kit.T) table {
	raw, err := os.ReadFile(filepath.Join(kit.Root(t), "docs", "metrics.md"))
	if err != nil {
		t.Fatalf("%v", err)
	}
	all := table{}
	for _, m := range rowOf.FindAllStringSubmatch(string(raw), -1) {
		r := row{kind: m[2], text: m[3] + " " + m[4]}
		for _, l := range labelOf.FindAllStringSubmatch(m[3], -1) {
			r.labels = append(r.labels, l[1])
		}
		all[m[1]] = r
	}
	return all
}

// find is the row of a series' name: a histogram has several.
func (all table) find(name string) (row, bool) {
	if r, ok := all[name]; ok {
		return r, r.kind != "histogram"
	}
	for _, end := range []string{"_bucket", "_sum", "_count"} {
		if base, ok := strings.CutSuffix(name, end); ok {
			if r, ok := all[base]; ok && r.kind == "histogram" {
				if end == "_bucket" {
					r.labels = append(slices.Clone(r.labels), "le")
				}
				return r, true
			}
		}
	}
	return row{}, false
}

var (
	selectorOf = regexp.MustCompile(`\b((?:gateway|process|go|caddy)_[a-z0-9_]+|gateway:[a-z0-9_:]+|up)\b(?:\{([^}]*)\})?`)
	matcherOf  = regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	groupedOf  = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// known is what there is besides the table: series that a real Prometheus has scraped, or made by rules, with the values of their labels.
type known map[string]map[string][]string

// faults says what of an expression no series can ever have: names, labels, values of labels. Prometheus takes all of that for nothing, and the alert never comes.
func faults(expr string, all table, live known) (found []string) {
	labels := []string{"job", "instance"}
	for _, s := range selectorOf.FindAllStringSubmatch(expr, -1) {
		name := s[1]
		r, ours := all.find(name)
		values, seen := live[name]
		switch {
		case strings.HasPrefix(name, "gateway_") && !ours:
			found = append(found, "no metric "+name)
			continue
		case !strings.HasPrefix(name, "gateway_") && !seen:
			found = append(found, "nobody tells "+name)
			continue
		}
		of := append([]string{"job", "instance"}, r.labels...)
		for label := range values {
			of = append(of, label)
		}
		labels = append(labels, of...)
		for _, m := range matcherOf.FindAllStringSubmatch(s[2], -1) {
			if !slices.Contains(of, m[1]) {
				found = append(found, fmt.Sprintf("%s has no label %s", name, m[1]))
				continue
			}
			if m[1] == "job" || m[1] == "instance" {
				continue
			}
			for _, v := range strings.Split(m[3], "|") {
				if v != "" && !slices.Contains(values[m[1]], v) && !regexp.MustCompile(`\b`+regexp.QuoteMeta(v)+`\b`).MatchString(r.text) {
					found = append(found, fmt.Sprintf("%s never has the %s %q", name, m[1], v))
				}
			}
		}
	}
	for _, g := range groupedOf.FindAllStringSubmatch(expr, -1) {
		for _, l := range strings.Split(g[1], ",") {
			if l = strings.TrimSpace(l); !slices.Contains(labels, l) {
				found = append(found, "nothing in it has the label "+l)
			}
		}
	}
	return found
}

var increaseOf = regexp.MustCompile(`(?:increase|rate)\((gateway_[a-z0-9_]+)\{([^}]*)\}`)

// unborn says which values an expression counts the increase of that are not there before the first time: that time is no increase, and the alert never comes.
func unborn(expr string, live known) (found []string) {
	for _, s := range increaseOf.FindAllStringSubmatch(expr, -1) {
		for _, m := range matcherOf.FindAllStringSubmatch(s[2], -1) {
			for _, v := range strings.Split(m[3], "|") {
				if strings.HasPrefix(m[2], "=") && !slices.Contains(live[s[1]][m[1]], v) {
					found = append(found, fmt.Sprintf("%s does not begin at 0 with the %s %q", s[1], m[1], v))
				}
			}
		}
	}
	return found
}

func TestUnborn(t *testing.T) {
	live := known{"gateway_a_total": {"outcome": {"good"}}}
	for expr, want := range map[string]int{
		`increase(gateway_a_total{outcome="good"}[5m])`: 0, `rate(gateway_a_total{outcome=~"good|bad"}[5m])`: 1, `rate(gateway_b_total{outcome="good"}[5m]) > 0`: 1,
		`rate(gateway_a_total{outcome!="bad"}[5m])`: 0,
	} {
		if got := unborn(expr, live); len(got) != want {
			t.Errorf("%s: %q", expr, got)
		}
	}
}

// What the check finds, and what it lets pass.
func TestFaults(t *testing.T) {
	all := table{
		"gateway_a_total":   {"counter", []string{"outcome"}, "by outcome: good, bad_one."},
		"gateway_b_seconds": {"histogram", []string{"handler"}, ""}, "gateway_c": {"gauge", nil, ""},
	}
	live := known{"up": {}, "gateway:d": {"outcome": {"x"}}, "gateway_a_total": {"outcome": {"seen"}}}
	for _, good := range []string{
		`rate(gateway_a_total{outcome=~"good|seen|bad_one",instance=~".*"}[5m])`, `sum by (handler, le) (rate(gateway_b_seconds_bucket[1m])) > up{job="x"}`,
		`gateway:d{outcome="x"} + gateway_c`, `sum by (outcome, instance) (gateway_a_total{outcome!=""})`,
	} {
		if got := faults(good, all, live); len(got) > 0 {
			t.Errorf("%s: %q", good, got)
		}
	}
	for _, bad := range []string{
		`rate(gateway_x_total[5m])`, `gateway_b_seconds`, `gateway_c_bucket`, `gateway_a_total{outcome="bad"}`, `gateway_a_total{result="good"}`, `sum by (handler) (gateway_a_total)`,
		`go_nonsense`, `gateway:e`, `gateway_c{le="1"}`,
	} {
		if len(faults(bad, all, live)) == 0 {
			t.Errorf("%s passes", bad)
		}
	}
}
