package alert

import (
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// An alert on an increase needs the series before the first alert is given up.
func TestOutcomesBeginAtZero(t *testing.T) {
	o := newOffice(t, Config{Channels: []Channel{{Name: "begins", Level: finding.Medium, To: &catcher{}}}})
	o.Start()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(Collectors()...)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if l := m.GetLabel(); l[0].GetValue() == "begins" && m.GetCounter().GetValue() == 0 {
				got = append(got, l[1].GetValue())
			}
		}
	}
	if !slices.Equal(got, []string{"dead", "retried", "sent"}) {
		t.Errorf("before anything was sent: %q", got)
	}
}
