package gateway

import (
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestLeastFree(t *testing.T) {
	const mib = 1 << 20
	for whole, want := range map[uint64]uint64{60 * mib: 64 * mib, 10 << 30: 512 * mib, 20 << 30: 1 << 30, 1 << 40: 1 << 30} {
		if got := leastFree(whole); got != want {
			t.Errorf("of %d MiB: %d MiB, want %d", whole/mib, got/mib, want/mib)
		}
	}
}

func TestDiskIsTold(t *testing.T) {
	count := func(dir string) (values []float64) {
		reg := prometheus.NewRegistry()
		reg.MustRegister(diskCollector{dir})
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			values = append(values, f.GetMetric()[0].GetGauge().GetValue())
		}
		return values
	}
	if got := count(t.TempDir()); len(got) != 2 || got[0] <= 0 || got[1] < got[0] {
		t.Errorf("free and whole: %v", got)
	}
	if got := count(filepath.Join(t.TempDir(), "none")); got != nil {
		t.Errorf("of no disk: %v", got)
	}
}
