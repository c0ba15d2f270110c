package main

import (
	"net/http"
	"runtime"
	"testing"
	"time"
)

// A hundred logins at once wait for each other: they take no more memory than as many hashes as there are cores, each 19 MiB, and what a
// connection needs. They are served: what a policy can't decide in time on a machine that does other things besides is all that may be refused.
func TestMemoryIsBoundedUnderParallelLogins(t *testing.T) {
	g := startPortal(t, parallel)
	before := g.rss(t)
	r := g.login(t, 3*time.Second, func(worker, _ int) (string, string) { return person(worker), password })
	t.Logf("%.1f logins/s, p50 %s, p99 %s, %.0f MiB before and %.0f at most, %v", r.perSecond(), r.at(50), r.at(99), before, r.top, r.statuses)
	if r.statuses[http.StatusOK] < len(r.took)*95/100 || len(r.took) < parallel {
		t.Errorf("answers: %v", r.statuses)
	}
	// Go's collector lets memory double before it looks again.
	if limit := before + 3*19*float64(runtime.NumCPU()) + 100; r.top > limit {
		t.Errorf("%.0f MiB resident, from %.0f: more than %.0f", r.top, before, limit)
	}
}
