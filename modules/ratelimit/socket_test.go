package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/coder/websocket"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
	"github.com/convosphere/gateway/test/extended"
)

// echoThrough is the URL of an echo server behind the handler. ended is told of each socket that has ended.
func echoThrough(t *testing.T, h *Handler, ended ...chan<- *reqctx.Request) string {
	t.Helper()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, b, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, b) != nil {
				return
			}
		}
	}))
	t.Cleanup(echo.Close)
	to, err := url.Parse(echo.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, rc := reqctx.Ensure(r)
		defer func() {
			for _, c := range ended {
				c <- rc
			}
		}()
		if user := r.URL.Query().Get("user"); user != "" {
			rc.Identity = &reqctx.Identity{Subject: user, Name: user, Roles: []string{"user"}}
		}
		_ = h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			proxy.ServeHTTP(w, r)
			return nil
		}))
	}))
	t.Cleanup(front.Close)
	return "ws" + strings.TrimPrefix(front.URL, "http") + "/api/ws"
}

func dial(t *testing.T, url string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	t.Cleanup(cancel)
	return websocket.Dial(ctx, url, nil)
}

// talk sends messages until the socket closes, and returns how many came back.
func talk(t *testing.T, c *websocket.Conn, max int) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for n := range max {
		if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
			return n, err
		}
		_, b, err := c.Read(ctx)
		if err == nil && string(b) != "hello" {
			err = errors.New(string(b)) // a warning
		}
		if err != nil {
			return n, err
		}
	}
	return max, nil
}

func TestMessages(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n warn off\n store_timeout 10s\n zone messages_test {\n messages\n key user\n rate 1/1h\n burst 40\n}\n}", openRedis(t, redistest.Start(t)))
	url := echoThrough(t, h)
	c, _, err := dial(t, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	n, err := talk(t, c, 100)
	var closed websocket.CloseError
	if n != 40 || !errors.As(err, &closed) || closed.Code != websocket.StatusPolicyViolation || closed.Reason != "rate limit" {
		t.Errorf("%d messages, %v", n, err)
	}
	// A second socket of the same client does not help.
	again, _, err := dial(t, url)
	if err != nil {
		t.Fatal(err)
	}
	defer again.CloseNow()
	if n, _ := talk(t, again, 1); n != 0 {
		t.Error("a new socket has a new burst")
	}
}

func TestMessagesFailClosed(t *testing.T) {
	s := redistest.Start(t)
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone m {\n messages\n rate 1000/s\n on_failure closed\n}\n}", openRedis(t, s))
	c, _, err := dial(t, echoThrough(t, h))
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if n, err := talk(t, c, 3); n != 3 {
		t.Fatal(n, err)
	}
	s.Kill()
	var closed websocket.CloseError
	if n, err := talk(t, c, 3); n != 0 || !errors.As(err, &closed) || closed.Code != websocket.StatusTryAgainLater {
		t.Errorf("%d messages, %v", n, err)
	}
}

// A client that writes text is warned of each message that was dropped, and closed when it goes on.
func TestWarning(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n warn 2\n zone talk {\n messages\n rate 1/1h\n burst 3\n}\n zone seen {\n messages\n key host\n rate 1/1h\n shadow\n}\n}", nil)
	now := time.Now()
	h.state = newState(func() time.Time { return now }, time.Hour)
	t.Cleanup(h.state.leases.close)
	h.limiter = limit.NewLimiter(h.state.limits, limit.Options{})
	ended := make(chan *reqctx.Request, 1)
	c, _, err := dial(t, echoThrough(t, h, ended))
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	answer := func() string {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		_, b, err := c.Read(ctx)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	for range 3 {
		if got := answer(); got != "hello" {
			t.Fatal(got)
		}
	}
	for left := 1; left >= 0; left-- {
		if got, want := answer(), fmt.Sprintf(`{"type":"gateway.rate-limit","message":%d,"violated-policies":["talk"],"retry_after":3600,"left":%d}`, 5-left, left); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	now = now.Add(time.Hour) // one more is admitted, and what was over the limit is forgotten
	if got := answer(); got != "hello" {
		t.Fatal(got)
	}
	for range 2 {
		if got := answer(); !strings.Contains(got, "gateway.rate-limit") {
			t.Fatal(got)
		}
	}
	if got := answer(); !strings.Contains(got, "StatusPolicyViolation") || !strings.Contains(got, "rate limit") {
		t.Fatal(got)
	}
	if top, err := h.state.registry.top("refused", "talk", 1); err != nil || len(top) != 1 || top[0].Count != 5 {
		t.Errorf("whom messages were refused the most: %+v %v", top, err)
	}
	rc := <-ended
	if rc.Limited != "talk" || rc.LimitedKey != "client" || !slices.Equal(rc.LimitedBy, []string{"talk"}) || !slices.Equal(rc.Shadowed, []string{"seen"}) {
		t.Errorf("the event would tell %+v", rc.LimitedBy)
	}
	if rc.Socket == nil || rc.Socket.CloseCode != 1008 {
		t.Errorf("%+v", rc.Socket)
	}
}

// Who speaks binary would not understand a warning.
func TestBinaryIsNotWarned(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone talk {\n messages\n rate 1/1h\n}\n}", nil)
	c, _, err := dial(t, echoThrough(t, h))
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for i := range 2 {
		if err := c.Write(ctx, websocket.MessageBinary, []byte{1}); err != nil {
			t.Fatal(err)
		}
		_, _, err := c.Read(ctx)
		if i == 0 && err != nil || i == 1 && websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Fatal(i, err)
		}
	}
}

