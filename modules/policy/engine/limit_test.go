package engine

import (
	"context"
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

// A decision that takes a good part of its time is told of, one that is quick or remembered is not.
func TestSlowDecisionsAreTold(t *testing.T) {
	loop := `decision := {"allow": count([1 | some a in numbers.range(1, 300); some b in numbers.range(1, 1000); a == b]) > 0} if input.target
	
decision := {"allow": true} if not input.target`
	e := New(compile(t, loop, nil), time.Millisecond, time.Now)
	told := 0
	e.WatchSlow(func(in *Input, d *Decision, took time.Duration) {
		if told++; in.Target != "x" || d.Revision != e.Revision() || took < e.timeout/4 {
			t.Errorf("%+v %+v %s", in, d, took)
		}
	})
	in := messagePost()
	in.Target = "x"
	if d, _ := e.Decide(context.Background(), in); told != 1 || d.Failure != Timeout {
		t.Errorf("told %d times: %+v", told, d)
	}
	e.timeout = time.Hour // that it is quick does not hang on the machine
	for range 2 {
		if d, err := e.Decide(context.Background(), messagePost()); err != nil || !d.Allow || told != 1 {
			t.Errorf("told %d times: %+v %v", told, d, err)
		}
	}
}
