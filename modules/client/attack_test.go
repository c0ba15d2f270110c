package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	_ "github.com/convosphere/gateway/modules/standard/xconnect"
	"github.com/convosphere/gateway/test/extended"
)

const proxied = "\tgw_client {\n\t\tstrip X-Tenant X-Secret-*\n\t\tmax_body 1KiB\n\t\tmax_url 200\n\t\tmax_headers 30 2KiB\n\t}\n\trequest_header +X-Ours yes\n\treverse_proxy %s {\n\t\theader_up X-User-Id real\n\t}\n"

// A site that lets one trailer through.
const sums = "\tgw_client {\n\t\tstrip X-Tenant\n\t\ttrailers X-Sum\n\t}\n\treverse_proxy %s\n"

func TestForgedHeadersNeverReachTheBackEnd(t *testing.T) {
	be, got := backend(t)
	// The proxy of this site sets X-User-Id itself, as gw_authorize does, so what arrives must be that and that alone.
	addr := serve(t, fmt.Sprintf(proxied, be))
	forged := []string{
		"X-User-Id", "x-user-id", "X-USER-ID", "X_User_Id", "X.User.Id", "X-User_Id", "X!User~Id", "X-User-Name", "X-User-Roles", "X-User-Whatever",
		"X-Gateway-Assertion", "X_Gateway_Assertion", "X-Gateway.Assertion", "X-Tenant", "x_tenant", "X-Secret-Key",
	}
	for _, name := range forged {
		t.Run(name, func(t *testing.T) {
			_, _, _ = exchange(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nX-Honest: yes\r\n"+name+": admin\r\nConnection: close\r\n\r\n")
			s := await(t, got)
			for k, v := range s.header {
				if strings.Contains(strings.Join(v, ","), "admin") {
					t.Errorf("%s arrived as %s: %v", name, k, v)
				}
			}
			if s.header.Get("X-Honest") != "yes" || s.header.Get("X-User-Id") != "real" {
				t.Errorf("honest headers are missing: %v", s.header)
			}
		})
	}
}

// Who sent it, where it goes, and by which proxy it came are not the client's to say.
func TestClaimsNeverReachTheBackEnd(t *testing.T) {
	be, got := backend(t)
	addr := serve(t, fmt.Sprintf("\tgw_client\n\treverse_proxy %s\n", be))
	for _, name := range []string{
		"X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Rewrite-URL", "X-Method", "X-Method-Override", "X-HTTP-Method", "X-HTTP-Method-Override",
		"Remote-User", "Remote-Groups", "X-Remote-User", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
		"X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Access-Token", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
		"X-Forwarded-Prefix", "X-Forwarded-Port", "X-Real-IP", "True-Client-IP", "X-Client-IP", "CF-Connecting-IP", "Early-Data",
		"Client-Cert", "Client-Cert-Chain", "X-Client-Cert", "X-Client-Cert-DN", "X-SSL-Cert", "X-SSL-Client-Verify", "SSL-Client-S-DN", "X-ARR-ClientCert", "X-Amzn-Mtls-Clientcert-Leaf",
	} {
		for _, sign := range []string{"-", "_", ".", "~", "!"} {
			spelled := strings.ReplaceAll(name, "-", sign)
			var lines strings.Builder
			for _, s := range []string{spelled, strings.ToLower(spelled), strings.ToUpper(spelled)} {
				lines.WriteString(s + ": forged\r\n")
			}
			_, _, _ = exchange(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nX-Original-Filename: yes\r\nConnection: close\r\n"+lines.String()+"\r\n")
			s := await(t, got)
			for k, v := range s.header {
				if strings.Contains(strings.Join(v, ","), "forged") {
					t.Errorf("%s arrived as %s: %v", spelled, k, v)
				}
			}
			if s.header.Get("X-Original-Filename") != "yes" || s.header.Get("X-Forwarded-For") != "127.0.0.1" || s.path != "/" {
				t.Errorf("%s: %v", spelled, s.header)
			}
		}
	}
}

func TestTrustedProxiesMaySayHowTheyWereCalled(t *testing.T) {
	be, got := backend(t)
	site := fmt.Sprintf("\tgw_client {\n\t\tstrip X-Forwarded-Po*\n\t}\n\treverse_proxy %s\n", be)
	addr := serveTrusting(t, "127.0.0.1/32", site)
	_, _, _ = exchange(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Real-IP: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\n"+
		"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Prefix: /p\r\nX-Forwarded-Port: 1\r\nX~Real~IP: forged\r\nX-Original-URL: /forged\r\nX-Forwarded-User: forged\r\nRemote-User: forged\r\n\r\n")
	s := await(t, got)
	if s.header.Get("X-Real-Ip") != "203.0.113.7" || s.header.Get("Forwarded") == "" || s.header.Get("X-Forwarded-Prefix") != "/p" ||
		s.header.Get("X-Forwarded-For") != "203.0.113.7, 127.0.0.1" {
		t.Errorf("a trusted proxy's headers are missing: %v", s.header)
	}
	if strings.Contains(fmt.Sprint(s.header), "forged") || s.header.Get("X-Forwarded-Port") != "" {
		t.Errorf("a trusted proxy's word was taken for more than it may say: %v", s.header)
	}
}

func TestNoTrailersByDefault(t *testing.T) {
	be, got := backend(t)
	addr := serve(t, fmt.Sprintf("\tgw_client\n\treverse_proxy %s\n", be))
	names := []string{"Authorization", "Cookie", "X-Original-URL", "X-HTTP-Method-Override", "X-User-Id", "X-Sum"}
	var lines strings.Builder
	for _, n := range names {
		lines.WriteString(n + ": forged\r\n")
	}
	for _, announced := range []string{strings.Join(names, ", "), "Cookie, X-Original-URL", ""} {
		head := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
		if announced != "" {
			head += "Trailer: " + announced + "\r\n"
		}
		resp, _, _ := exchange(t, addr, head+"\r\n2\r\nhi\r\n0\r\n"+lines.String()+"\r\n")
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%q: status %d", announced, resp.StatusCode)
		}
		if s := await(t, got); s.body != "hi" || len(s.trailer) != 0 || strings.Contains(fmt.Sprint(s.header), "forged") {
			t.Errorf("%q: body %q, trailers %v, headers %v", announced, s.body, s.trailer, s.header)
		}
	}
}

func TestConnectionHeaderDeletesNothing(t *testing.T) {
	be, got := backend(t)
	addr := serve(t, "\trequest_header X-Ours yes\n\tgw_client\n\troute {\n\t\trequest_header X-User-Id real\n\t\treverse_proxy "+be+"\n\t}\n")
	for _, c := range []string{"X-User-Id", "x-user-id, keep-alive", "close, X-User-Id", "X-Ours", "keep-alive\r\nConnection: X-User-Id, X-Ours", "Cookie, X-User-Id"} {
		_, _, _ = exchange(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nConnection: "+c+"\r\n\r\n")
		s := await(t, got)
		if s.header.Get("X-User-Id") != "real" || s.header.Get("X-Ours") != "yes" || s.header.Get("Cookie") != "a=b" {
			t.Errorf("Connection: %q took a header away: %v", c, s.header)
		}
	}
}

func TestForgedTrailersNeverReachTheBackEnd(t *testing.T) {
	be, got := backend(t)
	addr := serve(t, fmt.Sprintf(sums, be))
	for name, c := range map[string]struct {
		announced, sent string
		honest          bool
	}{
		"announced":               {"X-User-Id", "X-User-Id: admin\r\n", false},
		"announced with another":  {"X-Sum, X-User-Id", "X-Sum: 1\r\nX-User-Id: admin\r\n", true},
		"hidden behind another":   {"X-Sum", "X-Sum: 1\r\nX-User-Id: admin\r\nX-Gateway-Assertion: admin\r\n", true},
		"underscores":             {"X_User_Id, X-Sum", "X-Sum: 1\r\nX_User_Id: admin\r\n", true},
		"not announced":           {"", "X-User-Id: admin\r\n", false},
		"any name not announced":  {"X-Sum", "X-Sum: 1\r\nX-Other: admin\r\n", true},
		"named by configuration":  {"X-Tenant", "X-Tenant: admin\r\n", false},
		"path and cookie":         {"X-Sum, X-Original-URL, Cookie", "X-Sum: 1\r\nX-Original-URL: admin\r\nCookie: a=admin\r\n", true},
		"nearly the one":          {"X-Sums, X_Sum, X", "X-Sums: admin\r\nX_Sum: admin\r\nX: admin\r\n", false},
		"the announcement itself": {"X-Sum\r\nTrailer: X-User-Roles", "X-Sum: 1\r\nX-User-Roles: admin\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			head := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
			if c.announced != "" {
				head += "Trailer: " + c.announced + "\r\n"
			}
			resp, _, _ := exchange(t, addr, head+"\r\n2\r\nhi\r\n0\r\n"+c.sent+"\r\n")
			if resp.StatusCode != 200 {
				t.Fatalf("status %d", resp.StatusCode)
			}
			s := await(t, got)
			for _, h := range []http.Header{s.header, s.trailer} {
				for k, v := range h {
					if strings.Contains(strings.Join(v, ","), "admin") {
						t.Errorf("arrived as %s: %v", k, v)
					}
				}
			}
			if s.body != "hi" || (s.trailer.Get("X-Sum") == "1") != c.honest {
				t.Errorf("body %q, trailers %v", s.body, s.trailer)
			}
		})
	}
}

func TestChunkedConnectionsEnd(t *testing.T) {
	be, got := backend(t)
	addr := serve(t, fmt.Sprintf(proxied, be))
	for name, c := range map[string]struct {
		raw    string
		status int
		close  bool
	}{
		"plain request":       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 200, false},
		"content-length":      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", 200, false},
		"both lengths":        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, true},
		"both, smuggling":     {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n", 200, true},
		"1.0, both lengths":   {"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, true},
		"1.0, smuggling":      {"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2c\r\nGET /second HTTP/1.1\r\nHost: a\r\nX-Rest: 1234567\r\n\r\n0\r\n\r\n", 200, true},
		"1.0, length 0":       {"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n", 200, true},
		"1.0, chunks alone":   {"POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n", 200, true},
		"broken chunk":        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n", 400, true},
		"broken second chunk": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhiX\r\n0\r\n\r\n", 400, true},
		"broken trailer":      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n", 400, true},
		"two content-lengths": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", 400, true},
		"odd coding":          {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, true},
	} {
		t.Run(name, func(t *testing.T) {
			resp, _, closed := exchange(t, addr, c.raw)
			if resp.StatusCode != c.status || closed != c.close {
				t.Errorf("status %d, closed %v; want %d, %v", resp.StatusCode, closed, c.status, c.close)
			}
			for len(got) > 0 {
				if s := <-got; s.path == "/second" {
					t.Error("the smuggled request arrived")
				}
			}
		})
	}
}

func TestOversized(t *testing.T) {
	be, got := backend(t)
	addr := serve(t, fmt.Sprintf(proxied, be))
	big := strings.Repeat("x", 2000)
	var many strings.Builder
	for i := range 40 {
		fmt.Fprintf(&many, "X-H%d: 1\r\n", i)
	}
	for name, c := range map[string]struct {
		raw    string
		status int
	}{
		"url":          {"GET /" + big[:300] + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
		"query":        {"GET /?" + big[:300] + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
		"header bytes": {"GET / HTTP/1.1\r\nHost: a\r\nX-Big: " + big + big + "\r\n\r\n", 431},
		"header count": {"GET / HTTP/1.1\r\nHost: a\r\n" + many.String() + "\r\n", 431},
		"repeated":     {"GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-A: 1\r\n", 40) + "\r\n", 431},
		"body":         {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" + big, 413},
		"chunked body": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + big + "\r\n0\r\n\r\n", 413},
	} {
		t.Run(name, func(t *testing.T) {
			resp, _, closed := exchange(t, addr, c.raw)
			if resp.StatusCode != c.status || !closed {
				t.Errorf("status %d, closed %v", resp.StatusCode, closed)
			}
		})
	}
	for len(got) > 0 {
		t.Errorf("the back end got %v", <-got)
	}
	resp, _, _ := exchange(t, addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1024\r\n\r\n"+big[:1024])
	if resp.StatusCode != 200 || len(await(t, got).body) != 1024 {
		t.Errorf("a body at the limit: %d", resp.StatusCode)
	}
}

func TestRefusedPathsAndMethods(t *testing.T) {
	be, got := backend(t)
	addr := serve(t, fmt.Sprintf(proxied, be))
	for raw, status := range map[string]int{
		"GET /%00 HTTP/1.1":         400,
		"GET /a%0d%0ab HTTP/1.1":    400,
		"GET /%7f HTTP/1.1":         400,
		"GET /%c2%85 HTTP/1.1":      400, // U+0085, next line
		"GET /%ff HTTP/1.1":         400,
		"GET /%c0%af HTTP/1.1":      400, // an overlong slash
		"GET /%e2%82%ac HTTP/1.1":   200,
		"TRACE / HTTP/1.1":          405,
		"CONNECT a:443 HTTP/1.1":    405,
		"PRI * HTTP/1.1":            405,
		"OPTIONS * HTTP/1.1":        200,
		"GET /a%20b/%2e HTTP/1.1":   200,
		"PATCH /x HTTP/1.1":         200,
		"GET http://a/p HTTP/1.1":   200,
		"BREW /coffee HTTP/1.1":     200,
		"GET /ok?x=%00%ff HTTP/1.1": 200, // a query is the WAF's
	} {
		resp, _, _ := exchange(t, addr, raw+"\r\nHost: a\r\n\r\n")
		if resp.StatusCode != status {
			t.Errorf("%s: status %d, want %d", raw, resp.StatusCode, status)
		}
		for len(got) > 0 {
			<-got
		}
	}
}

// A back end that switches to whatever it is asked for: every tunnel that opens is one that nobody inspects.
func TestOnlyWebSocketHandshakesBecomeTunnels(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // a test's back end
			if r.Header.Get("Upgrade") == "" {
				return
			}
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
			rw.Flush()
			c.Close()
		}))
	}()
	addr := serve(t, fmt.Sprintf("\tgw_client\n\treverse_proxy %s\n", l.Addr()))
	const ws = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	for name, c := range map[string]struct {
		raw    string
		status int
	}{
		"websocket":               {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + ws, 101},
		"upper case":              {"GET / HTTP/1.1\r\nConnection: keep-alive, UPGRADE\r\nUpgrade: WebSocket\r\n" + ws, 101},
		"h2c":                     {"GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n", 200},
		"anything":                {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tunnel\r\n", 200},
		"two":                     {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n" + ws, 400},
		"two, other order":        {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\n" + ws, 400},
		"two headers":             {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n" + ws, 400},
		"post":                    {"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + ws, 400},
		"no key":                  {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", 400},
		"http/1.0":                {"GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + ws, 400},
		"with a body":             {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nContent-Length: 1\r\nUpgrade: websocket\r\n" + ws, 400},
		"with chunks":             {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\nUpgrade: websocket\r\n" + ws, 400},
		"not in Connection":       {"GET / HTTP/1.1\r\nUpgrade: websocket\r\n" + ws, 400},
		"Connection alone":        {"GET / HTTP/1.1\r\nConnection: Upgrade\r\n" + ws, 200},
		"a name that contains it": {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket/13\r\n" + ws, 400},
	} {
		t.Run(name, func(t *testing.T) {
			body := ""
			if name == "with a body" {
				body = "x"
			}
			resp, _, _ := exchange(t, addr, c.raw+"Host: a\r\n\r\n"+body)
			if resp.StatusCode != c.status {
				t.Errorf("status %d, want %d", resp.StatusCode, c.status)
			}
		})
	}
}

func TestSocketStillWorks(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // a test's back end
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				return
			}
			typ, m, err := c.Read(r.Context())
			if err == nil {
				_ = c.Write(r.Context(), typ, m)
			}
		}))
	}()
	addr := serve(t, fmt.Sprintf("\tgw_client\n\treverse_proxy %s\n", l.Addr()))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, by := range []http.RoundTripper{http.DefaultTransport, &extended.Dialer{Version: 2}} {
		c, _, err := websocket.Dial(ctx, (&url.URL{Scheme: "ws", Host: addr, Path: "/"}).String(), &websocket.DialOptions{HTTPClient: &http.Client{Transport: by}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, m, err := c.Read(ctx); err != nil || string(m) != "hello" {
			t.Errorf("%q, %v", m, err)
		}
		_ = c.CloseNow() // the back end has gone
	}
}

// Of what an extended CONNECT may ask for, a WebSocket alone opens a stream; a plain CONNECT opens none.
func TestOtherStreamsAreRefused(t *testing.T) {
	be, got := backend(t)
	addr := serve(t, fmt.Sprintf(proxied, be))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	good := http.Header{"Sec-Websocket-Version": {"13"}}
	for name, c := range map[string]struct {
		protocol string
		header   http.Header
	}{
		"connect-udp":      {"connect-udp", good},
		"webtransport":     {"webtransport", good},
		"upper case":       {"WebSocket", good},
		"a list":           {"websocket,h2c", good},
		"an old version":   {"websocket", http.Header{"Sec-Websocket-Version": {"8"}}},
		"no version":       {"websocket", nil},
		"several versions": {"websocket", http.Header{"Sec-Websocket-Version": {"13", "8"}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &extended.Dialer{Version: 2, Protocol: c.protocol}
			s, resp, err := d.Open(ctx, "http://"+addr+"/", c.header, nil)
			if s != nil {
				t.Fatal("a stream opened")
			}
			if err != nil || resp.StatusCode != http.StatusNotImplemented {
				t.Errorf("%+v, %v", resp, err)
			}
		})
	}
	for _, version := range []int{2, 3} {
		h := &Handler{MaxURL: 100}
		r := &http.Request{Method: http.MethodConnect, Proto: fmt.Sprintf("HTTP/%d.0", version), ProtoMajor: version, URL: &url.URL{Host: "a:443"}, Header: http.Header{}}
		if no := h.check(r); no == nil || no.problem.Status != http.StatusMethodNotAllowed {
			t.Errorf("a plain CONNECT over HTTP/%d: %+v", version, no)
		}
	}
	if len(got) != 0 {
		t.Error("something reached the back end")
	}
}

func TestForgedTrailersOverHTTP2(t *testing.T) {
	be, got := backend(t)
	addr := serve(t, fmt.Sprintf(sums, be))
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	tr := &http.Transport{Protocols: protocols}
	defer tr.CloseIdleConnections()
	r, err := http.NewRequest("POST", "http://"+addr+"/", io.NopCloser(strings.NewReader("hi")))
	if err != nil {
		t.Fatal(err)
	}
	r.Trailer = http.Header{"X-User-Id": {"admin"}, "X_gateway_assertion": {"admin"}, "X-Original-Url": {"admin"}, "Cookie": {"a=admin"}, "X-Sum": {"1"}}
	resp, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s := await(t, got)
	if resp.ProtoMajor != 2 || s.body != "hi" || s.trailer.Get("X-Sum") != "1" || len(s.trailer) != 1 {
		t.Errorf("%s: %q, trailers %v", resp.Proto, s.body, s.trailer)
	}
}
