package protect

import (
	"bufio"
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

// behind runs Caddy with encode and gw_protect before a back end, and returns its address.
func behind(t *testing.T, protect string, app http.HandlerFunc) string {
	t.Helper()
	back := httptest.NewServer(app)
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
	gw_protect {
		%s
	}
	reverse_proxy %s
}
`, addr[strings.LastIndexByte(addr, ':')+1:], protect, back.Listener.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(cfg, true); err != nil {
		t.Fatal(err)
	}
	stop.After(t)
	return addr
}

// fetch is one request over HTTP/1.1 or cleartext HTTP/2. err is that of reading the body.
func fetch(t *testing.T, h2 bool, method, addr, path string, set ...string) (resp *http.Response, body string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "chat.example.com"
	for i := 0; i < len(set); i += 2 {
		r.Header.Set(set[i], set[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!h2)
	transport.Protocols.SetUnencryptedHTTP2(h2)
	if resp, err = transport.RoundTrip(r); err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

// What leaves through a real proxy, over both versions of HTTP.
func TestOutputThroughCaddy(t *testing.T) {
	const card = "4111111111111111"
	big := `["` + strings.Repeat("lorem ipsum <b> ", 20_000) + card + `"]`
	masked := strings.NewReplacer("<", `\u003c`, ">", `\u003e`, card, "************1111").Replace(big)
	picture := "\x89PNG\r\n\x1a\n" + strings.Repeat("x", 5000)
	addr := behind(t, "detect card mask\ndetect private-key block", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Powered-By", "PHP/5.3")
		switch r.URL.Path {
		case "/error":
			h.Set("Trailer", "X-Late")
			w.WriteHeader(500)
			_, _ = io.WriteString(w, "inside "+strings.Repeat("x", 1<<20))
			h.Set("X-Late", "inside")
		case "/big":
			h.Set("Content-Type", "application/json")
			h.Set("Trailer", "X-Late")
			_, _ = io.WriteString(w, big)
			h.Set("X-Late", "t")
		case "/small":
			h.Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, `{"a":"<b>`+card+`"}`)
		case "/key":
			h.Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, strings.Repeat("filler\n", 20_000)+"-----BEGIN PRIVATE KEY-----\nsecret")
		case "/half":
			h.Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `["`+strings.Repeat("y", 200_000))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/same":
			h.Set("Etag", `"v1"`)
			http.ServeContent(w, r, "p.png", time.Time{}, strings.NewReader(picture))
		case "/gone":
			w.WriteHeader(204)
		}
	})
	for _, h2 := range []bool{false, true} {
		if resp, body, err := fetch(t, h2, "GET", addr, "/error"); err != nil || resp.StatusCode != 500 || strings.Contains(body, "inside") || resp.Trailer.Get("X-Late") != "" || resp.Header.Get("X-Powered-By") != "" {
			t.Errorf("%.200s %v %v", body, err, resp)
		}
		if resp, body, err := fetch(t, h2, "GET", addr, "/big"); err != nil || body != masked || resp.Trailer.Get("X-Late") != "t" {
			t.Errorf("%d bytes for %d, %v %v", len(body), len(masked), err, resp)
		}
		if resp, body, err := fetch(t, h2, "GET", addr, "/small"); err != nil || body != `{"a":"\u003cb\u003e************1111"}` || resp.Header.Get("Content-Type") != "application/json" || resp.ContentLength != int64(len(body)) {
			t.Errorf("%s %v %v", body, err, resp)
		}
		resp, body, err := fetch(t, h2, "GET", addr, "/big", "Accept-Encoding", "gzip")
		if z, zerr := gzip.NewReader(strings.NewReader(body)); err != nil || zerr != nil || resp.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%v %v %v", err, zerr, resp)
		} else if b, err := io.ReadAll(z); err != nil || string(b) != masked {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		// What has begun and must not go on, or does not, is cut: nobody takes it for the whole.
		for _, path := range []string{"/key", "/half"} {
			if resp, body, err := fetch(t, h2, "GET", addr, path); err == nil && resp.StatusCode == 200 || strings.Contains(body, "secret") {
				t.Errorf("%s: %d, %d bytes", path, resp.StatusCode, len(body))
			}
		}
		if resp, body, err := fetch(t, h2, "GET", addr, "/same"); err != nil || body != picture || resp.Header.Get("Etag") != `"v1"` || resp.Header.Get("Accept-Ranges") != "bytes" {
			t.Errorf("%v %v", err, resp)
		}
		if resp, body, err := fetch(t, h2, "GET", addr, "/same", "Range", "bytes=2-5"); err != nil || resp.StatusCode != 206 || body != picture[2:6] {
			t.Errorf("%q %v %v", body, err, resp)
		}
		if resp, _, err := fetch(t, h2, "GET", addr, "/same", "If-None-Match", `"v1"`); err != nil || resp.StatusCode != 304 {
			t.Errorf("%v %v", err, resp)
		}
		if resp, body, err := fetch(t, h2, "HEAD", addr, "/same"); err != nil || body != "" || resp.ContentLength != int64(len(picture)) {
			t.Errorf("%v %v", err, resp)
		}
		if resp, _, err := fetch(t, h2, "GET", addr, "/gone"); err != nil || resp.StatusCode != 204 || resp.Header.Get("X-Powered-By") != "" {
			t.Errorf("%v %v", err, resp)
		}
	}
}

// Events reach the client one by one, masked, though the proxy buffers nothing and nothing has ended.
func TestEventsThroughCaddy(t *testing.T) {
	const card = "4111111111111111"
	next := make(chan bool)
	addr := behind(t, "detect card mask", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d %s\n\n", i, card)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
				return
			}
		}
	})
	resp, err := http.Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := lines.ReadString('\n')
		if want := fmt.Sprintf("data: %d ************1111\n", i); err != nil || line != want {
			t.Fatalf("%q %v", line, err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		next <- true
	}
}
