package source

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// large is a policy's data of some 50 MB: 200,000 people.
func large() string {
	var b strings.Builder
	b.WriteString(`{"switch": {"on": false}, "people": {`)
	for i := range 200_000 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"person-%06d": {"unit": "unit-%d", "floor": %d, "tags": ["%s", "%s"]}`, i, i%977, i%40, strings.Repeat("a", 90), strings.Repeat("b", 90))
	}
	b.WriteString(`}}`)
	return b.String()
}

// live is what the heap holds, in MB.
func live() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what has a finalizer, and what pools hold, goes with the second
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / 1e6
}

// resident is what the process has of memory, in MB: now, and at most so far.
func resident(b *testing.B) (now, most float64) {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			now = kib / 1e3
		}
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kib); n == 1 {
			most = kib / 1e3
		}
	}
	return now, most
}

func benchRig(b *testing.B, folder string) *rig {
	ctx := context.Background()
	db, err := database.Open(ctx, dbtest.NewSQLite(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	r := newRig(b, NewFolder(folder, time.Now))
	if r.o.Pushed, err = NewPushed(ctx, db, func() {}, time.Now); err != nil {
		b.Fatal(err)
	}
	r.mustLoad()
	return r
}

// BenchmarkPushOfLargeData: 50 MB pushed in place of the same.
func BenchmarkPushOfLargeData(b *testing.B) {
	r := benchRig(b, asking(b))
	text := large()
	before := live()
	for b.Loop() {
		if err := r.put("pushed", text); err != nil {
			b.Fatal(err)
		}
	}
	now, most := resident(b)
	b.ReportMetric(live()-before, "live-MB")
	b.ReportMetric(now, "resident-MB")
	b.ReportMetric(most, "most-MB")
	runtime.KeepAlive(r.keeper)
}

// BenchmarkPushBesideLargeData: a small document pushed over 50 MB of a policy's own.
func BenchmarkPushBesideLargeData(b *testing.B) {
	folder := asking(b)
	text := large()
	put(b, folder, "data.json", text)
	before := live()
	r := benchRig(b, folder)
	held := live() - before
	b.ReportMetric(float64(len(text))/1e6, "MB")
	for b.Loop() {
		if err := r.put("switch/on", `true`); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(held, "live-MB")
}
