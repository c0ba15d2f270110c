package authenticate

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/wsframe"
	"github.com/convosphere/gateway/test/extended"
)

func handshake(headers ...string) *http.Request {
	return request("GET", "/ws", append([]string{
		"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==",
	}, headers...)...)
}

func TestSocketOrigin(t *testing.T) {
	h := newHandler(t, newPeople())
	for name, c := range map[string]struct {
		headers []string
		passes  bool
	}{
		"own origin, cookie":          {[]string{"Cookie", goodCookie, "Origin", "https://gw.example"}, true},
		"own origin, its port said":   {[]string{"Cookie", goodCookie, "Origin", "https://gw.example:443"}, true},
		"own origin, upper case":      {[]string{"Cookie", goodCookie, "Origin", "https://GW.example"}, true},
		"cross site, cookie":          {[]string{"Cookie", goodCookie, "Origin", "https://evil.example"}, false},
		"cross site, bearer":          {[]string{"Authorization", good, "Origin", "https://evil.example"}, false},
		"cross site, anonymous":       {[]string{"Origin", "https://evil.example"}, false},
		"plain http":                  {[]string{"Cookie", goodCookie, "Origin", "http://gw.example"}, false},
		"another port":                {[]string{"Cookie", goodCookie, "Origin", "https://gw.example:8443"}, false},
		"a longer host":               {[]string{"Cookie", goodCookie, "Origin", "https://gw.example.evil.example"}, false},
		"user info":                   {[]string{"Cookie", goodCookie, "Origin", "https://gw.example@evil.example"}, false},
		"with a path":                 {[]string{"Cookie", goodCookie, "Origin", "https://gw.example/"}, false},
		"opaque":                      {[]string{"Cookie", goodCookie, "Origin", "null"}, false},
		"empty":                       {[]string{"Cookie", goodCookie, "Origin", ""}, false},
		"two":                         {[]string{"Cookie", goodCookie, "Origin", "https://gw.example", "Origin", "https://evil.example"}, false},
		"a list":                      {[]string{"Cookie", goodCookie, "Origin", "https://gw.example https://evil.example"}, false},
		"configured":                  {[]string{"Cookie", goodCookie, "Origin", "https://app.example.com"}, true},
		"no origin, cookie":           {[]string{"Cookie", goodCookie}, false},
		"no origin, bearer":           {[]string{"Authorization", good}, true},
		"no origin, anonymous":        {nil, true},
		"forwarded proto of a nobody": {[]string{"Cookie", goodCookie, "Origin", "http://gw.example", "X-Forwarded-Proto", "http"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []*http.Request{
				handshake(c.headers...), extended.Request(2, "https://gw.example/ws", c.headers...), extended.Request(3, "https://gw.example/ws", c.headers...),
			} {
				got := do(t, h, r)
				if (got.next != nil) != c.passes || got.next == nil && got.w.Code != 403 {
					t.Errorf("%s: %s %d", r.Proto, got.name(), got.w.Code)
				}
			}
		})
	}
}

func TestSchemeBehindATrustedProxy(t *testing.T) {
	h := newHandler(t, newPeople())
	r := handshake("Cookie", goodCookie, "Origin", "https://gw.example", "X-Forwarded-Proto", "https")
	r.TLS = nil
	r.Host = "gw.example"
	vars := func(trusted bool) context.Context {
		return context.WithValue(context.Background(), caddyhttp.VarsCtxKey, map[string]any{caddyhttp.TrustedProxyVarKey: trusted})
	}
	if got := do(t, h, r.Clone(vars(true))); got.next == nil {
		t.Errorf("trusted: %d", got.w.Code)
	}
	if got := do(t, h, r.Clone(vars(false))); got.next != nil {
		t.Error("anybody may choose the scheme")
	}
}

// closed is a socket that remembers what it was told, and how it was closed.
type closed chan string

func (c closed) Close(code int, reason string) { c <- strconv.Itoa(code) + " " + reason }

func (c closed) Send(text string) error {
	c <- text
	return nil
}

func (c closed) within(t *testing.T, d time.Duration) string {
	t.Helper()
	select {
	case how := <-c:
		return how
	case <-time.After(d):
		return "open"
	}
}

func watchFor(t *testing.T, h *Handler, p *people, life time.Duration) (closed, func()) {
	t.Helper()
	id, err := p.Verify(t.Context(), "good-ursula")
	if err != nil {
		t.Fatal(err)
	}
	id.Expires = time.Now().Add(life)
	c := make(closed, 4)
	end := h.watch(t.Context(), c, id, "good-ursula")
	return c, end
}

func TestSocketEndsWithItsSession(t *testing.T) {
	p := newPeople()
	h := newHandler(t, p)
	c, end := watchFor(t, h, p, time.Hour)
	if how := c.within(t, 50*time.Millisecond); how != "open" {
		t.Fatal(how)
	}
	p.end("s-ursula")
	if how := c.within(t, time.Second); how != "1008 session ended" {
		t.Error(how)
	}
	end()
	if len(p.watches) != 0 {
		t.Error("the watch stays")
	}
}

func TestSessionEndsBetweenVerifyAndWatch(t *testing.T) {
	p := newPeople()
	h := newHandler(t, p)
	id, _ := p.Verify(t.Context(), "good-ursula")
	p.end("s-ursula")
	c := make(closed, 4)
	defer h.watch(t.Context(), c, id, "good-ursula")()
	if how := c.within(t, time.Second); how != "1008 session ended" {
		t.Error(how)
	}
}

func TestTapIsAttached(t *testing.T) {
	h := newHandler(t, newPeople())
	got := do(t, h, handshake("Authorization", good, "Sec-WebSocket-Extensions", "permessage-deflate"))
	if got.next == nil || got.next.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Fatal("the tap is not attached")
	}
	w := httptest.NewRecorder()
	if again, _, _ := wsframe.Attach(w, got.next); again != http.ResponseWriter(w) {
		t.Error("the request does not carry the tap")
	}
}

func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://gw.example", "https://gw.example:443", "null", "https://gw.example@evil", "https://[::1]:8443"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, ok := parseOrigin(s)
		if !ok {
			return
		}
		if again, ok := parseOrigin(o); !ok || again != o {
			t.Errorf("%q becomes %q and then %q", s, o, again)
		}
		if strings.ContainsAny(o, "@ \t\r\n?#") {
			t.Errorf("%q becomes %q", s, o)
		}
	})
}
