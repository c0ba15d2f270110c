package figure

import (
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/event"
)

func counter(t *testing.T, now *time.Time, lost *int64) *Counter {
	t.Helper()
	c, err := NewCounter(func() time.Time { return *now }, func() int64 { return *lost })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func take(t *testing.T, c *Counter) (all map[time.Time]Values, sum Values) {
	t.Helper()
	all, err := c.Take()
	if err != nil {
		t.Fatal(err)
	}
	sum = Values{}
	for _, v := range all {
		sum.Add(v)
	}
	return all, sum
}

// Events count in their own time; one that can't be of now counts now. What was lost, how long it was up and what was timed is counted once.
func TestCounter(t *testing.T) {
	now, lost := noon.Add(time.Minute), int64(5)
	c := counter(t, &now, &lost)
	for _, at := range []time.Time{now, now.Add(-2 * time.Minute), now.Add(-2 * time.Hour), now.Add(time.Hour)} {
		c.Write(&event.Record{Time: at, Event: &event.Event{Action: "login", Outcome: event.Success}})
	}
	c.Write(&event.Record{Time: now, Event: &event.Event{Action: "banned-client-refused", Fields: []zap.Field{zap.Int64("gateway.ban.refused", 40)}}})
	c.Write(&event.Record{Time: now, Event: &event.Event{Action: "finding", Fields: []zap.Field{zap.String("gateway.finding.level", "of a client")}}})
	clock := new(cost.Clock)
	clock.Time()
	clock.Begin(cost.WAF, nil)
	clock.End()
	now, lost = now.Add(10*time.Minute), 8
	all, v := take(t, c)
	if all[noon][Logins] != 3 || all[noon.Add(-Fine)][Logins] != 1 {
		t.Errorf("%v", all)
	}
	if v[Requests] != 40 || v[By+partBan] != 40 || v[Refused] != 40 || v[Lost] != 3 || v[Finding+partOther] != 1 {
		t.Errorf("%v", v)
	}
	if v[Cost+"waf.n"] < 1 || v[Cost+"all.n"] < 1 || priceOf(v, "waf").P99 == 0 {
		t.Errorf("%v", v)
	}
	if all[noon][Up] != (4*time.Minute).Microseconds() || all[noon.Add(Fine)][Up] != Fine.Microseconds() || all[noon.Add(2*Fine)][Up] != time.Minute.Microseconds() {
		t.Errorf("%v", all)
	}
	if _, v = take(t, c); v[Up] != 0 || v[Lost] != 0 || v[Logins] != 0 {
		t.Errorf("again: %v", v)
	}
}

// While the database is away, what waits is bounded: the oldest goes, and is counted.
func TestCounterIsBounded(t *testing.T) {
	now, lost := noon, int64(0)
	c := counter(t, &now, &lost)
	for range mostWaiting + 10 {
		now = now.Add(Fine)
		c.Write(&event.Record{Time: now, Event: &event.Event{Action: "login", Outcome: event.Success}})
	}
	if len(c.waiting) != mostWaiting || c.Forgot() != 10 || c.waiting[noon.Add(Fine)] != nil {
		t.Errorf("%d wait, %d forgotten", len(c.waiting), c.Forgot())
	}
}
