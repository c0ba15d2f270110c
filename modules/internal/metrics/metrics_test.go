package metrics

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestRegister(t *testing.T) {
	a := prometheus.NewCounter(prometheus.CounterOpts{Name: "a_total"})
	b := prometheus.NewCounter(prometheus.CounterOpts{Name: "b_total"})
	reg := prometheus.NewRegistry()
	if err := Register(reg, a); err != nil {
		t.Fatal(err)
	}
	if err := Register(reg, a, b); err != nil {
		t.Fatal(err)
	}
	if all, err := reg.Gather(); err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	other := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "a_total"}, []string{"label"})
	if err := Register(reg, other); err == nil || !strings.HasPrefix(err.Error(), "registering metrics: ") {
		t.Fatal(err)
	}
}
