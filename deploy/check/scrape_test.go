package check

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

var jobOf = regexp.MustCompile(`job=\\?"([^"\\]*)\\?"`)

// jobs are those that rules and dashboards go by: a metric of another job is none to them.
func jobs(t *testing.T) (all []string) {
	t.Helper()
	for _, file := range []string{"prometheus/alerts.yml", "prometheus/recording.yml", "grafana/overview.json", "grafana/performance.json", "grafana/fleet.json", "grafana/security.json"} {
		for _, m := range jobOf.FindAllStringSubmatch(read(t, "deploy", file), -1) {
			all = append(all, m[1])
		}
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) == 0 {
		t.Fatal("no rule names a job")
	}
	return all
}

// scraped sees that each ServiceMonitor finds a service and its port, and that the job which the operator makes of it is the one of the rules.
func scraped(objects []runtime.Object, jobs []string) error {
	for _, o := range objects {
		m, ok := o.(*monitoring.ServiceMonitor)
		if !ok {
			continue
		}
		i := slices.IndexFunc(objects, func(o runtime.Object) bool {
			s, ok := o.(*core.Service)
			return ok && labels.SelectorFromSet(m.Spec.Selector.MatchLabels).Matches(labels.Set(s.Labels))
		})
		if i < 0 {
			return fmt.Errorf("%s scrapes no service", m.Name)
		}
		s := objects[i].(*core.Service)
		for _, e := range m.Spec.Endpoints {
			if !slices.ContainsFunc(s.Spec.Ports, func(p core.ServicePort) bool { return p.Name == e.Port }) {
				return fmt.Errorf("%s scrapes the port %s, which %s does not have", m.Name, e.Port, s.Name)
			}
		}
		job := s.Name // as the operator has it where no label is named
		if l := m.Spec.JobLabel; l != "" && s.Labels[l] != "" {
			job = s.Labels[l]
		}
		for _, want := range jobs {
			if job != want {
				return fmt.Errorf("what %s scrapes is of the job %s, the rules go by %s", m.Name, job, want)
			}
		}
	}
	return nil
}

func renderScraped(t *testing.T, c *chart.Chart) error {
	t.Helper()
	docs, err := render(c, loadValues(t, "managed"))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := decode(docs)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(objects, func(o runtime.Object) bool { _, ok := o.(*monitoring.ServiceMonitor); return ok }) {
		t.Fatal("nothing scrapes it")
	}
	return scraped(objects, jobs(t))
}

// Rules and dashboards mean what the chart has Prometheus scrape.
func TestChartIsScrapedAsTheRulesHaveIt(t *testing.T) {
	if err := renderScraped(t, loadChart(t)); err != nil {
		t.Error(err)
	}
	for name, change := range map[string][2]string{
		"the service's name is the job": {"  jobLabel: app.kubernetes.io/name\n", ""},
		"another label":                 {"jobLabel: app.kubernetes.io/name", "jobLabel: app.kubernetes.io/component"},
		"no service":                    {`convosphere/scrape: "true"`, `convosphere/scrape: "yes"`},
		"no port":                       {"port: health", "port: metrics"},
	} {
		c := loadChart(t)
		i := slices.IndexFunc(c.Templates, func(f *chart.File) bool { return path.Base(f.Name) == "monitor.yaml" })
		if !bytes.Contains(c.Templates[i].Data, []byte(change[0])) {
			t.Fatalf("%s: monitor.yaml has no %q", name, change[0])
		}
		c.Templates[i] = &chart.File{Name: c.Templates[i].Name, Data: bytes.ReplaceAll(c.Templates[i].Data, []byte(change[0]), []byte(change[1]))}
		if renderScraped(t, c) == nil {
			t.Errorf("%s is not found", name)
		}
	}
}