// Bytes are counted by the size of each message, in units that are begun.
func TestBytesOfMessages(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n warn off\n zone bytes {\n messages\n cost bytes 1KiB\n rate 1/1h\n burst 8\n}\n}", nil)
	c, _, err := dial(t, echoThrough(t, h))
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for i, size := range []int{1, 1024, 1025, 4096, 1} { // 1+1+2+4 units, and one too many
		if err := c.Write(ctx, websocket.MessageText, []byte(strings.Repeat("x", size))); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(ctx); (err != nil) != (i == 4) {
			t.Fatal(i, err)
		}
	}
}

// By connection, each socket has its own limit; the person's holds for all of them.
func TestConnectionsAndUsers(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n warn off\n store_timeout 10s\n zone one {\n messages\n key connection\n rate 1/1h\n burst 3\n}\n zone all {\n messages\n key user\n rate 1/1h\n burst 5\n}\n}", openRedis(t, redistest.Start(t)))
	url := echoThrough(t, h) + "?user=ursula"
	for i, want := range []int{3, 2, 0} {
		c, _, err := dial(t, url)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		if n, _ := talk(t, c, 10); n != want {
			t.Errorf("socket %d: %d messages, want %d", i, n, want)
		}
	}
}

// process is a handler of another process with the same Redis.
func process(t *testing.T, directive string, s store.Store) *Handler {
	t.Helper()
	h := mustLoad(t, directive, s)
	h.state = newState(time.Now, time.Second)
	t.Cleanup(h.state.leases.close)
	o := limit.Options{Timeout: 10 * time.Second}
	if s != nil {
		o.Redis = s.Redis()
	}
	h.limiter = limit.NewLimiter(h.state.limits, o)
	return h
}

// A client's open sockets are counted on all processes together.
func TestSocketsPerClient(t *testing.T) {
	for name, s := range map[string]store.Store{"memory": nil, "redis": openRedis(t, redistest.Start(t))} {
		t.Run(name, func(t *testing.T) {
			const directive = "gw_rate_limit {\n sockets 2\n}"
			a := process(t, directive, s)
			b := a
			if s != nil {
				b = process(t, directive, s)
			}
			here, there := echoThrough(t, a), echoThrough(t, b)
			first, _, err := dial(t, here)
			if err != nil {
				t.Fatal(err)
			}
			defer first.CloseNow()
			second, _, err := dial(t, there)
			if err != nil {
				t.Fatal(err)
			}
			defer second.CloseNow()
			for _, url := range []string{here, there} {
				_, res, err := dial(t, url)
				if err == nil || res == nil || res.StatusCode != http.StatusTooManyRequests {
					t.Fatalf("the third one: %+v %v", res, err)
				}
				if !strings.Contains(res.Header.Get("RateLimit-Policy"), `"sockets";q=2;qu="concurrent-requests"`) || !strings.Contains(res.Header.Get("RateLimit"), `"sockets";r=0`) || res.Header.Get("Retry-After") != "" {
					t.Errorf("%v", res.Header)
				}
			}
			if n, err := talk(t, first, 3); n != 3 {
				t.Fatal(n, err)
			}
			if err := second.Close(websocket.StatusNormalClosure, ""); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				if c, _, err := dial(t, here); err == nil {
					_ = c.CloseNow()
					break
				}
				if time.Now().After(end) {
					t.Fatal("a closed socket is still counted")
				}
			}
		})
	}
}

// A socket by extended CONNECT is the GET that it stands for. One too many is not charged by another zone.
func TestExtendedConnectIsCounted(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n sockets 1\n zone z {\n match GET /api/ws\n rate 1/1h\n burst 2\n}\n}", nil)
	serve := func(version int, next caddyhttp.HandlerFunc) int {
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, extended.Request(version, "/api/ws"), next); err != nil {
			t.Fatal(err)
		}
		return w.Code
	}
	none := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	})
	second := 0
	first := serve(2, func(w http.ResponseWriter, r *http.Request) error {
		second = serve(3, none) // while the first is open
		return none(w, r)
	})
	if first != http.StatusTeapot || second != http.StatusTooManyRequests {
		t.Errorf("the first socket: %d, one beside it: %d", first, second)
	}
	if got := []int{serve(3, none), serve(2, none)}; got[0] != http.StatusTeapot || got[1] != http.StatusTooManyRequests {
		t.Errorf("in the burst, and over it: %v", got)
	}
}
