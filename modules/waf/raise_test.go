package waf

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/measure"
	"github.com/convosphere/gateway/modules/internal/measure/measuretest"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Whom a response has inspected more strictly meets the rules of a higher level, for as long as it is in force; others meet those that they met before.
func TestRaisedParanoia(t *testing.T) {
	h := &Handler{InboundThreshold: 3}
	ctx := gateway(t, t.TempDir())
	lent.Measures = measuretest.Open(t)
	if err := h.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.Cleanup(); err != nil {
			t.Error(err)
		}
	}()
	status := func(ip string) int {
		t.Helper()
		r, rc := reqctx.Ensure(httptest.NewRequest("GET", "/?a=%2525", nil)) // encoded twice: a rule of level 2
		rc.Client.IP = netip.MustParseAddr(ip)
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })); err != nil {
			t.Fatal(err)
		}
		return w.Code
	}
	const suspect, other = "192.0.2.7", "192.0.2.8"
	if status(suspect) != http.StatusOK {
		t.Fatal("it is blocked at the usual level")
	}
	if h.raised.ready.Load() != nil {
		t.Error("the rules are compiled before anybody needs them")
	}
	measuretest.Put(t, lent.Measures, measure.Client, suspect, measure.Paranoia)
	blocked := false
	for range 3000 {
		if blocked = status(suspect) == http.StatusForbidden; blocked {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !blocked {
		t.Error("the level is not raised")
	}
	if status(other) != http.StatusOK {
		t.Error("others are inspected more strictly, too")
	}
	if err := lent.Measures.Lift(t.Context(), measure.Subject{Kind: measure.Client, ID: suspect}, measure.Paranoia, ""); err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		if blocked = status(suspect) == http.StatusForbidden; !blocked {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if blocked {
		t.Error("it goes on after its end")
	}
}

func TestRaisedLevels(t *testing.T) {
	for _, c := range []struct {
		h     Handler
		level int
		valid bool
	}{
		{Handler{}, 2, true}, {Handler{Paranoia: 3}, 4, true}, {Handler{Paranoia: 4}, 0, true}, {Handler{RaisedParanoia: 4}, 4, true},
		{Handler{RaisedParanoia: never}, 0, true}, {Handler{Mode: Off}, 0, true}, {Handler{Paranoia: 2, RaisedParanoia: 2}, 2, false},
		{Handler{RaisedParanoia: 5}, 5, false}, {Handler{RaisedParanoia: -2}, -2, false},
	} {
		c.h.defaults()
		if err := c.h.Validate(); (err == nil) != c.valid {
			t.Errorf("%d: %v", c.h.RaisedParanoia, err)
		}
		if got := c.h.raisedLevel(); got != c.level {
			t.Errorf("%d: level %d, want %d", c.h.RaisedParanoia, got, c.level)
		}
	}
}
