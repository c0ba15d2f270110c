package limit

import (
	"math"
	"testing"
	"time"
)

func TestParseRate(t *testing.T) {
	for in, want := range map[string]struct {
		n int64
		d time.Duration
	}{
		"10/1m": {10, time.Minute}, "100/s": {100, time.Second}, "1000/d": {1000, 24 * time.Hour}, "5/2d": {5, 48 * time.Hour},
		"0/1m": {0, time.Minute}, "7/1h30m": {7, 90 * time.Minute}, "1/ms": {1, time.Millisecond}, "3/500ms": {3, 500 * time.Millisecond},
	} {
		n, d, err := ParseRate(in)
		if err != nil || n != want.n || d != want.d {
			t.Errorf("%s: %d %s %v", in, n, d, err)
		}
	}
	for _, in := range []string{"", "10", "/", "10/", "/1m", "-1/1m", "1.5/1m", "10/0s", "10/-1m", "10/1x", "10/1", "10/99999d", "10/1ns", "99999999999/1s", "+1/1m", "10/ 1m", "1/1m/2"} {
		if n, d, err := ParseRate(in); err == nil {
			t.Errorf("%q is %d per %s", in, n, d)
		}
	}
}

func TestNew(t *testing.T) {
	for _, c := range []struct {
		count  int64
		period time.Duration
		burst  int64
	}{
		{-1, time.Second, 1}, {1, time.Second, -1}, {1, time.Second, 0}, {1, 0, 1}, {1, 500 * 24 * time.Hour, 1}, {1_000_001, time.Second, 1},
		{1, 24 * time.Hour, 401}, {1, time.Second, math.MaxInt64}, {math.MaxInt64, time.Second, 1},
	} {
		if l, err := New(c.count, c.period, c.burst); err == nil {
			t.Errorf("%+v gives %+v", c, l)
		}
	}
	l, err := New(7, time.Second, 3)
	if err != nil || l.interval != 142858 || l.capacity != 3*142858 {
		t.Errorf("%+v %v", l, err)
	}
	if l, err := New(0, time.Minute, 5); err != nil || !l.Never() {
		t.Errorf("%+v %v", l, err)
	}
	if !(Limit{}).Never() {
		t.Error("the zero limit admits")
	}
}

// What is parsed makes a limit, and its numbers stay below 2^53 together with Redis's clock.
func FuzzParseRate(f *testing.F) {
	f.Add("10/1m", int64(20))
	f.Add("1000000/s", int64(1))
	f.Add("1/400d", int64(1))
	f.Fuzz(func(t *testing.T, s string, burst int64) {
		n, d, err := ParseRate(s)
		if err != nil {
			return
		}
		l, err := New(n, d, burst)
		if err != nil || l.Never() {
			return
		}
		if l.interval < 1 || l.capacity < l.interval || l.capacity+l.interval > 1<<53-4e15 {
			t.Errorf("%s burst %d: %+v", s, burst, l)
		}
		if float64(n)*float64(l.interval) < float64(d.Microseconds()) {
			t.Errorf("%s: the interval %d admits more than the rate", s, l.interval)
		}
	})
}
