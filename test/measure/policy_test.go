package main

import (
	"testing"
	"time"
)

// While data of the policy are pushed every request is answered, and as it should be.
func TestNoRequestFailsWhilePolicyDataIsPushed(t *testing.T) {
	g := startReload(t)
	document := g.document(3)
	for what, l := range map[string]*latencies{"quiet": g.quiet(100, time.Second), "pushing": first(g.pushing(t, 100, 3, document))} {
		if len(l.took) == 0 || len(l.failed) > 0 {
			t.Errorf("%s: %d of %d requests failed: %v", what, len(l.failed), len(l.took), l.failed)
		}
	}
}

func first(l *latencies, _ time.Duration) *latencies { return l }
