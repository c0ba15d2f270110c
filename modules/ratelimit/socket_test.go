package ratelimit

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/coder/websocket"

	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/test/extended"
)

// echoThrough is the URL of an echo server behind the handler.
func echoThrough(t *testing.T, h *Handler) string {
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
		if user := r.URL.Query().Get("user"); user != "" {
			var rc *reqctx.Request
			r, rc = reqctx.Ensure(r)
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
		if _, _, err := c.Read(ctx); err != nil {
			return n, err
		}
	}
	return max, nil
}

func TestMessages(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n zone messages_test {\n messages\n key user\n rate 1/1h\n burst 40\n}\n}", openRedis(t, redistest.Start(t)))
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

func TestSocketsPerClient(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n sockets 2\n}", nil)
	url := echoThrough(t, h)
	first, _, err := dial(t, url)
	if err != nil {
		t.Fatal(err)
	}
	defer first.CloseNow()
	second, _, err := dial(t, url)
	if err != nil {
		t.Fatal(err)
	}
	defer second.CloseNow()
	if _, res, err := dial(t, url); err == nil || res == nil || res.StatusCode != http.StatusTooManyRequests {
		t.Fatalf("the third one: %+v %v", res, err)
	}
	if n, err := talk(t, first, 3); n != 3 {
		t.Fatal(n, err)
	}
	if err := second.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, _, err := dial(t, url); err == nil {
			_ = c.CloseNow()
			break
		}
		if time.Now().After(end) {
			t.Fatal("a closed socket is still counted")
		}
	}
}

// A socket by extended CONNECT is the GET that it stands for.
func TestExtendedConnectIsCounted(t *testing.T) {
	h := mustLoad(t, "gw_rate_limit {\n defaults off\n sockets 1\n zone z {\n match GET /api/ws\n rate 1/1h\n burst 3\n}\n}", nil)
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
