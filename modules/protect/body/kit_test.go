package body

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/protect/stream"
)

var (
	testKey  = bytes.Repeat([]byte{9}, 32)
	testHead = stream.Head{Set: "k1", Version: 1}
	modified = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

func place(record string) stream.Place {
	return stream.Place{Tenant: "room/1", Record: record, Field: "body"}
}

// backEnd stores what is put, and serves it as a file.
type backEnd struct {
	t      testing.TB
	mu     sync.Mutex
	stored map[string][]byte
	seen   http.Header // of the last upload
	length int64
	odd    http.HandlerFunc // answers in its place
}

func (b *backEnd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.odd != nil {
		b.odd(w, r)
		return
	}
	if r.Method == http.MethodPut {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		b.stored[r.URL.Path], b.seen, b.length = body, r.Header.Clone(), r.ContentLength
		w.WriteHeader(http.StatusNoContent)
		return
	}
	body, ok := b.stored[r.URL.Path]
	if !ok {
		http.Error(w, "not here", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Etag", `"`+r.URL.Path+`"`)
	w.Header().Set("Digest", "sha-256=x")
	http.ServeContent(w, r, "", modified, bytes.NewReader(body))
}

// set changes what the back end has stored.
func (b *backEnd) set(path string, body []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored[path] = body
}

// behave has something else answer.
func (b *backEnd) behave(odd http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.odd = odd
}

func (b *backEnd) get(path string) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stored[path]
}

// gateway encrypts and decrypts in front of a back end; the record is the path.
type gateway struct {
	t     testing.TB
	back  *backEnd
	url   string
	plain bool
	mu    sync.Mutex
	ended []error // after the beginning was sent
}

func newGateway(t testing.TB) *gateway {
	g := &gateway{t: t, back: &backEnd{t: t, stored: map[string][]byte{}}}
	behind := httptest.NewServer(g.back)
	t.Cleanup(behind.Close)
	to, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(proxy, w, r) }))
	srv.Config.ErrorLog = nil
	t.Cleanup(srv.Close)
	g.url = srv.URL
	return g
}

func (g *gateway) serve(proxy http.Handler, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut || r.Method == http.MethodPost {
		up, err := Seal(r, Sealing{Parts: []string{"file"}, New: func(dst io.Writer) (io.WriteCloser, error) {
			return stream.NewSealer(dst, testHead, testKey, place(r.URL.Path))
		}})
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		rec := httptest.NewRecorder()
		proxy.ServeHTTP(rec, r)
		if err := up.Fault(); err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		w.WriteHeader(rec.Code)
		return
	}
	a := NewAnswer(w, r, Opening{Plain: g.plain, Find: func(h stream.Head) ([]byte, stream.Place, error) {
		if h != testHead {
			return nil, stream.Place{}, errors.New("no such key")
		}
		return testKey, place(r.URL.Path), nil
	}})
	failed, err := a.Serve(func(w http.ResponseWriter) error { proxy.ServeHTTP(w, r); return nil }, func(err error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.ended = append(g.ended, err)
	})
	if failed || err != nil {
		http.Error(w, "withheld", http.StatusBadGateway)
	}
}

// endings are why answers were ended after their beginning was sent.
func (g *gateway) endings() []error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.ended)
}

type answered struct {
	*http.Response
	body []byte
	err  error
}

// do sends a request; headers are "name: value".
func (g *gateway) do(method, path string, body io.Reader, headers ...string) answered {
	g.t.Helper()
	r, err := http.NewRequest(method, g.url+path, body)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip") // so that the client adds nothing, and decodes nothing
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answered{resp, b, err}
}

// put uploads a file, and fails where that is refused.
func (g *gateway) put(path string, body io.Reader, headers ...string) {
	g.t.Helper()
	if a := g.do("PUT", path, body, headers...); a.StatusCode != http.StatusNoContent {
		g.t.Fatalf("%s: %d %s", path, a.StatusCode, a.body)
	}
}

func (a answered) head(names ...string) string {
	var s []string
	for _, n := range names {
		s = append(s, a.Header.Get(n))
	}
	return strings.Join(s, "|")
}

// text of n bytes that repeats nowhere soon.
func text(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d,", i)
	}
	return b.Bytes()[:n]
}
