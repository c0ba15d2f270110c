package ratelimit

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// call is one request as rules look at it.
type call struct {
	what    string // "METHOD /path"; default GET /
	from    string // default 192.0.2.1
	host    string // default example.com
	body    string
	chunked bool // its length is not announced
	headers []string
	country string
	who     *reqctx.Identity
	answer  int // the back end's; default 204
	next    func(http.ResponseWriter, *http.Request) error
}

// send has the handler serve it.
func (c call) send(t testing.TB, h *Handler) (*httptest.ResponseRecorder, *reqctx.Request) {
	t.Helper()
	w, rc, err := c.serve(h)
	if err != nil {
		t.Fatal(err)
	}
	return w, rc
}

// code is the status that it is answered with.
func (c call) code(t testing.TB, h *Handler) int {
	t.Helper()
	w, _ := c.send(t, h)
	return w.Code
}

func (c call) serve(h *Handler) (*httptest.ResponseRecorder, *reqctx.Request, error) {
	if c.what == "" {
		c.what = "GET /"
	}
	if c.from == "" {
		c.from = "192.0.2.1"
	}
	method, target, _ := strings.Cut(c.what, " ")
	r := httptest.NewRequest(method, target, strings.NewReader(c.body))
	if c.body == "" {
		r.Body = http.NoBody
	}
	if c.host != "" {
		r.Host = c.host
	}
	if c.chunked {
		r.ContentLength = -1
	}
	for _, h := range c.headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	r, rc := reqctx.Ensure(r)
	rc.Client = reqctx.Client{IP: netip.MustParseAddr(c.from), Country: c.country}
	rc.Identity = c.who
	next := c.next
	if next == nil {
		next = func(w http.ResponseWriter, _ *http.Request) error {
			if c.answer == 0 {
				c.answer = http.StatusNoContent
			}
			w.WriteHeader(c.answer)
			return nil
		}
	}
	w := httptest.NewRecorder()
	err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(next))
	return w, rc, err
}

// person is somebody with a session.
func person(name string, roles ...string) *reqctx.Identity {
	return &reqctx.Identity{Subject: name, Name: name, Roles: append([]string{"user"}, roles...), Kind: reqctx.KindPerson, Session: "s-" + name, TokenID: "t-" + name}
}

// zone is the directive with one zone of these lines, and nothing else.
func zone(lines string) string {
	return "gw_rate_limit {\n\tdefaults off\n\tstore_timeout 5s\n\tzone z {\n\t\t" + lines + "\n\t}\n}"
}
