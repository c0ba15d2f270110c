package upload

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/test/clamav"
)

// daemon is a real clamd, for all tests but those that take theirs away.
var daemon *clamav.Server

func TestMain(m *testing.M) {
	var err error
	if daemon, err = clamav.Start(); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := daemon.Stop(); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// provision loads a handler as Caddy does, without the app gateway.
func provision(t testing.TB, h *Handler) *Handler {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := h.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Cleanup(); err != nil {
			t.Error(err)
		}
		if used := h.spool; used != nil && used.Used() != 0 {
			t.Errorf("%d bytes of disk are taken by nobody", used.Used())
		}
	})
	return h
}

// outcome is what became of one request.
type outcome struct {
	status   int
	findings []string
	file     int // which file of a form they are of
	answer   string
	header   http.Header
	reached  bool   // the next handler
	body     string // as the next handler read it
	length   int64  // Content-Length as the next handler saw it
	trailer  http.Header
}

func do(t testing.TB, h *Handler, r *http.Request) outcome {
	t.Helper()
	var o outcome
	r, rc := reqctx.Ensure(r)
	rc.Client.IP = netip.MustParseAddr("192.0.2.7")
	w := httptest.NewRecorder()
	err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		b, err := io.ReadAll(r.Body)
		o.reached, o.body, o.length, o.trailer = true, string(b), r.ContentLength, r.Trailer
		return errors.Join(err, r.Body.Close())
	}))
	if err != nil {
		t.Fatal(err)
	}
	o.status, o.answer, o.header = w.Code, w.Body.String(), w.Header()
	var p struct {
		Findings []string `json:"findings"`
		File     int      `json:"file"`
	}
	if !o.reached {
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
	}
	o.findings, o.file = p.Findings, p.File
	return o
}

// post is a request with that body.
func post(contentType, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/files", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// part is one of a form: with a name a file, else a field.
type part struct{ field, name, kind, content string }

// formOf is a form as browsers send it.
func formOf(t testing.TB, parts ...part) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for _, p := range parts {
		head := fmt.Sprintf(`form-data; name="%s"`, p.field)
		if p.name != "" {
			head += fmt.Sprintf(`; filename="%s"`, p.name)
		}
		h := map[string][]string{"Content-Disposition": {head}}
		if p.kind != "" {
			h["Content-Type"] = []string{p.kind}
		}
		w, err := m.CreatePart(h)
		if err == nil {
			_, err = io.WriteString(w, p.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), b.String()
}

func zipped(t testing.TB, name, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create(name)
	if err == nil {
		_, err = io.WriteString(f, content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// picture is one of a pixel.
var picture = func() string {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 1, 1))); err != nil {
		panic(err)
	}
	return b.String()
}()

// program is the beginning of one for Linux.
var program = "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 100)
