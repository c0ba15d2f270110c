package validate

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// ready makes a handler as Caddy does, without its metrics and logs.
func ready(t testing.TB, h *Handler) *Handler {
	t.Helper()
	h.logger = zap.NewNop()
	if err := h.setup(); err != nil {
		t.Fatal(err)
	}
	return h
}

const chatDocument = "../../backend/openapi.yaml"

// chat is a handler that holds to the chat's document.
func chat(t testing.TB) *Handler {
	return ready(t, &Handler{OpenAPI: chatDocument, Scope: []string{"/api/{rest...}"}, Responses: Off})
}

// outcome is what became of one request.
type outcome struct {
	status  int
	header  http.Header
	answer  string
	errors  string // those of the problem, as "pointer reason; …"
	reached bool   // the next handler
	body    string // as the next handler read it
	invalid []reqctx.Invalid
}

// do sends a request; back answers it, nil with an empty 200.
func do(t testing.TB, h *Handler, r *http.Request, back http.HandlerFunc) (o outcome) {
	t.Helper()
	r, rc := reqctx.Ensure(r)
	rc.Client.IP = netip.MustParseAddr("192.0.2.7")
	w := httptest.NewRecorder()
	err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		b, err := io.ReadAll(r.Body)
		o.reached, o.body = true, string(b)
		if back != nil {
			back(w, r)
		}
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	o.status, o.header, o.answer, o.invalid = w.Code, w.Header(), w.Body.String(), rc.Invalid
	var p struct {
		Errors []struct{ Pointer, Parameter, Reason string }
	}
	if json.Unmarshal(w.Body.Bytes(), &p) == nil {
		var all []string
		for _, e := range p.Errors {
			all = append(all, e.Pointer+e.Parameter+" "+e.Reason)
		}
		o.errors = strings.Join(all, "; ")
	}
	return o
}

func request(method, target, contentType, body string) *http.Request {
	var b io.Reader
	if body != "" {
		b = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, b)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// post is a message of the chat.
func post(body string) *http.Request {
	return request("POST", "/api/rooms/general/messages", "application/json", body)
}

// answers writes an answer.
func answers(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // a test's recorder
	}
}
