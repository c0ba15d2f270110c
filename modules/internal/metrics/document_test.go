package metrics

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/metrics.md anew")

const document = "../../../docs/metrics.md"

// bounds says which values a label can have, and so how many: clients never choose them. A name with a dot is of one metric.
var bounds = map[string]string{
	"action":    "one of the actions that the package has",
	"cause":     "one of the code's words",
	"change":    "one of the help's words",
	"channel":   "a channel of the configuration",
	"class":     "one of the help's words, or a tier of the configuration",
	"direction": "`in`, `out`",
	"fate":      "one of the help's words",
	"figure":    "one of the help's words",
	"from":      "`memory`, `database`",
	"handler":   "one of the gateway's eleven handlers on the path",
	"in":        "one of the help's words",
	"kind":      "one of the code's words",
	"level":     "one of the five levels of findings, or one of the help's words",
	"mode":      "`exact`, `leased`, `local`",
	"outcome":   "one of the help's words",
	"output":    "an output of the configuration",
	"part":      "one of the gateway's parts",
	"phase":     "one of the help's words",
	"problem":   "a type of problem that the gateway's code answers with; empty: none",
	"reason":    "one of the code's words",
	"result":    "one of the code's words",
	"risk":      "one of the help's words",
	"room":      "`client`, `gateway`",
	"route":     "a route of the portal",
	"rule":      "a rule that is loaded, or `_other`",
	"scanner":   "the scanner of the configuration",
	"signal":    "one of the signals of abuse control",
	"source":    "one of the help's words",
	"state":     "one of the code's words",
	"step":      "one of the help's words",
	"upstream":  "a back end of the configuration",
	"use":       "one of the code's words",
	"verdict":   "one of the help's words",
	"view":      "a view of the console",
	"what":      "one of the code's words",
	"zone":      "a zone of the configuration",

	"gateway_requests_total.class": "`1xx` to `5xx`",
}

func boundOf(m metric, label string) string {
	if b, ok := bounds[m.Name+"."+label]; ok {
		return b
	}
	return bounds[label]
}

const head = `# Metrics

The gateway's own, as the code declares them: ` + "`go test ./modules/internal/metrics -run Document -update`" + ` writes this page, and a test holds it to the code. Where they are
shown: at the admin socket (` + "`curl --unix-socket …/admin.sock http://localhost/metrics`" + `), and at any site with Caddy's directive ` + "`metrics`" + `.

Labels have few values, which are the code's or the configuration's: a client can't make one. Counters begin at 0 with the process, those with labels at the values that alerts ask for; another value is there from the first time
that it happens. A reload does not set them back. Beside these are Caddy's
(` + "`caddy_*`" + `; with the global option ` + "`metrics`" + ` also ` + "`caddy_http_*`" + ` of requests, by server, handler, method and status code) and the process's own, which tell of its resources:
` + "`process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_open_fds`, `process_max_fds`, `process_start_time_seconds`, `go_goroutines`, `go_memstats_heap_inuse_bytes`, `go_gc_duration_seconds`" + ` and others of the same beginnings.

` + "`deploy/prometheus` and `deploy/grafana`" + ` have alert rules and dashboards made of them.

`

func written(all []metric) string {
	var b bytes.Buffer
	b.WriteString(head)
	folders := map[string][]metric{}
	for _, m := range all {
		top, _, _ := strings.Cut(strings.TrimPrefix(m.Folder, "internal/"), "/")
		folders[top] = append(folders[top], m)
	}
	names := make([]string, 0, len(folders))
	for name := range folders {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "## %s\n| metric | type | labels | what |\n|---|---|---|---|\n", name)
		for _, m := range folders[name] {
			labels := make([]string, len(m.Labels))
			for i, l := range m.Labels {
				labels[i] = "`" + l + "`: " + boundOf(m, l)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, strings.ReplaceAll(strings.Join(labels, "; "), "|", `\|`), strings.ReplaceAll(m.Help, "|", `\|`))
		}
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// docs/metrics.md has every metric of the code, as it is; each label says what bounds it.
func TestDocument(t *testing.T) {
	all, err := scan("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("%d metrics: the scan misses some", len(all))
	}
	used := map[string]bool{}
	for i, m := range all {
		if i > 0 && all[i-1].Name == m.Name {
			t.Errorf("%s is declared twice", m.Name)
		}
		for _, l := range m.Labels {
			if boundOf(m, l) == "" {
				t.Errorf("%s: nothing says what bounds the label %s", m.Name, l)
			}
			used[l] = true
		}
		if total := strings.HasSuffix(m.Name, "_total"); total != (m.Kind == "counter") {
			t.Errorf("%s is a %s: counters, and they alone, end in _total", m.Name, m.Kind)
		}
	}
	want := written(all)
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/metrics.md is not what the code declares: go test ./modules/internal/metrics -run Document -update")
	}
}

// The scan sees what the code base writes in other ways than most, too, and what is wrong.
func TestScan(t *testing.T) {
	dir := t.TempDir()
	code := `package p
var a = prometheus.NewGauge(prometheus.GaugeOpts{Name: "gateway_a", Help: "One " + "two."})
var b, c = prometheus.NewDesc("gateway_b_total", "B.", []string{"x", "y"}, nil), prometheus.NewDesc("gateway_c", "C.", nil, nil)
func f() { g(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "gateway_d_total", Help: "D."}, nil), prometheus.MustNewConstMetric(c, prometheus.CounterValue, 1)) }
`
	write := func(text string) ([]metric, error) {
		if err := os.WriteFile(dir+"/p.go", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return scan(dir)
	}
	all, err := write(code)
	if err != nil || len(all) != 4 {
		t.Fatal(all, err)
	}
	if all[0].Help != "One two." || all[1].Kind != "counter" || len(all[1].Labels) != 2 || all[2].Kind != "counter" || all[3].Name != "gateway_d_total" {
		t.Error(all)
	}
	for _, wrong := range []string{`"other_a", Help: "A."`, `"gateway_a"`} {
		if _, err := write(`package p; var a = prometheus.NewGauge(prometheus.GaugeOpts{Name: ` + wrong + `})`); err == nil {
			t.Errorf("%s is taken", wrong)
		}
	}
}
