package limit

import (
	"context"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

// What comes back comes back whole, however long the question was on its way: how much of it has leaked is told on Redis's clock.
func TestRefundIsWholeOverASlowWay(t *testing.T) {
	c := redistest.Start(t).Client()
	defer c.Close()
	ctx := context.Background()
	now := time.Now()
	l := NewLimiter(NewState(0, func() time.Time { return now }), Options{Redis: c, Timeout: 10 * time.Second})
	defer l.Close()
	z := zone(t, "z", 3, time.Hour, 3, Closed)
	list := charges("x", z)
	if !l.Take(ctx, list).Allowed {
		t.Fatal("refused")
	}
	now = now.Add(10 * time.Second) // of which Redis saw a moment
	if err := l.Refund(ctx, list); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if d := l.Take(ctx, charges("x", z)); !d.Allowed {
			t.Errorf("%d of three: %+v", i+1, d)
		}
	}
}
