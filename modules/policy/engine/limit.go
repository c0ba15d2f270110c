package engine

import (
	"sync"
	"sync/atomic"
	"time"
)

// limit ends an evaluation that takes too long. It is a timer, where rego's own way is a goroutine for each decision; OPA asks it
// at every step.
//
// What hardly ran has not taken too long: on a machine that has no time for it, a refusal would hit good people. So an evaluation
// that has made fewer than fewSteps when its time is up gets the same time again, maxGrace times at most. (One decision of an
// ordinary policy takes some hundred steps; one that loops makes a million in the default time.)
type limit struct {
	timer   *time.Timer
	timeout time.Duration
	strict  bool // no grace: the policy may wait for the network
	grace   atomic.Int32
	steps   atomic.Int64
	over    atomic.Bool
}

const (
	fewSteps = 10_000
	maxGrace = 9
)

// limits are those that did not end their evaluation: such a one is as new.
var limits = sync.Pool{New: func() any {
	l := &limit{}
	l.timer = time.AfterFunc(time.Hour, l.expire)
	return l
}}

// startLimit begins one; timeout 0 is the default.
func startLimit(timeout time.Duration, strict bool) *limit {
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	l := limits.Get().(*limit)
	l.timeout, l.strict = timeout, strict
	l.steps.Store(0)
	l.timer.Reset(timeout)
	return l
}

// stop ends the limit's use. One whose timer ever fired, or is just firing, is not used again: it would end another evaluation.
func (l *limit) stop() {
	if l.timer.Stop() && l.grace.Load() == 0 {
		limits.Put(l)
	}
}

func (l *limit) expire() {
	if !l.strict && l.steps.Load() < fewSteps && l.grace.Add(1) <= maxGrace {
		l.timer.Reset(l.timeout)
		return
	}
	l.over.Store(true)
}

// Cancel implements topdown.Cancel.
func (l *limit) Cancel() { l.over.Store(true) }

// Cancelled implements topdown.Cancel.
func (l *limit) Cancelled() bool {
	l.steps.Store(l.steps.Load() + 1) // one that is lost, where a built-in function asks from beside, does no harm
	return l.over.Load()
}
