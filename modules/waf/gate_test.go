package waf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// idle fails the test where room is taken or a client is still remembered.
func (g *gate) idle(t *testing.T, capacity int64) {
	t.Helper()
	if !g.all.TryAcquire(capacity) {
		t.Error("room is still taken")
		return
	}
	g.all.Release(capacity)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.clients) > 0 {
		t.Errorf("clients are still remembered: %v", g.clients)
	}
}

// Whatever is asked for, no more is in flight than may be, in all and of one client, and nothing is left over.
func TestGateBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(16)
		var all, most, served, refused atomic.Int64
		var each [3]atomic.Int64
		var wg sync.WaitGroup
		for i := range 300 {
			wg.Go(func() {
				client := i % len(each)
				time.Sleep(time.Duration(i%7) * time.Millisecond)
				s, err := g.enter(t.Context(), fmt.Sprint(client), int64(i%13)*weightBytes, 200*time.Millisecond)
				if err != nil {
					refused.Add(1)
					return
				}
				defer s.leave()
				served.Add(1)
				n := all.Add(s.weight)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				if c := each[client].Add(s.weight); c > 8 || n > 16 || s.weight > 8 {
					t.Errorf("in flight: %d, of the client %d, of the request %d", n, c, s.weight)
				}
				time.Sleep(5 * time.Millisecond)
				each[client].Add(-s.weight)
				all.Add(-s.weight)
			})
		}
		wg.Wait()
		if most.Load() < 12 || served.Load() < 50 || refused.Load() == 0 {
			t.Errorf("at most %d in flight, %d served, %d refused", most.Load(), served.Load(), refused.Load())
		}
		g.idle(t, 16)
	})
}

func TestGateWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4)
		enter := func(ctx context.Context, client string) error {
			s, err := g.enter(ctx, client, weightBytes, time.Second) // weighs 2: a whole share
			if err == nil {
				s.leave()
			}
			return err
		}
		a, err := g.enter(t.Context(), "a", 1<<30, time.Second)
		if err != nil || a.weight != 2 {
			t.Fatal(a, err)
		}
		start := time.Now()
		if err := enter(t.Context(), "a"); !errors.Is(err, errClient) || time.Since(start) != time.Second {
			t.Errorf("over the share: %v after %s", err, time.Since(start))
		}
		start = time.Now()
		if err := enter(t.Context(), "b"); err != nil || time.Since(start) > 0 {
			t.Errorf("another client: %v after %s", err, time.Since(start))
		}
		b, _ := g.enter(t.Context(), "b", weightBytes, time.Second)
		if err := enter(t.Context(), "c"); !errors.Is(err, errBusy) {
			t.Errorf("over the capacity: %v", err)
		}
		gone, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(time.Millisecond); cancel() }()
		if err := enter(gone, "c"); !errors.Is(err, context.Canceled) {
			t.Errorf("a client that went away: %v", err)
		}
		go func() { time.Sleep(time.Millisecond); b.leave() }()
		if err := enter(t.Context(), "c"); err != nil {
			t.Errorf("after room was made: %v", err)
		}
		a.leave()
		g.idle(t, 4)
	})
}

