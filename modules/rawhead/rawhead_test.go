package rawhead

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	"github.com/convosphere/gateway/modules/internal/wire"
	"github.com/convosphere/gateway/test/golden"
	"github.com/convosphere/gateway/test/listen"
	"github.com/convosphere/gateway/test/stop"
)

func TestCaddyfiles(t *testing.T) { golden.Caddyfiles(t) }

func init() {
	caddy.RegisterModule(probe{})
	httpcaddyfile.RegisterHandlerDirective("probe", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) { return probe{}, nil })
}

// probe answers with what it saw of the request.
type probe struct{}

type seen struct {
	Known  bool
	Head   wire.Head
	Header http.Header
	Proto  string
	TLS    bool
}

func (probe) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.probe", New: func() caddy.Module { return new(probe) }}
}

func (probe) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }

func (probe) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	if r.Header.Get("Unread") == "" {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	h, known := wire.Of(r.Context(), r.Method, r.RequestURI, r.Proto)
	return json.NewEncoder(w).Encode(seen{known, h, r.Header, r.Proto, r.TLS != nil})
}

// serve runs Caddy with the wrapper, over plain TCP or TLS.
func serve(t *testing.T, secure bool, protocols string) (addr string) {
	t.Helper()
	addr, err := listen.Free()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	scheme, own, auto := "http://", "", "off"
	if secure {
		scheme, own, auto = "https://localhost", "tls internal", "disable_redirects"
	}
	cfg := fmt.Sprintf(`{
	admin off
	persist_config off
	auto_https %s
	skip_install_trust
	storage file_system %s
	order probe first
	log {
		output discard
	}
	servers {
		protocols %s
		listener_wrappers {
			gw_raw_head
		}
	}
}
%s:%s {
	bind 127.0.0.1
	%s
	probe
}
`, auto, t.TempDir(), protocols, scheme, port, own)
	adapted, err := golden.Adapt(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(adapted, true); err != nil {
		t.Fatal(err)
	}
	stop.After(t)
	return addr
}

// dial connects; over TLS it waits until there is a certificate.
func dial(t *testing.T, addr string, secure bool) net.Conn {
	t.Helper()
	var c net.Conn
	var err error
	for range 100 {
		if secure {
			c, err = tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
		} else {
			c, err = net.Dial("tcp", addr)
		}
		if err == nil {
			t.Cleanup(func() { c.Close() })
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			return c
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal(err)
	return nil
}

func read(t *testing.T, r *bufio.Reader) (s seen) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return s
}

func TestHandlersSeeTheHead(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, protocols := range []string{"h1", "h1 h2"} {
			t.Run(fmt.Sprintf("tls=%v %s", secure, protocols), func(t *testing.T) {
				addr := serve(t, secure, protocols)
				c := dial(t, addr, secure)
				r := bufio.NewReader(c)
				// One after the other, then two at once, the first with a body that nobody reads.
				for _, numbers := range [][]int{{1}, {2}, {3, 4}, {5}} {
					for _, n := range numbers {
						fmt.Fprintf(c, "POST /a HTTP/1.1\r\nhost: localhost\r\nX_Number: %d\r\nx.Number: %d\r\nContent-Length: 3\r\nUnread: %s\r\n\r\nabc", n, n, strings.Repeat("1", n%2))
					}
					for _, n := range numbers {
						s := read(t, r)
						if !s.Known || s.Head.Line != "POST /a HTTP/1.1" || s.TLS != secure || s.Head.Fields[0].Name != "host" ||
							s.Head.Fields[1] != (wire.Field{Name: "X_Number", Value: fmt.Sprint(n)}) || s.Head.Fields[2].Name != "x.Number" {
							t.Errorf("request %d: %+v", n, s)
						}
						if s.Header.Get("X_Number") != "" {
							t.Error("Caddy no longer drops the name: what is this package for?")
						}
					}
				}
				// Chunks: the head of this request, and none after it.
				fmt.Fprint(c, "POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n")
				fmt.Fprint(c, "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
				if s := read(t, r); !s.Known {
					t.Errorf("chunks: %+v", s)
				}
				if s := read(t, r); s.Known {
					t.Errorf("after chunks: %+v", s)
				}
			})
		}
	}
}

// Many connections at once, each with many requests: nobody sees another's head.
func TestNobodySeesAnothersHead(t *testing.T) {
	addr := serve(t, false, "h1")
	var clients sync.WaitGroup
	for i := range 16 {
		c := dial(t, addr, false)
		clients.Go(func() {
			r := bufio.NewReader(c)
			for n := range 100 {
				fmt.Fprintf(c, "GET /a HTTP/1.1\r\nHost: localhost\r\nX_Number: %d-%d\r\n\r\n", i, n)
				res, err := http.ReadResponse(r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				var s seen
				err = json.NewDecoder(res.Body).Decode(&s)
				_, _ = io.Copy(io.Discard, res.Body)
				if want := fmt.Sprintf("%d-%d", i, n); err != nil || !s.Known || s.Head.Fields[1].Value != want {
					t.Errorf("%s: %v %+v", want, err, s)
				}
			}
		})
	}
	clients.Wait()
}

func TestHTTP2GoesOnAsBefore(t *testing.T) {
	addr := serve(t, true, "h1 h2")
	dial(t, addr, true).Close()
	tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}}
	defer tr.CloseIdleConnections()
	_, port, _ := net.SplitHostPort(addr)
	for range 3 {
		res, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Post("https://localhost:"+port+"/", "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		var s seen
		err = json.NewDecoder(res.Body).Decode(&s)
		res.Body.Close()
		if err != nil || res.ProtoMajor != 2 || s.Proto != "HTTP/2.0" || !s.TLS || s.Known {
			t.Errorf("%v %+v", err, s)
		}
	}
}

// Who speaks HTTP to the port of HTTPS is told so, as without the wrapper.
func TestPlainRequestOnThePortOfTLS(t *testing.T) {
	addr := serve(t, true, "h1 h2")
	dial(t, addr, true).Close()
	c := dial(t, addr, false)
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	b, _ := io.ReadAll(c)
	if !strings.HasPrefix(string(b), "HTTP/1.0 400 Bad Request\r\n") || strings.Count(string(b), "HTTP/1.") != 1 {
		t.Errorf("%q", b)
	}
}
