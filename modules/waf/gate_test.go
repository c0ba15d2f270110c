package waf

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/convosphere/gateway/modules/internal/gate"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// idle fails the test where room is taken or a client is still remembered.
func idle(t *testing.T, g *gate.Gate) {
	t.Helper()
	if !g.Idle() {
		t.Error("room is still taken, or a client remembered")
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
	h.gate = gate.New(8)
	d.gate = h.gate
	hold := func(client string) gate.Seat {
		s, err := h.gate.Enter(t.Context(), client, weigh(1<<30), time.Second)
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
	self.Leave()
	others := []gate.Seat{hold("192.0.2.8"), hold("192.0.2.9")}
	refused("gateway")
	others[0].Leave()
	if o := do(t, h, request("POST", "/x", js, jsonText("hello"))); !o.reached {
		t.Errorf("with half of the room: %+v", o)
	}
	others[1].Leave()
	idle(t, h.gate)
}

// Where room is gone when the body has come, the request waits for it like a new one.
func TestOverloadAfterTheBody(t *testing.T) {
	for _, mode := range []string{Block, Detect} {
		h := provision(t, &Handler{Mode: mode, QueueTimeout: caddy.Duration(10 * time.Millisecond)})
		h.gate = gate.New(2)
		var s gate.Seat
		r := request("POST", "/x", js, "")
		r.ContentLength, r.Body = 7, io.NopCloser(io.MultiReader(&hook{func() {
			var err error
			if s, err = h.gate.Enter(t.Context(), "192.0.2.7", weigh(1), time.Second); err != nil {
				t.Error(err)
			}
		}}, strings.NewReader(`{"a":1}`)))
		o := do(t, h, r)
		if mode == Block && (o.status != 503 || o.reached) || mode == Detect && o.body != `{"a":1}` {
			t.Errorf("%s: %+v", mode, o)
		}
		s.Leave()
		idle(t, h.gate)
	}
}

// hook is an empty reader that calls.
type hook struct{ f func() }

func (k *hook) Read([]byte) (int, error) { k.f(); return 0, io.EOF }

// A body that trickles in and an answer that takes long hold nothing at the gate, and a panic gives back what it held.
func TestNothingIsHeldWhileWaiting(t *testing.T) {
	h := provision(t, &Handler{})
	h.gate = gate.New(8)
	r := request("POST", "/x", js, "")
	r.ContentLength, r.Body = 7, io.NopCloser(io.MultiReader(&hook{func() { idle(t, h.gate) }}, strings.NewReader(`{"a":1}`)))
	reached := false
	err := h.ServeHTTP(httptest.NewRecorder(), r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		reached = true
		idle(t, h.gate)
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
	idle(t, h.gate)
}

// One client's flood of heavy requests stays in its share: others are served meanwhile.
func TestOthersAreServedInAFlood(t *testing.T) {
	h := provision(t, &Handler{QueueTimeout: caddy.Duration(100 * time.Millisecond), ScreenOff: true}) // with it, a flood is served
	h.gate = gate.New(4)
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
	idle(t, h.gate)
}

// The gate is the process's: a reload, which makes new handlers, does not open a second one.
func TestGateOutlivesAReload(t *testing.T) {
	a := provision(t, &Handler{})
	b := provision(t, &Handler{Paranoia: 2})
	if a.gate == nil || a.gate != b.gate {
		t.Error("two gates in one process")
	}
}
