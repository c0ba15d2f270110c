package risk

import (
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestRisk(t *testing.T) {
	now := time.Unix(1e9, 0)
	table := New(func() time.Time { return now })
	six, other := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1")
	is := func(ip netip.Addr, user string, want int) {
		t.Helper()
		if got := table.Of(ip, user); got != want {
			t.Errorf("%s %q: %d, want %d", ip, user, got, want)
		}
	}
	is(six, "u", 0)
	table.RaiseClient("2001:db8::/64", 45)
	is(netip.MustParseAddr("2001:db8::ffff"), "", 40)
	is(other, "u", 0)
	table.RaiseUser("u", 70)
	is(six, "u", 70)
	is(other, "u", 70)
	is(netip.Addr{}, "u", 70)
	is(six, "v", 40)
	table.RaiseUser("u", 1000)
	is(other, "u", 100)
	now = now.Add(time.Hour)
	is(other, "u", 50)
	now = now.Add(-24 * time.Hour) // a clock that is set back raises nothing
	is(other, "u", 100)
	now = now.Add(100 * time.Hour)
	is(other, "u", 0)
	for _, nothing := range []float64{0, -5} {
		table.RaiseUser("w", nothing)
	}
	table.RaiseUser("", 50)
	is(netip.Addr{}, "w", 0)
	is(netip.Addr{}, "", 0)
	var none *Table
	none.RaiseUser("u", 50)
	if none.Of(six, "u") != 0 {
		t.Error("a table that is not there knows something")
	}
}

// Whoever comes by, memory has a bound, and who was heard of lately stays.
func TestBounded(t *testing.T) {
	table := New(time.Now)
	var all sync.WaitGroup
	for part := range 4 {
		all.Go(func() {
			for i := range perGeneration {
				table.RaiseClient(strconv.Itoa(part*perGeneration+i), 50)
				table.Of(netip.Addr{}, "x")
			}
		})
	}
	all.Wait()
	table.RaiseUser("late", 50)
	if n := len(table.young) + len(table.old); n > 2*perGeneration {
		t.Errorf("%d subjects", n)
	}
	if table.Of(netip.Addr{}, "late") < 40 {
		t.Error("the last one is forgotten")
	}
}
