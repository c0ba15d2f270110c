package gateway

import (
	"math"
	"testing"
)

func TestMemoryLimit(t *testing.T) {
	for _, c := range []struct {
		limit   int64
		meminfo string
		want    float64
	}{
		{math.MaxInt64, "MemTotal:        2048 kB\nMemFree:  1 kB\n", 2 << 20},
		{1 << 20, "MemTotal:        2048 kB\n", 1 << 20},
		{1 << 20, "", 1 << 20},
		{1 << 20, "MemTotal: much\n", 1 << 20},
	} {
		if got := memoryOf(c.limit, []byte(c.meminfo)); got != c.want {
			t.Errorf("%d, %q: %v, want %v", c.limit, c.meminfo, got, c.want)
		}
	}
}
