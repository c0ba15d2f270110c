package limit

import (
	"context"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/redistest"
)

// What others may give back is refused here for a moment only; a lease that ends here makes room at once.
func TestWhatMayComeBackIsNotRefusedForLong(t *testing.T) {
	s := redistest.Start(t)
	c := s.Client()
	defer c.Close()
	ctx := context.Background()
	f := newFleet(t, c, 2)
	a, b := f.nodes[0], f.nodes[1]
	held, err := NewConcurrent(1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	failures := zone(t, "failures", 1, time.Hour, 1, Local)
	failures.Refunds = true
	for name, z := range map[string]*Zone{"held": {Name: "held", Limit: held}, "failures": failures} {
		t.Run(name, func(t *testing.T) {
			mine := charges("x", z)
			mine[0].Lease = Lease{1}
			if !a.Take(ctx, mine).Allowed {
				t.Fatal("refused")
			}
			other := charges("x", z)
			other[0].Lease = Lease{2}
			before := s.Scripts()
			for i := range 50 {
				if d := b.Take(ctx, other); d.Allowed || i > 0 && other[0].Result.Wait > time.Second {
					t.Fatalf("%+v %+v", d, other)
				}
			}
			if n := s.Scripts() - before; n > 10 {
				t.Errorf("%d scripts for a flood of 50", n)
			}
			if err := a.Refund(ctx, mine); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(10 * time.Second); !b.Take(ctx, other).Allowed; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("it came back, and this node does not ask")
				}
			}
		})
	}
	// In one process.
	z := &Zone{Name: "here", Limit: held}
	first, second := charges("y", z), charges("y", z)
	first[0].Lease, second[0].Lease = Lease{1}, Lease{2}
	if !a.Take(ctx, first).Allowed || a.Take(ctx, second).Allowed || a.Take(ctx, second).Source != FromDenied {
		t.Fatal("the flood is not refused here")
	}
	if err := a.Refund(ctx, first); err != nil {
		t.Fatal(err)
	}
	if d := a.Take(ctx, second); !d.Allowed {
		t.Errorf("%+v", d)
	}
}
