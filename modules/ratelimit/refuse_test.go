package ratelimit

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"pgregory.net/rapid"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// At the time that Retry-After tells a request is admitted; a second before it is not.
func TestRetryAfterIsNeverTooEarly(t *testing.T) {
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		period := func(name string) string {
			return rapid.SampledFrom([]string{"100ms", "1s", "7s", "1m", "1h"}).Draw(t, name)
		}
		directive := fmt.Sprintf("gw_rate_limit {\n defaults off\n shed off\n zone a {\n rate %d/%s\n burst %d\n}\n zone b {\n rate %d/%s\n cost %d\n burst 9\n}\n zone c {\n quota %d/%s\n}\n}",
			rapid.IntRange(1, 20).Draw(t, "count a"), period("period a"), rapid.IntRange(1, 9).Draw(t, "burst a"),
			rapid.IntRange(1, 20).Draw(t, "count b"), period("period b"), rapid.IntRange(1, 9).Draw(t, "cost"),
			rapid.IntRange(1, 30).Draw(t, "quota"), rapid.SampledFrom([]string{"day", "month"}).Draw(t, "of"))
		h, unload, err := load(outer, directive, nil)
		if err != nil {
			t.Fatal(directive, err)
		}
		defer unload()
		now := time.Now().Add(time.Duration(rapid.Int64Range(0, int64(40*24*time.Hour)).Draw(t, "start")))
		h.limiter = limit.NewLimiter(limit.NewState(0, func() time.Time { return now }), limit.Options{})
		for range 60 {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Second)).Draw(t, "step")))
			w, _ := ask(outer, h, "GET /", "192.0.2.1", "")
			if w.Code != 429 {
				continue
			}
			after, err := strconv.Atoi(w.Header().Get("Retry-After"))
			if err != nil || after < 1 {
				t.Fatalf("Retry-After %q: %s", w.Header().Get("Retry-After"), w.Body)
			}
			now = now.Add(time.Duration(after-1) * time.Second)
			if w, _ := ask(outer, h, "GET /", "192.0.2.1", ""); w.Code != 429 {
				t.Fatalf("Retry-After %d is later than needed", after)
			}
			now = now.Add(time.Second)
			if w, _ := ask(outer, h, "GET /", "192.0.2.1", ""); w.Code != 204 {
				t.Fatalf("Retry-After %d was too early: %s %v", after, w.Body, w.Header())
			}
		}
	})
}

// All zones that refused are named, each once; what can't be admitted ever promises nothing.
func TestRefusalsNameTheirZones(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone a {\n rate 1/1h\n}\n zone b {\n key user host\n rate 1/2h\n}\n zone c {\n rate 5/1h\n}\n}", nil)
	ask(t, h, "GET /", "192.0.2.1", "ursula")
	w, rc := ask(t, h, "GET /", "192.0.2.1", "ursula")
	if !strings.Contains(w.Body.String(), `"violated-policies":["a","b"]`) || w.Header().Get("Retry-After") != "7200" {
		t.Errorf("%s %v", w.Body, w.Header())
	}
	if rc.Limited != "b" || rc.LimitedKey != "user host" || !slices.Equal(rc.LimitedBy, []string{"a", "b"}) {
		t.Errorf("%+v", rc)
	}
	if got := w.Header().Get("RateLimit"); got != `"a";r=0;t=3600, "b";r=0;t=7200, "c";r=4` {
		t.Error(got) // the window of c would be the longest
	}
}

// A shadow zone refuses nobody, and tells no client of itself; the event says whom it would have refused.
func TestShadowZonesTellOperatorsOnly(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone a {\n rate 1/1h\n shadow\n}\n}", nil)
	for i := range 4 {
		w, rc := ask(t, h, "GET /", "192.0.2.1", "")
		if w.Code != 204 || w.Header().Get("RateLimit") != "" || w.Header().Get("RateLimit-Policy") != "" {
			t.Fatalf("%d %v", w.Code, w.Header())
		}
		if rc.Limited != "" || (len(rc.Shadowed) == 1) != (i > 0) {
			t.Errorf("request %d: %+v", i, rc)
		}
	}
}

// Whoever reads pages gets one, in their language, with the time at which to try again.
func TestBrowsersGetAPage(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone a {\n rate 1/1h\n}\n}", nil)
	for i, want := range []string{"", "In 60 Minuten"} {
		r, _ := reqctx.Ensure(httptest.NewRequest("GET", "/rooms", nil))
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Accept-Language", "de")
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(w.Body.String(), want) || (i == 1) != (w.Header().Get("Content-Language") == "de") || (i == 1) != (w.Header().Get("Retry-After") == "3600") {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
	}
}
