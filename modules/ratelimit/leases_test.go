package ratelimit

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// flight is a zone for two things at the same time.
type flight struct {
	t       *testing.T
	now     time.Time
	limiter *limit.Limiter
	leases  *leases
	zone    limit.Zone
}

func newFlight(t *testing.T) *flight {
	f := &flight{t: t, now: time.Now()}
	clock := func() time.Time { return f.now }
	f.limiter = limit.NewLimiter(limit.NewState(0, clock), limit.Options{})
	f.leases = newLeases(clock, time.Hour) // the test renews by itself
	t.Cleanup(f.leases.close)
	l, err := limit.NewConcurrent(2, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	f.zone = limit.Zone{Name: "flight", Limit: l}
	return f
}

// begin takes off, or is refused: nil.
func (f *flight) begin() *held {
	charges := []limit.Charge{{Zone: &f.zone, Lease: newLease()}}
	if !f.limiter.Take(context.Background(), charges).Allowed {
		return nil
	}
	h := f.leases.hold(f.limiter, charges)
	if h == nil {
		f.t.Fatal("nothing is held")
	}
	return h
}

// What lasts longer than a lease is renewed; what a process that died held ends.
func TestLeasesAreRenewed(t *testing.T) {
	f := newFlight(t)
	a, b := f.begin(), f.begin()
	if a == nil || b == nil || f.begin() != nil {
		t.Fatal("not two at the same time")
	}
	for range 10 {
		f.now = f.now.Add(15 * time.Second)
		f.leases.renew(context.Background())
		if f.begin() != nil {
			t.Fatal("a lease that was renewed has ended")
		}
	}
	a.release()
	c := f.begin()
	if c == nil || f.begin() != nil {
		t.Fatal("a released one is still counted, or more than that")
	}
	f.now = f.now.Add(31 * time.Second) // nobody renews
	for i := range 3 {
		if (f.begin() != nil) != (i < 2) {
			t.Error(i, "leases that nobody renews do not end, or more than them")
		}
	}
}

// A request that ends while its lease is renewed does not hold it again.
func TestReleaseDuringRenewal(t *testing.T) {
	f := newFlight(t)
	a, b := f.begin(), f.begin()
	if f.now = f.now.Add(9 * time.Second); len(f.leases.takeDue()) > 0 {
		t.Error("leases are renewed more often than needed")
	}
	f.now = f.now.Add(6 * time.Second)
	due := f.leases.takeDue() // the keeper has begun …
	if len(due) != 2 {
		t.Fatal(due)
	}
	a.release() // … the request ends …
	f.leases.renewAll(context.Background(), due, 2)
	if f.begin() == nil || f.begin() != nil {
		t.Error("the lease is held again")
	}
	b.release()
}

// In flight is what has begun and not ended, however it ends.
func TestConcurrent(t *testing.T) {
	for name, s := range map[string]store.Store{"memory": nil, "redis": openRedis(t, redistest.Start(t))} {
		t.Run(name, func(t *testing.T) {
			h := mustLoad(t, "gw_rate_limit {\n defaults off\n store_timeout 10s\n zone slow {\n match /slow\n key global\n concurrent 2\n}\n zone all {\n rate 100/1h\n}\n}", s)
			serve := func(next caddyhttp.HandlerFunc) (w *httptest.ResponseRecorder, panicked any) {
				defer func() { panicked = recover() }()
				w = httptest.NewRecorder()
				if err := h.ServeHTTP(w, httptest.NewRequest("GET", "/slow", nil), next); err != nil {
					t.Error(err)
				}
				return w, nil
			}
			ok := func(http.ResponseWriter, *http.Request) error { return nil }
			for range 5 {
				first, _ := serve(func(http.ResponseWriter, *http.Request) error {
					second, _ := serve(func(http.ResponseWriter, *http.Request) error {
						third, _ := serve(ok)
						if third.Code != 429 || third.Header().Get("Retry-After") != "" || third.Header().Get("RateLimit-Policy") != `"slow";q=2;qu="concurrent-requests", "all";q=100;w=3600` {
							t.Errorf("%d %v", third.Code, third.Header())
						}
						return nil
					})
					if second.Code != 200 {
						t.Error(second.Code)
					}
					return nil
				})
				if first.Code != 200 {
					t.Error(first.Code)
				}
				if _, p := serve(func(http.ResponseWriter, *http.Request) error { panic("x") }); p != "x" {
					t.Error("no panic")
				}
			}
			if n := len(h.state.leases.held); n != 0 {
				t.Errorf("%d are in flight", n)
			}
		})
	}
}

// What is in flight is counted again when a Redis that has lost everything is asked to renew it.
func TestLeasesOutliveRedis(t *testing.T) {
	server := redistest.Start(t)
	f := newFlight(t)
	f.limiter = limit.NewLimiter(limit.NewState(0, time.Now), limit.Options{Redis: openRedis(t, server).Redis(), Timeout: 10 * time.Second})
	t.Cleanup(f.limiter.Close)
	if a, b := f.begin(), f.begin(); a == nil || b == nil || f.begin() != nil {
		t.Fatal("not two at the same time")
	}
	c := server.Client()
	defer c.Close()
	if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(15 * time.Second)
	f.leases.renew(t.Context())
	if f.begin() != nil {
		t.Error("what is in flight was forgotten")
	}
}

// A socket that was opened under the old configuration is counted under the new one, until it ends.
func TestReloadKeepsWhatIsInFlight(t *testing.T) {
	for name, s := range map[string]store.Store{"memory": nil, "redis": openRedis(t, redistest.Start(t))} {
		t.Run(name, func(t *testing.T) {
			const directive = "gw_rate_limit {\n defaults off\n store_timeout 10s\n zone flight {\n key global\n concurrent 1\n}\n}"
			old, unload, err := load(t, directive, s)
			if err != nil {
				t.Fatal(err)
			}
			var next *Handler
			code := func(h *Handler, inside caddyhttp.HandlerFunc) int {
				w := httptest.NewRecorder()
				if err := h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil), inside); err != nil {
					t.Error(err)
				}
				return w.Code
			}
			ok := func(http.ResponseWriter, *http.Request) error { return nil }
			code(old, func(http.ResponseWriter, *http.Request) error {
				next = mustLoad(t, directive, s)
				unload()
				if c := code(next, ok); c != 429 {
					t.Errorf("beside the old one: %d", c)
				}
				return nil
			})
			if c := code(next, ok); c != 200 {
				t.Errorf("after it has ended: %d", c)
			}
		})
	}
}
