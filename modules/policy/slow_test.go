package policy

import (
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// One slow rule makes every decision slow: that is an event a minute, which says how many they were.
func TestSlowDecisionsAreAnEventNowAndThen(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var mu sync.Mutex
	var events []*event.Event
	s := &slowness{now: func() time.Time { return now }, emit: func(e *event.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, e)
	}}
	observe := func(n int) {
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				s.observe(&engine.Input{Permission: "room:read"}, &engine.Decision{Revision: "r"}, 30*time.Millisecond)
			})
		}
		wg.Wait()
	}
	counted := func() (n int64) {
		for _, e := range events {
			for _, f := range e.Fields {
				if f.Key == "gateway.decision.slow" {
					n += f.Integer
				}
			}
		}
		return n
	}
	observe(100)
	if len(events) != 1 || events[0].Action != "policy-slow" {
		t.Fatalf("%d events", len(events))
	}
	now = now.Add(slowEvery)
	observe(1)
	if len(events) != 2 || counted() != 101 {
		t.Fatalf("%d events of %d slow ones", len(events), counted())
	}
}
