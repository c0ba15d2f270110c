//go:build !race

package engine

import (
	"context"
	"testing"
	"time"
)

// The race detector makes pools forget a part of what they are given, so allocations are counted without it (make unit runs both).

// What most requests ask takes few allocations the first time, and none once it is remembered.
func TestDecisionsAllocateLittle(t *testing.T) {
	e := shipped(t)
	ctx, now := context.Background(), time.Now()
	for _, w := range ways(now) {
		s := e.Snapshot()
		var steady bool
		fresh := testing.AllocsPerRun(100, func() {
			d, err := s.Evaluate(ctx, w.in.value(s.reads, &s.terms), Options{Now: now})
			if err != nil || d.Allow != w.allow || d.Reason != w.reason {
				t.Errorf("%s: %+v %v", w.name, d, err)
			}
			steady = d.Steady
		})
		if fresh > w.most {
			t.Errorf("%s: %v", w.name, fresh)
		}
		if !steady { // it asked the clock
			continue
		}
		remembered := testing.AllocsPerRun(100, func() {
			if d, err := e.Decide(ctx, w.in); err != nil || d.Reason != w.reason {
				t.Errorf("%s: %+v %v", w.name, d, err)
			}
		})
		if remembered > 0 {
			t.Errorf("%s: remembered %v", w.name, remembered)
		}
	}
}
