package waf

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What the README says that there is, is there from the start, each value of a bounded label too; and nothing else.
func TestMetricsAreAsTheREADMESays(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	if err := registerMetrics(reg); err != nil {
		t.Fatal(err)
	}
	reg.MustRegister(captured)
	observe(phaseScreen, time.Now())
	ruleHits.WithLabelValues(other)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		got = append(got, f.GetName())
		for _, want := range map[string][]string{
			"gateway_waf_requests_total":  {"passed", "detected", "blocked", "refused", "failed"},
			"gateway_waf_messages_total":  {"passed", "detected", "blocked", "refused", "failed"},
			"gateway_waf_responses_total": {"passed", "detected", "blocked", "ended", "refused", "failed", "encoded"},
			"gateway_waf_screened_total":  {"clean", "named", "unknown"},
			"gateway_waf_overload_total":  {"client", "gateway"},
			"gateway_waf_captured_total":  {"written", "dropped"},
		}[f.GetName()] {
			there := false
			for _, m := range f.GetMetric() {
				there = there || m.GetLabel()[0].GetValue() == want
			}
			if !there {
				t.Errorf("%s has no %s", f.GetName(), want)
			}
		}
	}
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var want []string
	for _, m := range regexp.MustCompile("(?m)^\\* `(gateway_waf_[a-z_]+)").FindAllStringSubmatch(section, -1) {
		want = append(want, m[1])
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("there are\n%q\nthe README names\n%q", got, want)
	}
}