func TestClientKey(t *testing.T) {
	for _, c := range []struct{ client, peer, want string }{
		{"192.0.2.7", "10.0.0.1:1", "192.0.2.7"},
		{"2001:db8:1:2::3", "10.0.0.1:1", "2001:db8:1:2::/64"},
		{"", "10.0.0.1:1", "10.0.0.1"},
		{"", "[::ffff:10.0.0.1]:1", "10.0.0.1"},
		{"", "[2001:db8::1%eth0]:1", "2001:db8::/64"},
		{"", "@", "@"},
	} {
		r, rc := request("GET", "/", "", ""), new(reqctx.Request)
		if r.RemoteAddr = c.peer; c.client != "" {
			rc.Client.IP = netip.MustParseAddr(c.client)
		}
		if got := clientKey(r, rc); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func counted(t *testing.T, room string) float64 {
	t.Helper()
	var m dto.Metric
	if err := overload.WithLabelValues(room).Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// With no room in time the answer is 503, for the client that took its share or for all; in mode detect the request passes.
func TestOverload(t *testing.T) {
	h := provision(t, &Handler{QueueTimeout: caddy.Duration(10 * time.Millisecond)})
	d := provision(t, &Handler{Mode: Detect, QueueTimeout: h.QueueTimeout})
	h.gate = newGate(8)
	d.gate = h.gate
	hold := func(client string) seat {
		s, err := h.gate.enter(t.Context(), client, 1<<30, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	refused := func(room string) {
		t.Helper()
		before := counted(t, room)
		for i, body := range []string{"", jsonText("hello")} {
			o := do(t, h, request("POST", "/x", js, body))
			if o.status != 503 || o.reached || o.header.Get("Retry-After") != "1" || !strings.Contains(o.answer, `"urn:gateway:problem:unavailable"`) {
				t.Errorf("%s: %+v", room, o)
			}
			if o := do(t, d, request("POST", "/x", js, body)); !o.reached || o.body != body || o.verdict != nil {
				t.Errorf("detect: %+v", o)
			}
			if n := counted(t, room) - before; n != float64(2*(i+1)) {
				t.Errorf("%s: counted %v", room, n)
			}
		}
	}
	self := hold("192.0.2.7")
	refused("client")
	self.leave()
	others := []seat{hold("192.0.2.8"), hold("192.0.2.9")}
	refused("gateway")
	others[0].leave()
	if o := do(t, h, request("POST", "/x", js, jsonText("hello"))); !o.reached {
		t.Errorf("with half of the room: %+v", o)
	}
	others[1].leave()
	h.gate.idle(t, 8)
}

// Where room is gone when the body has come, the request waits for it like a new one.
func TestOverloadAfterTheBody(t *testing.T) {
	for _, mode := range []string{Block, Detect} {
		h := provision(t, &Handler{Mode: mode, QueueTimeout: caddy.Duration(10 * time.Millisecond)})
		h.gate = newGate(2)
		var s seat
		r := request("POST", "/x", js, "")
		r.ContentLength, r.Body = 7, io.NopCloser(io.MultiReader(&hook{func() {
			var err error
			if s, err = h.gate.enter(t.Context(), "192.0.2.7", 1, time.Second); err != nil {
				t.Error(err)
			}
		}}, strings.NewReader(`{"a":1}`)))
		o := do(t, h, r)
		if mode == Block && (o.status != 503 || o.reached) || mode == Detect && o.body != `{"a":1}` {
			t.Errorf("%s: %+v", mode, o)
		}
		s.leave()
		h.gate.idle(t, 2)
	}
}

// hook is an empty reader that calls.
type hook struct{ f func() }

func (k *hook) Read([]byte) (int, error) { k.f(); return 0, io.EOF }

// A body that trickles in and an answer that takes long hold nothing at the gate, and a panic gives back what it held.
func TestNothingIsHeldWhileWaiting(t *testing.T) {
	h := provision(t, &Handler{})
	h.gate = newGate(8)
	r := request("POST", "/x", js, "")
	r.ContentLength, r.Body = 7, io.NopCloser(io.MultiReader(&hook{func() { h.gate.idle(t, 8) }}, strings.NewReader(`{"a":1}`)))
	reached := false
	err := h.ServeHTTP(httptest.NewRecorder(), r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		reached = true
		h.gate.idle(t, 8)
		return nil
	}))
	if err != nil || !reached {
		t.Error(err, reached)
	}
	x := &exchange{h: h, client: "a"}
	func() {
		defer func() { _ = recover() }()
		_, _ = x.second(r, 1, 'x') // has no transaction
	}()
	h.gate.idle(t, 8)
}

// One client's flood of heavy requests stays in its share: others are served meanwhile.
func TestOthersAreServedInAFlood(t *testing.T) {
	h := provision(t, &Handler{QueueTimeout: caddy.Duration(100 * time.Millisecond), ScreenOff: true}) // with it, a flood is served
	h.gate = newGate(4)
	body := jsonText(strings.Repeat("a b(c.d ", 2<<10))
	flood := func(ctx context.Context, client string) (status int) {
		r, rc := reqctx.Ensure(request("POST", "/x", js, body).WithContext(ctx))
		rc.Client.IP = netip.MustParseAddr(client)
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })); err != nil {
			t.Error(err)
		}
		return w.Code
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var busy atomic.Int64
	for range 40 {
		wg.Go(func() {
			for ctx.Err() == nil {
				if flood(ctx, "198.51.100.1") == 503 {
					busy.Add(1)
				}
			}
		})
	}
	for busy.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		if o := do(t, h, request("GET", "/x?a=b", "", "")); !o.reached {
			t.Errorf("another client: %+v", o)
		}
	}
	stop()
	wg.Wait()
	h.gate.idle(t, 4)
}

// The gate is the process's: a reload, which makes new handlers, does not open a second one.
func TestGateOutlivesAReload(t *testing.T) {
	a := provision(t, &Handler{})
	b := provision(t, &Handler{Paranoia: 2})
	if a.gate == nil || a.gate != b.gate {
		t.Error("two gates in one process")
	}
}
