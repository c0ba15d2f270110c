package cost

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

type handler func() error

func (h handler) ServeHTTP(http.ResponseWriter, *http.Request) error { return h() }

// work is a handler that takes so long before what stands further in, and so long after.
func work(c *Clock, p Part, before, after time.Duration, next Handler) Handler {
	return handler(func() error {
		next := c.Begin(p, next)
		defer c.End()
		time.Sleep(before)
		err := next.ServeHTTP(nil, nil)
		time.Sleep(after)
		return err
	})
}

func since(t *testing.T, p Part, f func()) (took time.Duration, n uint64) {
	t.Helper()
	before, err := Read(p)
	if err != nil {
		t.Fatal(err)
	}
	f()
	after, err := Read(p)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration((after.Seconds - before.Seconds) * float64(time.Second)).Round(time.Microsecond), after.Count - before.Count
}

// Each handler is told its own time: not that of what stands further in, nor that of the back end, nor that of another handler between.
func TestOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, p := range []struct {
			part Part
			want time.Duration
		}{{Audit, 3 * time.Millisecond}, {WAF, 30 * time.Millisecond}, {Protect, 7 * time.Millisecond}} {
			took, n := since(t, p.part, func() {
				c := new(Clock)
				c.Time()
				backend := handler(func() error { time.Sleep(time.Second); return nil })
				encode := handler(func() error {
					time.Sleep(time.Minute) // of nobody's
					return work(c, Protect, 3*time.Millisecond, 4*time.Millisecond, backend).ServeHTTP(nil, nil)
				})
				_ = work(c, Audit, time.Millisecond, 2*time.Millisecond, work(c, WAF, 10*time.Millisecond, 20*time.Millisecond, encode)).ServeHTTP(nil, nil)
			})
			if took != p.want || n != 1 {
				t.Errorf("%s: %s in %d, want %s", p.part, took, n, p.want)
			}
		}
	})
}

// A client that sends its body slowly does not make a handler slow.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took, _ := since(t, WAF, func() {
			c := new(Clock)
			c.Time()
			c.Begin(WAF, nil)
			time.Sleep(time.Millisecond)
			at := c.Waiting()
			time.Sleep(time.Minute)
			c.Waited(at)
			time.Sleep(time.Millisecond)
			c.End()
		})
		if took != 2*time.Millisecond {
			t.Error(took)
		}
	})
}

// Who is at work is known also of requests that are not timed, after what stands further in has returned, panicked, or was of the same kind.
func TestAt(t *testing.T) {
	c := new(Clock)
	at := func(want string) {
		t.Helper()
		if got := c.At(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	at("")
	outer := c.Begin(Audit, handler(func() error {
		at("")
		inner := c.Begin(WAF, handler(func() error {
			again := c.Begin(WAF, handler(func() error { at(""); panic("x") }))
			defer c.End()
			at("waf")
			return again.ServeHTTP(nil, nil)
		}))
		defer c.End()
		at("waf")
		return inner.ServeHTTP(nil, nil)
	}))
	func() {
		defer func() { _ = recover() }()
		_ = outer.ServeHTTP(nil, nil)
	}()
	at("audit")
	c.End()
	at("")
}

func TestSample(t *testing.T) {
	n := 0
	for _, first := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" {
		c := new(Clock)
		if c.Sample(string(first)); c.timed {
			n++
		}
	}
	if n != 4 {
		t.Error(n)
	}
	new(Clock).Sample("")
}
