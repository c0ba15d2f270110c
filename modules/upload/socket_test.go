package upload

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/test/clamav"
)

// line is a site with the handler before an echo, and what reached the echo.
type line struct {
	url     string
	changes bool // the echo is another message than the one that was sent

	mu  sync.Mutex
	got []string
}

func serveSocket(t *testing.T, h *Handler) *line {
	t.Helper()
	l := new(line)
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			l.mu.Lock()
			l.got = append(l.got, string(b))
			l.mu.Unlock()
			if c.Write(r.Context(), kind, b) != nil {
				return
			}
		}
	}))
	t.Cleanup(back.Close)
	to, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, _ = reqctx.Ensure(r)
		_ = h.ServeHTTP(w, r, nextFunc(func(w http.ResponseWriter, r *http.Request) error {
			proxy.ServeHTTP(w, r)
			return nil
		}))
	}))
	t.Cleanup(site.Close)
	l.url = site.URL
	return l
}

// say sends a message on a socket of its own, and tells how the socket closed; -1: it did not, and the echo came.
func (l *line) say(t *testing.T, kind websocket.MessageType, content string) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, l.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(ctx, kind, []byte(content)); err != nil {
		t.Fatal(err)
	}
	_, got, err := c.Read(ctx)
	if err == nil && !l.changes && string(got) != content {
		t.Errorf("the echo is %q", got)
	}
	return websocket.CloseStatus(err)
}

func (l *line) reached() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.got)
}

func TestMessages(t *testing.T) {
	const passes, closed, later = -1, websocket.StatusPolicyViolation, websocket.StatusTryAgainLater
	eicar := string(clamav.EICAR())
	scanner, gone := &Scanner{Address: daemon.TCP}, &Scanner{Address: "unix:///nobody/listens"}
	for name, c := range map[string]struct {
		h       *Handler
		kind    websocket.MessageType
		content string
		want    websocket.StatusCode
	}{
		"clean":                       {&Handler{Scanner: scanner}, websocket.MessageBinary, picture, passes},
		"EICAR":                       {&Handler{Scanner: scanner}, websocket.MessageBinary, eicar, closed},
		"EICAR zipped":                {&Handler{Scanner: scanner}, websocket.MessageBinary, zipped(t, "a.txt", eicar), closed},
		"a program, without scanner":  {new(Handler), websocket.MessageBinary, program, closed},
		"text is others' to look at":  {&Handler{Scanner: scanner}, websocket.MessageText, eicar, passes},
		"unless texts are scanned":    {&Handler{Sockets: All, Scanner: scanner}, websocket.MessageText, eicar, closed},
		"markup is no find in a text": {&Handler{Sockets: All, Scanner: scanner}, websocket.MessageText, "<!doctype html><p>hello", passes},
		"off":                         {&Handler{Sockets: Off, Scanner: scanner}, websocket.MessageBinary, eicar, passes},
		"report":                      {&Handler{Mode: Report, Scanner: scanner}, websocket.MessageBinary, eicar, passes},
		"no scanner":                  {&Handler{Scanner: gone}, websocket.MessageBinary, picture, later},
		"no scanner, by choice":       {&Handler{Scanner: &Scanner{Address: "unix:///nobody/listens", OnFailure: Open}}, websocket.MessageBinary, picture, passes},
	} {
		t.Run(name, func(t *testing.T) {
			l := serveSocket(t, provision(t, c.h))
			got := l.say(t, c.kind, c.content)
			if got != c.want || (l.reached() > 0) != (c.want == passes) {
				t.Errorf("closed with %d, want %d; %d messages reached the back end", got, c.want, l.reached())
			}
		})
	}
}
