package upload

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// What the README says that there is, is there, and nothing else; so are all findings.
func TestTheREADMENamesWhatThereIs(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	if err := registerMetrics(reg); err != nil {
		t.Fatal(err)
	}
	scannerUp.WithLabelValues("x")
	defer scannerUp.DeleteLabelValues("x")
	phases.WithLabelValues("scan")
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		got = append(got, f.GetName())
	}
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(b), "\n## Metrics\n")
	var want []string
	for _, m := range regexp.MustCompile("(?m)^\\* `(gateway_upload_[a-z_]+)").FindAllStringSubmatch(section, -1) {
		want = append(want, m[1])
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("there are\n%q\nthe README names\n%q", got, want)
	}
	for _, f := range findings {
		if !strings.Contains(string(b), "`"+f+"`") {
			t.Errorf("the README does not name the finding %s", f)
		}
	}
}
