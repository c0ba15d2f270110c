package gateway

import (
	"bytes"
	"os"
	"runtime/debug"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

var memoryLimit = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
	Name: "gateway_memory_limit_bytes", Help: "What the process may use of memory: its limit (GOMEMLIMIT, or what a container is given), or all that the machine has where that is less or there is none.",
}, func() float64 {
	raw, _ := os.ReadFile("/proc/meminfo") // where there is none, Go's own limit is all that is known
	return memoryOf(debug.SetMemoryLimit(-1), raw)
})

// memoryOf is the less of Go's limit, which is near the largest number where nothing bounds it, and what the kernel says that the machine has.
func memoryOf(limit int64, meminfo []byte) float64 {
	_, rest, _ := bytes.Cut(meminfo, []byte("MemTotal:"))
	if fields := bytes.Fields(rest); len(fields) > 0 {
		if kib, err := strconv.ParseInt(string(fields[0]), 10, 64); err == nil && kib > 0 {
			limit = min(limit, kib<<10)
		}
	}
	return float64(limit)
}
