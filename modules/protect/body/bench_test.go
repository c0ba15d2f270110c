package body

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/protect/stream"
)

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

const longFile = 64 << 20

// upload is a request that brings a long file, by itself or in a form.
func upload(tb testing.TB, inForm bool) *http.Request {
	file := io.LimitReader(zeros{}, longFile)
	r := httptest.NewRequest(http.MethodPost, "/f", file)
	if inForm {
		head := "--bnd\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
		r = httptest.NewRequest(http.MethodPost, "/f", io.MultiReader(strings.NewReader(head), file, strings.NewReader("\r\n--bnd--\r\n")))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=bnd")
	}
	_, err := Seal(r, Sealing{New: func(dst io.Writer) (io.WriteCloser, error) {
		return stream.NewSealer(dst, testHead, testKey, place("/f"))
	}})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// download answers with a stream, as a back end does.
func download(tb testing.TB, sealed []byte) {
	r := httptest.NewRequest(http.MethodGet, "/f", nil)
	a := NewAnswer(discard{}, r, Opening{Find: func(stream.Head) ([]byte, stream.Place, error) { return testKey, place("/f"), nil }})
	failed, err := a.Serve(func(w http.ResponseWriter) error {
		for b := sealed; len(b) > 0; b = b[min(32<<10, len(b)):] {
			if _, err := w.Write(b[:min(32<<10, len(b))]); err != nil {
				return err
			}
		}
		return nil
	}, func(err error) { tb.Error(err) })
	if failed || err != nil {
		tb.Fatal(err)
	}
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

func sealedFile(tb testing.TB) []byte {
	b, err := io.ReadAll(upload(tb, false).Body)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Files stream: what 64 MiB take is less than one.
func TestFilesTakeLittleMemory(t *testing.T) {
	sealed := sealedFile(t)
	for name, f := range map[string]func(){
		"a body":    func() { copyAll(t, upload(t, false).Body) },
		"a form":    func() { copyAll(t, upload(t, true).Body) },
		"an answer": func() { download(t, sealed) },
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%s: %d bytes", name, took)
		}
	}
}

func copyAll(tb testing.TB, r io.Reader) {
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, make([]byte, 32<<10))
	if err != nil || n < longFile {
		tb.Fatal(n, err)
	}
}

func BenchmarkUpload(b *testing.B) {
	for name, inForm := range map[string]bool{"body": false, "form": true} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(longFile)
			for b.Loop() {
				copyAll(b, upload(b, inForm).Body)
			}
		})
	}
}

func BenchmarkDownload(b *testing.B) {
	sealed := sealedFile(b)
	b.SetBytes(longFile)
	for b.Loop() {
		download(b, sealed)
	}
}
