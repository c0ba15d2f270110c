package validate

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/validate/openapi"
)

// ofSize is a message of the chat of so many bytes.
func ofSize(n int) []byte {
	const head, tail = `{"text":"`, `","file":""}`
	return []byte(head + strings.Repeat("What a day! ", n)[:n-len(head)-len(tail)] + tail)
}

// nowhere is a writer whose header is made once.
type nowhere struct{ h http.Header }

func (n nowhere) Header() http.Header         { return n.h }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

// BenchmarkMessage is what the handler adds to a POST of 300 bytes: it is read, checked, and given to the next handler.
func BenchmarkMessage(b *testing.B) {
	h := ready(b, &Handler{OpenAPI: chatDocument, Responses: Off})
	body := ofSize(300)
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	r, _ := reqctx.Ensure(httptest.NewRequest("POST", "/api/rooms/general/messages", nil))
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = int64(len(body))
	w := nowhere{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err := h.ServeHTTP(w, r, next); err != nil || len(w.h) > 0 {
			b.Fatal(err, w.h)
		}
	}
}

// BenchmarkPlain is what it adds to a GET of a page, which is not described.
func BenchmarkPlain(b *testing.B) {
	h := ready(b, &Handler{OpenAPI: chatDocument, Scope: []string{"/api/{rest...}"}})
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	r, _ := reqctx.Ensure(httptest.NewRequest("GET", "/assets/app.js", nil))
	w := nowhere{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		if err := h.ServeHTTP(w, r, next); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkList is the check of an answer of 50 messages.
func BenchmarkList(b *testing.B) {
	h := ready(b, &Handler{OpenAPI: chatDocument, Responses: Enforce})
	var all []string
	for i := range 50 {
		all = append(all, fmt.Sprintf(`{"id":"019be0a6-7c1b-7c30-9c4c-%012x","room":"general","author":"ada","text":"%s","at":"2026-01-02T03:04:05.678Z"}`, i, strings.Repeat("What a day! ", 16)))
	}
	text := []byte(`{"messages":[` + strings.Join(all, ",") + `]}`)
	r := httptest.NewRequest("GET", "/api/rooms/general/messages", nil)
	_, op, _, _ := h.find(r)
	m, _ := op.Response(200).Media("application/json")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		v, f := h.read(openapi.InAnswer, text)
		if f != nil || len(m.Check(openapi.InAnswer, v)) > 0 {
			b.Fatal("refused")
		}
	}
}
