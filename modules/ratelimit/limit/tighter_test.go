package limit

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is tight admits no more than a part, and what is charged at it or at the limit itself is known at both.
func TestTighter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, err := New(rapid.Int64Range(0, 1000).Draw(t, "count"), time.Duration(rapid.Int64Range(1, 1e6).Draw(t, "ms"))*time.Millisecond, rapid.Int64Range(1, 1000).Draw(t, "burst"))
		if err != nil {
			return
		}
		by := rapid.Int64Range(1, 100).Draw(t, "by")
		n := l.Tighter(by)
		if l.Never() != n.Never() {
			t.Fatal("one admits nothing, the other something")
		}
		if l.Never() {
			return
		}
		if n.Burst != max(1, l.Burst/by) || n.interval != l.interval*by || n.capacity != n.interval*n.Burst {
			t.Fatalf("%+v of %+v by %d", n, l, by)
		}
	})
	day, _ := NewQuota(100, Day)
	leases, _ := NewConcurrent(10, time.Minute)
	slow, _ := New(1, 300*24*time.Hour, 1)
	if day.Tighter(4) != day || leases.Tighter(4).Burst != 2 || leases.Tighter(4).capacity != leases.capacity {
		t.Error(day.Tighter(4), leases.Tighter(4))
	}
	if s := slow.Tighter(4); s.interval > longest.Microseconds() || s.capacity > longest.Microseconds() {
		t.Error(s)
	}
	m := NewMemory(0, time.Now)
	wide, _ := New(40, time.Hour, 40)
	take := func(l Limit) bool {
		return m.Take([]Charge{{Zone: &Zone{Name: "z", Limit: l}, Subject: NewSubject("s")}})
	}
	for range 20 { // half of it
		take(wide)
	}
	for range 5 { // half of what is left of it when tight
		if !take(wide.Tighter(4)) {
			t.Fatal("what was charged before counts too much")
		}
	}
	if take(wide.Tighter(4)) {
		t.Error("what was charged before is forgotten")
	}
	if take(wide) {
		t.Error("what was charged when tight is forgotten")
	}
}
