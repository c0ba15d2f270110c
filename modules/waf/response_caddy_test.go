package waf

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/convosphere/gateway/test/golden"
	"github.com/convosphere/gateway/test/listen"
	"github.com/convosphere/gateway/test/stop"
)

// behind runs Caddy with encode and gw_waf before a back end, and returns its address.
func behind(t *testing.T, waf string, app http.HandlerFunc) string {
	t.Helper()
	back := httptest.NewUnstartedServer(app)
	back.Config.Protocols = new(http.Protocols)
	back.Config.Protocols.SetHTTP1(true)
	back.Config.Protocols.SetUnencryptedHTTP2(true)
	back.Start()
	t.Cleanup(back.Close)
	addr, err := listen.Free()
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := golden.Adapt(fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https off
	servers {
		protocols h1 h2c
	}
	log {
		output discard
	}
}
http://:%s {
	bind 127.0.0.1
	encode gzip
	gw_waf {
		exclude 920350
		%s
	}
	@h2c path /h2c/*
	reverse_proxy @h2c h2c://%s
	@slow path /slow
	reverse_proxy @slow %s {
		flush_interval 2ms
	}
	reverse_proxy %s
}
`, addr[strings.LastIndexByte(addr, ':')+1:], waf, back.Listener.Addr(), back.Listener.Addr(), back.Listener.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(cfg, true); err != nil {
		t.Fatal(err)
	}
	stop.After(t)
	return addr
}

// fetch is one request as a browser makes it, over HTTP/1.1 or cleartext HTTP/2.
func fetch(t *testing.T, h2 bool, addr, path string, set ...string) (resp *http.Response, body string, err error) {
	t.Helper()
	r := request("GET", path, "", "")
	r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", addr
	for i := 0; i < len(set); i += 2 {
		r.Header.Set(set[i], set[i+1])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!h2)
	transport.Protocols.SetUnencryptedHTTP2(h2)
	resp, err = transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

func application(w http.ResponseWriter, r *http.Request) {
	flush := func() { _ = http.NewResponseController(w).Flush() }
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	long := strings.Repeat("<p>Shall we meet at ten?</p>\n", 100)
	switch strings.TrimPrefix(r.URL.Path, "/h2c") {
	case "/long":
		h.Set("ETag", `"v1"`)
		h.Set("Content-Length", "2900")
		if r.Header.Get("Accept-Encoding") != "identity" {
			h.Set("Content-Type", "text/not-asked-for-plain")
		}
		_, _ = io.WriteString(w, long)
	case "/leak":
		_, _ = io.WriteString(w, sqlError)
	case "/late":
		_, _ = io.WriteString(w, long)
		flush()
		time.Sleep(50 * time.Millisecond)
		_, _ = io.WriteString(w, sqlError)
	case "/range":
		h.Set("Content-Type", "text/plain")
		http.ServeContent(w, r, "", time.Unix(1e9, 0), strings.NewReader(long))
	case "/trailers":
		h.Set("Content-Type", "application/json")
		h.Set("Trailer", "Grpc-Status")
		_, _ = io.WriteString(w, `{"a":1}`)
		flush()
		h.Set("Grpc-Status", "7")
		h.Set(http.TrailerPrefix+"X-Late", "1")
	case "/events":
		h.Set("Content-Type", "text/event-stream")
		for i := range 5 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			flush()
			time.Sleep(100 * time.Millisecond)
		}
	case "/slow": // the proxy flushes from a goroutine of its own
		h.Set("Content-Length", "2900")
		for i := range 29 {
			_, _ = io.WriteString(w, long[i*100:][:100])
			flush()
			time.Sleep(time.Millisecond)
		}
	case "/dies":
		h.Set("Content-Length", "5000")
		_, _ = io.WriteString(w, long)
		panic(http.ErrAbortHandler)
	}
}

func TestBehindCaddy(t *testing.T) {
	addr := behind(t, "", application)
	for _, h2 := range []bool{false, true} {
		for _, prefix := range []string{"", "/h2c"} {
			name := fmt.Sprintf("h2 %t, back end %q", h2, prefix)
			// encode stands outside: the rules read plain text, the client gets gzip.
			resp, body, err := fetch(t, h2, addr, prefix+"/long", "Accept-Encoding", "gzip")
			z, zErr := gzip.NewReader(strings.NewReader(body))
			if err != nil || zErr != nil || resp.Header.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(resp.Header.Get("ETag"), `"v1`) {
				t.Fatalf("%s: gzip: %v %v %v", name, err, zErr, resp.Header)
			}
			if b, err := io.ReadAll(z); err != nil || len(b) != 2900 {
				t.Errorf("%s: gzip: %d bytes, %v", name, len(b), err)
			}
			if resp, body, err := fetch(t, h2, addr, prefix+"/long"); err != nil || len(body) != 2900 || resp.Header.Get("ETag") != `"v1"` || resp.ContentLength != 2900 {
				t.Errorf("%s: plain: %d bytes, length %d, %v", name, len(body), resp.ContentLength, err)
			}
			for _, accept := range []string{"gzip", ""} {
				if resp, body, err := fetch(t, h2, addr, prefix+"/leak", "Accept-Encoding", accept); err != nil || resp.StatusCode != 502 || strings.Contains(body, "SQL") {
					t.Errorf("%s: a leak: %d %v %q", name, resp.StatusCode, err, body)
				}
				if resp, body, err := fetch(t, h2, addr, prefix+"/late", "Accept-Encoding", accept); err == nil || resp.StatusCode != 200 || strings.Contains(body, "SQL") {
					t.Errorf("%s: a late leak: %d %v %q", name, resp.StatusCode, err, body)
				}
			}
			if _, body, err := fetch(t, h2, addr, "/slow"); err != nil || len(body) != 2900 {
				t.Errorf("%s: slow: %v, %d bytes", name, err, len(body))
			}
			if resp, body, err := fetch(t, h2, addr, prefix+"/range", "Range", "bytes=3-6"); err != nil || resp.StatusCode != 206 || body != "Shal" || resp.Header.Get("Content-Range") != "bytes 3-6/2900" {
				t.Errorf("%s: range: %d %v %q %v", name, resp.StatusCode, err, body, resp.Header)
			}
			if resp, body, err := fetch(t, h2, addr, prefix+"/trailers"); err != nil || body != `{"a":1}` || resp.Trailer.Get("Grpc-Status") != "7" || resp.Header.Get("Grpc-Status") != "" || resp.Trailer.Get("X-Late") != "1" {
				t.Errorf("%s: trailers: %v %q %v", name, err, body, resp.Trailer)
			}
			if resp, body, err := fetch(t, h2, addr, prefix+"/dies"); err == nil && resp.StatusCode == 200 {
				t.Errorf("%s: a back end that dies: %d %v, %d bytes", name, resp.StatusCode, err, len(body))
			}
		}
	}
	// Each event comes when it is written, also through encode.
	for _, accept := range []string{"", "gzip"} {
		r := request("GET", "/events", "", "")
		r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", addr
		r.Header.Set("Accept-Encoding", accept)
		resp, err := (&http.Transport{DisableCompression: true}).RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		var in io.Reader = resp.Body
		if accept == "gzip" {
			if in, err = gzip.NewReader(resp.Body); err != nil {
				t.Fatal(err)
			}
		}
		b := bufio.NewReader(in)
		if line, err := b.ReadString('\n'); err != nil || line != "data: 0\n" {
			t.Fatal(line, err)
		}
		start := time.Now()
		rest, err := io.ReadAll(b)
		if err != nil || !bytes.Contains(rest, []byte("data: 4")) || time.Since(start) < 250*time.Millisecond {
			t.Errorf("accept %q: %q, %v, after %s", accept, rest, err, time.Since(start))
		}
		resp.Body.Close()
	}
}

// Without the inspection all of it leaks: the tests above test something.
func TestBehindCaddyWithoutIt(t *testing.T) {
	addr := behind(t, "responses off", application)
	for _, path := range []string{"/leak", "/late"} {
		if resp, body, err := fetch(t, false, addr, path); err != nil || resp.StatusCode != 200 || !strings.Contains(body, sqlError) {
			t.Errorf("%s: %d %v", path, resp.StatusCode, err)
		}
	}
}
