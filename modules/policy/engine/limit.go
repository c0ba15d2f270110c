package engine

import (
	"sync"
	"time"

	"github.com/open-policy-agent/opa/v1/topdown"
)

// limit ends an evaluation that takes too long. It is a timer, where rego's own way is a goroutine for each decision.
type limit struct {
	cancel topdown.Cancel
	timer  *time.Timer
}

// limits are those whose timer did not fire: such a one is as new.
var limits = sync.Pool{New: func() any {
	l := &limit{cancel: topdown.NewCancel()}
	l.timer = time.AfterFunc(time.Hour, l.cancel.Cancel)
	return l
}}

func startLimit(timeout time.Duration) *limit {
	l := limits.Get().(*limit)
	l.timer.Reset(timeout)
	return l
}

// stop ends the limit's use. One whose timer fired, or is just firing, is not used again: it would end another evaluation.
func (l *limit) stop() {
	if l.timer.Stop() {
		limits.Put(l)
	}
}
