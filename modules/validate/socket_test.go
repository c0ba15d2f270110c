package validate

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/coder/websocket"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// talk opens a socket through the handler to a back end that sends back what follows "echo " in the text of a message, and everything else as it is.
func talk(t *testing.T, h *Handler) (c *websocket.Conn, ctx context.Context, ended <-chan []reqctx.Invalid) {
	t.Helper()
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
			if _, quoted, ok := strings.Cut(string(b), `"text":"echo `); ok {
				b = []byte(strings.ReplaceAll(strings.TrimSuffix(quoted, `"}`), "'", `"`))
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
	done := make(chan []reqctx.Invalid, 1)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, rc := reqctx.Ensure(r)
		_ = h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			proxy.ServeHTTP(w, r)
			return nil
		}))
		done <- rc.Invalid
	}))
	t.Cleanup(site.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	c, _, err = websocket.Dial(ctx, site.URL+"/api/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c, ctx, done
}

func say(t *testing.T, c *websocket.Conn, ctx context.Context, text string) {
	t.Helper()
	if err := c.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, c *websocket.Conn, ctx context.Context) string {
	t.Helper()
	_, b, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestMessagesIn(t *testing.T) {
	h := ready(t, &Handler{OpenAPI: chatDocument, MessagesOut: Off})
	c, ctx, _ := talk(t, h)
	for _, good := range []string{
		`{"type":"join","room":"general"}`, `{"type":"message","room":"general","text":"a","ref":"1"}`, `{"type":"typing","room":"general"}`,
	} {
		say(t, c, ctx, good)
		if got := hear(t, c, ctx); got != good {
			t.Errorf("%s became %s", good, got)
		}
	}
	for bad, want := range map[string]string{
		`{"type":"message","room":"general","text":7}`:                   "/text must be a string",
		`{"type":"message","room":"general","text":"a","author":"x"}`:    "/* is not a known member",
		`{"type":"message","room":"general","text":"a","text":"b"}`:      "/* is given twice",
		`{"type":"message","room":"general","text":"a","Text":"b"}`:      "/* differs from a known member",
		`{"type":"join","room":"general","text":"a"}`:                    "/* is not a known member",
		`{"type":"evict","room":"general"}`:                              "/type is not one of the known types",
		`{"type":"join","Type":"leave","room":"general"}`:                "/type differs",
		`{"room":"general"}`:                                             "/type is missing",
		`hello`:                                                          "is not JSON",
		`{"type":"message","room":"general","text":"a","file":1e999}`:    "is a number that not every reader can hold",
		`{"type":"message","room":"general","text":"` + "\\ud800" + `"}`: "is not well encoded",
	} {
		c, ctx, ended := talk(t, h)
		say(t, c, ctx, bad)
		_, b, err := c.Read(ctx)
		var closed websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != websocket.StatusPolicyViolation || !strings.Contains(closed.Reason, want) {
			t.Errorf("%s: %q %v, want %s", bad, b, err, want)
		}
		if found := <-ended; len(found) != 1 || found[0].In != "message" {
			t.Errorf("%s: recorded %+v", bad, found)
		}
	}
	c, ctx, _ = talk(t, h)
	if err := c.Write(ctx, websocket.MessageBinary, []byte(`{"type":"join","room":"general"}`)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("a binary message: %v", err)
	}
}

// echo has the back end say what stands in single quotes.
func echo(text string) string {
	return `{"type":"message","room":"general","text":"echo ` + text + `"}`
}

func TestMessagesOut(t *testing.T) {
	const good, bad = `{'type':'joined','room':'general'}`, `{'type':'joined','room':'general','secret':'x'}`
	plain := strings.NewReplacer("'", `"`)
	c, ctx, _ := talk(t, ready(t, &Handler{OpenAPI: chatDocument, MessagesOut: Drop}))
	say(t, c, ctx, echo(bad))
	say(t, c, ctx, echo(`no JSON`))
	say(t, c, ctx, echo(good))
	if got := hear(t, c, ctx); got != plain.Replace(good) {
		t.Errorf("heard %s", got)
	}
	c, ctx, ended := talk(t, ready(t, &Handler{OpenAPI: chatDocument}))
	say(t, c, ctx, echo(bad))
	if got := hear(t, c, ctx); got != plain.Replace(bad) {
		t.Errorf("heard %s", got)
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	if found := <-ended; len(found) != 1 || found[0].Place != "/*" {
		t.Errorf("recorded %+v", found)
	}
}

// Without a document: what is JSON must be JSON to everybody, everything else passes.
func TestMessagesWithoutDocument(t *testing.T) {
	h := ready(t, &Handler{})
	c, ctx, _ := talk(t, h)
	for _, good := range []string{`hello`, `[12:30] hello`, `42["event",{"a":1,"a":2}]`, `{"a":1}`, ``} {
		say(t, c, ctx, good)
		if got := hear(t, c, ctx); got != good {
			t.Errorf("%s became %s", good, got)
		}
	}
	say(t, c, ctx, `{"a":1,"a":2}`)
	if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("%v", err)
	}
}
