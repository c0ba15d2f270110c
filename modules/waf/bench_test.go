package waf

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func benchmark(b *testing.B, method, target, contentType, body string) {
	h := provision(b, &Handler{BodyLimit: 2 << 20})
	drain := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.Copy(io.Discard, r.Body)
		return err
	})
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		r := request(method, target, contentType, body)
		r.Header.Set("Cookie", "theme=dark; lang=en; __Host-gw_access=eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImExIn0."+strings.Repeat("Q2xhaW1z", 40)+".c2lnbmF0dXJl")
		w := httptest.NewRecorder()
		if err := h.ServeHTTP(w, r, drain); err != nil || w.Code != 200 {
			b.Fatal(err, w.Code)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	benchmark(b, "GET", "/api/rooms/general/messages?limit=50&before=01J0ZK3W9T", "", "")
}

func BenchmarkPostMessage(b *testing.B) {
	benchmark(b, "POST", "/api/rooms/general/messages", js, jsonText(strings.Repeat("Shall we meet at ten in the small room? ", 6)))
}

func BenchmarkPost10KB(b *testing.B) {
	benchmark(b, "POST", "/api/rooms/general/messages", js, jsonText(strings.Repeat("Shall we meet at ten in the small room? ", 250)))
}

func BenchmarkPost128KB(b *testing.B) {
	benchmark(b, "POST", "/api/rooms/general/messages", js, jsonText(strings.Repeat("Shall we meet at ten in the small room? ", 3200)))
}

func BenchmarkPost1MB(b *testing.B) {
	benchmark(b, "POST", "/api/rooms/general/messages", js, jsonText(strings.Repeat("Shall we meet at ten in the small room? ", 26000)))
}

func BenchmarkUpload10MB(b *testing.B) {
	benchmark(b, "POST", "/api/rooms/general/files", "multipart/form-data; boundary=b0",
		"--b0\r\nContent-Disposition: form-data; name=\"f\"; filename=\"p.png\"\r\nContent-Type: image/png\r\n\r\n"+strings.Repeat("\x89PNG\x01\x02\x03\x04", 10<<17)+"\r\n--b0--\r\n")
}

func BenchmarkLoadRules(b *testing.B) {
	h := &Handler{}
	h.defaults()
	text := h.directives()
	for b.Loop() {
		set, _, err := compile(text)
		if err != nil {
			b.Fatal(err)
		}
		if err := set.release(); err != nil {
			b.Fatal(err)
		}
	}
}
