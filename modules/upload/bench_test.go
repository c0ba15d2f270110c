package upload

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func bench(b *testing.B, h *Handler, kind, body string) {
	h = provision(b, h)
	next := nextFunc(func(_ http.ResponseWriter, r *http.Request) error {
		_, err := io.Copy(io.Discard, r.Body)
		return err
	})
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/files", bytes.NewReader([]byte(body)))
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, next); err != nil || w.Code != http.StatusOK {
			b.Fatal(err, w.Code, w.Body)
		}
	}
}

// What is no upload costs next to nothing.
func BenchmarkMessage(b *testing.B) {
	h := provision(b, &Handler{Routes: []*Route{{Path: "/api/rooms/{room}/files"}}})
	r := post("application/json", `{"text":"hello"}`)
	next := nextFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		if err := h.ServeHTTP(w, r, next); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPicture(b *testing.B) { bench(b, new(Handler), "image/png", picture) }

func BenchmarkPictureInAForm(b *testing.B) {
	kind, body := formOf(b, part{"text", "", "", "hello"}, part{"f", "a.png", "image/png", picture})
	bench(b, new(Handler), kind, body)
}

func BenchmarkPictureScanned(b *testing.B) {
	bench(b, &Handler{Scanner: &Scanner{Address: daemon.Unix}}, "image/png", picture)
}

func BenchmarkText16MiB(b *testing.B) {
	bench(b, new(Handler), "application/octet-stream", strings.Repeat("some text. ", 16<<20/11))
}
