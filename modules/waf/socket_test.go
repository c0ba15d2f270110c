package waf

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/coder/websocket"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// line is a site with the handler before an echo, and what reached the echo.
type line struct {
	url string

	mu   sync.Mutex
	got  []string
	last *reqctx.Request
	done chan struct{} // closed when the handler has returned
}

func serveSocket(t *testing.T, h *Handler) *line {
	t.Helper()
	l := &line{done: make(chan struct{})}
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(1 << 20)
		for {
			kind, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			l.mu.Lock()
			l.got = append(l.got, string(b))
			l.mu.Unlock()
			if answer, ok := strings.CutPrefix(string(b), "say "); ok {
				b = []byte(answer)
			}
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
		r, rc := reqctx.Ensure(r)
		defer func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.last = rc
			close(l.done)
		}()
		r.Host = "chat.example.com" // the rules find fault with a numeric one
		_ = h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			proxy.ServeHTTP(w, r)
			return nil
		}))
	}))
	t.Cleanup(site.Close)
	l.url = site.URL + "/api/ws"
	return l
}

func (l *line) dial(t *testing.T) (*websocket.Conn, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	c, _, err := websocket.Dial(ctx, l.url, &websocket.DialOptions{HTTPHeader: http.Header{"User-Agent": {"Mozilla/5.0"}, "Accept": {"*/*"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	c.SetReadLimit(1 << 20)
	return c, ctx
}

func (l *line) reached() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

// verdict is what the socket's event will tell.
func (l *line) verdict(t *testing.T) *reqctx.Verdict {
	t.Helper()
	select {
	case <-l.done:
	case <-time.After(10 * time.Second):
		t.Fatal("the socket does not end")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last.Verdict
}

func TestMessages(t *testing.T) {
	const chat = `{"type":"message","room":"general","text":%q}`
	for i, c := range []struct {
		name   string
		h      *Handler
		send   string
		binary bool
		code   websocket.StatusCode // 0: it comes back
		rule   int
	}{
		{"harmless JSON", &Handler{}, fmt.Sprintf(chat, "Hello, it's noon; who's there?"), false, 0, 0},
		{"harmless text", &Handler{}, "Hello there", false, 0, 0},
		{"SQL in a member", &Handler{}, fmt.Sprintf(chat, "1' OR '1'='1' -- "), false, 1008, 942100},
		{"script in a member", &Handler{}, fmt.Sprintf(chat, "<script>alert(1)</script>"), false, 1008, 941100},
		{"escaped", &Handler{}, `{"text":"\u003cscript\u003ealert(1)\u003c/script\u003e"}`, false, 1008, 941100},
		{"nested", &Handler{}, `{"a":[{"b":"1 UNION SELECT password FROM users"}]}`, false, 1008, 942100},
		{"plain text", &Handler{}, "1 UNION SELECT password FROM users", false, 1008, 942100},
		{"broken JSON", &Handler{}, `{"text":"1\u0027 OR \u00271\u0027=\u00271`, false, 1008, 920540},
		{"text in a binary message", &Handler{}, fmt.Sprintf(chat, "1' OR '1'='1' -- "), true, 1008, 942100},
		{"bytes", &Handler{}, "\xff\xfe' OR '1'='1", true, 0, 0},
		{"bytes, rejected", &Handler{Sockets: &Sockets{Binary: Reject}}, "\xff\xfe", true, 1003, 0},
		{"over the limit", &Handler{BodyLimit: 1000, UploadLimit: 1000}, strings.Repeat("a", 2000), false, 1009, 0},
		{"too many members", &Handler{}, "[" + strings.Repeat("1,", 300) + "1]", false, 1008, 0},
		{"detect", &Handler{Mode: Detect}, "1 UNION SELECT password FROM users", false, 0, 942100},
		{"off", &Handler{Sockets: &Sockets{Inspect: Off}}, "1 UNION SELECT password FROM users", false, 0, 0},
		{"excluded there", &Handler{Exclusions: []Exclusion{{Rules: []string{"tag:OWASP_CRS"}, On: []string{"ARGS:text"}, At: []PathPattern{"/api/ws"}}}}, fmt.Sprintf(chat, "1' OR '1'='1' -- "), false, 0, 0},
		{"excluded elsewhere", &Handler{Exclusions: []Exclusion{{Rules: []string{"tag:OWASP_CRS"}, On: []string{"ARGS:text"}, At: []PathPattern{"/api/x"}}}}, fmt.Sprintf(chat, "1' OR '1'='1' -- "), false, 1008, 942100},
		{"a leak of the back end, not asked for", &Handler{}, "say ORA-00933: SQL command not properly ended", false, 0, 0},
		{"a leak of the back end", &Handler{Sockets: &Sockets{Inspect: Both}}, "say ORA-00933: SQL command not properly ended", false, 1011, 951120},
		{"a leak of the back end, late", &Handler{Sockets: &Sockets{Inspect: Both}, Responses: &Responses{Limit: 4 << 10}}, "say " + strings.Repeat("word ", 4000) + "ORA-00933: SQL command not properly ended", false, 1011, 951120},
		{"a leak of the back end, detected", &Handler{Mode: Detect, Sockets: &Sockets{Inspect: Both}}, "say ORA-00933: SQL command not properly ended", false, 0, 951120},
	} {
		for _, screenOff := range []bool{false, true}[:2-min(i/4, 1)] { // loading rules takes a second
			t.Run(fmt.Sprint(c.name, screenOff), func(t *testing.T) {
				h := *c.h
				h.ScreenOff = screenOff
				l := serveSocket(t, provision(t, &h))
				conn, ctx := l.dial(t)
				kind := websocket.MessageText
				if c.binary {
					kind = websocket.MessageBinary
				}
				if err := conn.Write(ctx, kind, []byte(c.send)); err != nil {
					t.Fatal(err)
				}
				_, b, err := conn.Read(ctx)
				if c.code == 0 {
					if want := strings.TrimPrefix(c.send, "say "); err != nil || string(b) != want {
						t.Fatalf("%.100q came back, %v", b, err)
					}
					_ = conn.Close(websocket.StatusNormalClosure, "")
				} else {
					if websocket.CloseStatus(err) != c.code {
						t.Errorf("closed with %v", err)
					}
					if got := l.reached(); len(got) > 0 && !strings.HasPrefix(c.send, "say ") {
						t.Errorf("the back end got %q", got)
					}
				}
				v := l.verdict(t)
				if c.rule != 0 && (v == nil || !slices.Contains(v.Rules, c.rule)) || c.rule == 0 && c.code == 0 && v != nil && len(v.Rules) > 0 {
					t.Errorf("verdict %+v", v)
				}
				if v != nil && v.Blocked != (c.code == 1008 && c.rule != 0) {
					t.Errorf("blocked %v", v.Blocked)
				}
			})
		}
	}
}

// A message's rules see nothing of the one before, and a refused one does not stop those of others.
func TestMessagesAreApart(t *testing.T) {
	h := provision(t, &Handler{})
	var wg sync.WaitGroup
	for i := range 8 {
		l := serveSocket(t, h)
		conn, ctx := l.dial(t)
		wg.Go(func() {
			for k := range 20 {
				text := fmt.Sprintf(`{"text":"message %d of %d"}`, k, i)
				if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
					t.Error(err)
					return
				}
				if _, b, err := conn.Read(ctx); err != nil || string(b) != text {
					t.Errorf("%q, %v", b, err)
					return
				}
			}
			if i%2 == 0 {
				_ = conn.Write(ctx, websocket.MessageText, []byte(`{"text":"<script>alert(1)</script>"}`))
				if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != 1008 {
					t.Error(err)
				}
			}
			_ = conn.CloseNow()
		})
	}
	wg.Wait()
}
