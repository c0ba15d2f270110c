package engine

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLimit(t *testing.T) {
	const timeout = 100 * time.Millisecond
	for name, c := range map[string]struct {
		steps  int
		strict bool
		after  time.Duration
	}{
		"it loops":             {fewSteps, false, timeout},
		"it hardly ran":        {fewSteps - 2, false, (maxGrace + 1) * timeout},
		"it may wait, so none": {0, true, timeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &limit{timeout: timeout, strict: c.strict}
				l.timer = time.AfterFunc(timeout, l.expire)
				for range c.steps {
					l.Cancelled()
				}
				time.Sleep(c.after - time.Millisecond)
				if l.over.Load() {
					t.Fatal("it ended too early")
				}
				time.Sleep(2 * time.Millisecond)
				if !l.Cancelled() {
					t.Fatal("it did not end")
				}
				if l.timer.Stop() {
					t.Fatal("it would be used again")
				}
			})
		})
	}
}
