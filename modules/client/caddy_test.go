package client

import (
	"bufio"
	"fmt"
	"io"
	"net"
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

// seen is what a back end got of one request.
type seen struct {
	header  http.Header
	trailer http.Header
	body    string
	path    string
}

// backend answers 200 and remembers what it got.
func backend(t *testing.T) (addr string, got chan seen) {
	got = make(chan seen, 16)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		got <- seen{r.Header.Clone(), r.Trailer.Clone(), string(b), r.URL.Path}
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), got
}

// serve runs Caddy with one site and returns its address. The site's directives may name {backend}.
func serve(t *testing.T, site string) string {
	t.Helper()
	return serveTrusting(t, "127.0.0.9/32", site)
}

// serveTrusting is serve with proxies that are trusted.
func serveTrusting(t *testing.T, proxies, site string) string {
	t.Helper()
	addr, err := listen.Free()
	if err != nil {
		t.Fatal(err)
	}
	cfg := fmt.Sprintf("{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n\tservers {\n\t\tprotocols h1 h2c\n\t\ttrusted_proxies static %s\n\t}\n\tlog {\n\t\toutput discard\n\t}\n}\nhttp://:%s {\n\tbind 127.0.0.1\n%s\n}\n", proxies, addr[strings.LastIndexByte(addr, ':')+1:], site)
	load(t, cfg)
	stop.After(t)
	return addr
}

func load(t *testing.T, caddyfile string) {
	t.Helper()
	if err := reload(caddyfile); err != nil {
		t.Fatal(err)
	}
}

func reload(caddyfile string) error {
	adapted, err := golden.Adapt(caddyfile)
	if err != nil {
		return err
	}
	return caddy.Load(adapted, true)
}

// exchange writes raw bytes and reads one answer; closed tells whether the server then closed the connection.
func exchange(t *testing.T, addr, raw string) (resp *http.Response, body string, closed bool) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(c)
	resp, err = http.ReadResponse(br, nil)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	b, _ := io.ReadAll(resp.Body)
	_ = c.SetDeadline(time.Now().Add(300 * time.Millisecond))
	_, err = br.ReadByte()
	ne, timeout := err.(net.Error)
	return resp, string(b), !(timeout && ne.Timeout())
}

// await is the next request that the back end got.
func await(t *testing.T, got chan seen) seen {
	t.Helper()
	select {
	case s := <-got:
		return s
	case <-time.After(30 * time.Second):
		t.Fatal("nothing reached the back end")
		return seen{}
	}
}
