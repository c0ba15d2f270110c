package waf

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/wire"
)

// onWire is a request as Caddy hands it on, with its head on the connection as given.
func onWire(r *http.Request, head string) *http.Request {
	t := new(wire.Tracker)
	t.Saw([]byte(head))
	return r.WithContext(wire.With(r.Context(), t))
}

func TestRulesSeeNamesThatCaddyDrops(t *testing.T) {
	h := provision(t, &Handler{})
	head := "POST /upload HTTP/1.1\r\nHost: chat.example.com\r\nX_Filename: shell.php\r\nX.Other: 1\r\n\r\n"
	r := request("POST", "/upload", "application/json", `{"a":"b"}`)
	if o := do(t, h, r); o.status != 200 {
		t.Fatalf("without the wrapper: %+v", o)
	}
	r = onWire(request("POST", "/upload", "application/json", `{"a":"b"}`), head)
	if o := do(t, h, r); o.status != 403 || o.reached || !slices.Contains(o.verdict.Rules, 933110) {
		t.Errorf("with it: %+v %+v", o, o.verdict)
	}
	// A directive outside of us rewrote the request: the head is still its own.
	r = onWire(request("POST", "/elsewhere", "application/json", `{"a":"b"}`), head)
	r = r.WithContext(context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, http.Request{Method: "POST", RequestURI: "/upload"}))
	if o := do(t, h, r); o.status != 403 {
		t.Errorf("rewritten: %+v", o)
	}
	// The head of another request is not believed.
	r = onWire(request("POST", "/another", "application/json", `{"a":"b"}`), head)
	if o := do(t, h, r); o.status != 200 {
		t.Errorf("another's: %+v", o)
	}
}

func TestHiddenHeaders(t *testing.T) {
	for _, c := range []struct {
		target, host, head string
		want               []string
	}{
		{"/", "a", "Host: a\r\nX-A: 1\r\n", nil},
		{"/", "a", "Host: a\r\nX_A: 1\r\nx.b: 2\r\nX_A: 3\r\n", []string{"X_A: 1", "x.b: 2", "X_A: 3"}},
		{"/", "", "Host:\r\n", []string{"Host: "}},
		{"http://a/", "a", "host: b\r\n", []string{"host: b"}},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RequestURI, r.Host = c.target, c.host
		var got []string
		for _, f := range hiddenHeaders(onWire(r, "GET "+c.target+" HTTP/1.1\r\n"+c.head+"\r\n")) {
			got = append(got, f.Name+": "+f.Value)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.head, got, c.want)
		}
	}
	// Names that the server's expected_underscore_headers lets through are seen already.
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["X_known"] = []string{"1"}
	if got := hiddenHeaders(onWire(r, "GET / HTTP/1.1\r\nHost: example.com\r\nX_Known: 1\r\n\r\n")); got != nil {
		t.Errorf("shown twice: %v", got)
	}
}

// Each hidden header costs what any header costs.
func TestTooManyHiddenHeaders(t *testing.T) {
	h := provision(t, &Handler{})
	for n, want := range map[int]int{maxHidden: 200, maxHidden + 1: 431} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "x_%d: 1\r\n", i)
		}
		r := onWire(request("GET", "/", "", ""), "GET / HTTP/1.1\r\nHost: chat.example.com\r\n"+b.String()+"\r\n")
		if o := do(t, h, r); o.status != want {
			t.Errorf("%d: %d, want %d", n, o.status, want)
		}
	}
}
