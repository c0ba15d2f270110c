package waf

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/test/extended"
)

// provision loads a handler as Caddy does.
func provision(t testing.TB, h *Handler) *Handler {
	t.Helper()
	provisionOnly(t, h)
	t.Cleanup(func() {
		if err := h.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// provisionOnly leaves the cleaning up to the test.
func provisionOnly(t testing.TB, h *Handler) *Handler {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := h.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	return h
}

// outcome is what became of one request.
type outcome struct {
	status  int
	answer  string
	header  http.Header
	reached bool   // the next handler
	body    string // as the next handler read it
	length  int64  // Content-Length as the next handler saw it
	verdict *reqctx.Verdict
}

func do(t testing.TB, h *Handler, r *http.Request) outcome {
	t.Helper()
	var o outcome
	r, rc := reqctx.Ensure(r)
	rc.Client.IP = netip.MustParseAddr("192.0.2.7")
	w := httptest.NewRecorder()
	err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		b, err := io.ReadAll(r.Body)
		o.reached, o.body, o.length = true, string(b), r.ContentLength
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	o.status, o.answer, o.header, o.verdict = w.Code, w.Body.String(), w.Header(), rc.Verdict
	return o
}

// request is one as a browser's fetch() makes it.
func request(method, target, contentType, body string) *http.Request {
	var b io.Reader
	if body != "" {
		b = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, target, b)
	r.Host = "chat.example.com"
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
	r.Header.Set("Accept", "*/*")
	r.Header.Set("Accept-Language", "en-GB,en;q=0.7,de;q=0.3")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// caddyContext is the context of a request that Caddy has rewritten.
func caddyContext(r *http.Request, original http.Request) context.Context {
	return context.WithValue(r.Context(), caddyhttp.OriginalRequestCtxKey, original)
}

// inspections is how many requests were inspected so far, whatever came of it.
func inspections(t testing.TB) (n float64) {
	t.Helper()
	for _, label := range []string{passed, detected, blocked, refused, failed} {
		n += counter(t, requests.WithLabelValues(label))
	}
	return n
}

func counter(t testing.TB, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func histogram(t testing.TB, o prometheus.Observer) uint64 {
	t.Helper()
	var m dto.Metric
	if err := o.(prometheus.Metric).Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetHistogram().GetSampleCount()
}

// A socket's handshake by extended CONNECT is inspected as the GET that it stands for: CONNECT itself would be refused by the rules.
func TestExtendedConnect(t *testing.T) {
	h := provision(t, &Handler{})
	for _, version := range []int{2, 3} {
		for target, reaches := range map[string]bool{"/api/ws": true, "/api/ws?q=%3Cscript%3Ealert(1)%3C/script%3E": false} {
			r := extended.Request(version, target)
			like := request("GET", target, "", "")
			for name, values := range like.Header {
				r.Header[name] = values
			}
			r.Host = like.Host
			o := do(t, h, r)
			if o.reached != reaches || !reaches && o.status != http.StatusForbidden {
				t.Errorf("HTTP/%d %s: reached %v, %d, %+v", version, target, o.reached, o.status, o.verdict)
			}
		}
	}
}
