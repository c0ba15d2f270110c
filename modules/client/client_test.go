package client

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/net/http/httpguts"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/test/extended"
)

func newHandler() *Handler {
	return &Handler{MaxBody: 100, MaxURL: 1000, MaxHeaders: 100, MaxHeaderBytes: 1000, names: newNames(nil)}
}

// pass runs a request through the handler and returns what the next one saw, nil if it was refused.
func pass(h *Handler, r *http.Request) (got *http.Request, w *httptest.ResponseRecorder, err error) {
	w = httptest.NewRecorder()
	err = h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		got = r
		return nil
	}))
	return got, w, err
}

func withVars(r *http.Request, ip string, trusted bool) *http.Request {
	vars := map[string]any{caddyhttp.ClientIPVarKey: ip, caddyhttp.TrustedProxyVarKey: trusted}
	return r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, vars))
}

func TestIdentify(t *testing.T) {
	for name, c := range map[string]struct {
		peer, ip  string
		trusted   bool
		want, via string
	}{
		"direct":             {"192.0.2.1:99", "192.0.2.1", false, "192.0.2.1", "invalid IP"},
		"mapped":             {"[::ffff:192.0.2.1]:99", "::ffff:192.0.2.1", false, "192.0.2.1", "invalid IP"},
		"zone":               {"[fe80::1%eth0]:99", "fe80::1%eth0", false, "fe80::1", "invalid IP"},
		"behind a proxy":     {"10.0.0.1:99", "203.0.113.7", true, "203.0.113.7", "10.0.0.1"},
		"the proxy itself":   {"10.0.0.1:99", "10.0.0.1", true, "10.0.0.1", "invalid IP"},
		"an untrusted proxy": {"10.0.0.1:99", "10.0.0.1", false, "10.0.0.1", "invalid IP"},
		"unix socket":        {"@", "", false, "invalid IP", "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = c.peer
			got, _, err := pass(newHandler(), withVars(r, c.ip, c.trusted))
			if err != nil {
				t.Fatal(err)
			}
			client := reqctx.From(got.Context()).Client
			if client.IP.String() != c.want || client.Proxy.String() != c.via {
				t.Errorf("got %v by %v", client.IP, client.Proxy)
			}
		})
	}
	r := httptest.NewRequest("GET", "/", nil) // without Caddy's server
	got, _, _ := pass(newHandler(), r)
	if ip := reqctx.From(got.Context()).Client.IP.String(); ip != "192.0.2.1" {
		t.Errorf("without Caddy's server: %s", ip)
	}
}

func TestForwardedForIsCaddysToJudge(t *testing.T) {
	addr := serve(t, "\tgw_client\n\trespond {http.gw.client.ip}\n")
	_, body, _ := exchange(t, addr, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
	if body != "127.0.0.1" {
		t.Errorf("an untrusted peer chose its address: %q", body)
	}
}

// A stream that has ended with its request can be no socket, and what asks for one in such a way opens none.
func TestStreamsThatAreNoHandshakes(t *testing.T) {
	for _, version := range []int{2, 3} {
		r := extended.Request(version, "/api/ws")
		r.Body, r.ContentLength = http.NoBody, 0
		got, w, err := pass(newHandler(), r)
		if got != nil || err != nil || w.Code != http.StatusNotImplemented || !strings.Contains(w.Body.String(), "extended-connect") {
			t.Errorf("%s: %d %s %v", r.Proto, w.Code, w.Body, err)
		}
		if w.Header().Get("Connection") != "" {
			t.Error("Connection has no place in HTTP/2")
		}
		got, w, err = pass(newHandler(), extended.Request(version, "/api/ws", "X-User-Id", "admin"))
		if got == nil || err != nil || got.Method != "GET" || got.Header.Get("X-User-Id") != "" || got.Header.Get("Upgrade") != "websocket" {
			t.Errorf("HTTP/%d: a handshake became %+v, %v", version, got, err)
		}
		if w.Header().Get("Connection") != "" {
			t.Error("Connection has no place in HTTP/2")
		}
	}
}

func TestSlowAndBrokenBodies(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
	}{
		{timeout{}, 408}, {io.ErrUnexpectedEOF, 400}, {&http.MaxBytesError{Limit: 1}, 413},
	} {
		r := httptest.NewRequest("POST", "/", failing{c.err})
		w := httptest.NewRecorder()
		err := newHandler().ServeHTTP(w, r, caddyhttp.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
			_, err := io.ReadAll(r.Body)
			return caddyhttp.Error(http.StatusBadGateway, err)
		}))
		he, ok := err.(caddyhttp.HandlerError)
		if !ok || he.StatusCode != c.status || w.Header().Get("Connection") != "close" {
			t.Errorf("%v: got %v", c.err, err)
		}
	}
}

type timeout struct{}

func (timeout) Error() string   { return "timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func headersStripped(t *testing.T) float64 {
	var m dto.Metric
	if err := stripped.WithLabelValues("header").Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func TestReloadKeepsCountersAndAFailedOneTheSite(t *testing.T) {
	addr := serve(t, "\tgw_client\n\trespond ok\n")
	before := headersStripped(t)
	once := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	send := func() (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-User-Id", "1")
		// A plain Caddy, too, cuts connections that wait at the port while it changes hands: as clients do, ask again.
		for range 50 {
			resp, err := once.Do(r)
			if err == nil {
				b, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				return resp.StatusCode, string(b)
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal("the port does not come back")
		return 0, ""
	}
	send()
	port := addr[strings.LastIndexByte(addr, ':')+1:]
	head := "{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n}\nhttp://:" + port + " {\n\tbind 127.0.0.1\n"
	load(t, head+"\tgw_client {\n\t\tmax_url 10\n\t}\n\trespond two\n}\n")
	if _, body := send(); body != "two" {
		t.Errorf("after a reload: %q", body)
	}
	if err := reload(head + "\tgw_client\n\treverse_proxy 127.0.0.1:1 {\n\t\tlb_policy header X {\n\t\t\tfallback nothing\n\t\t}\n\t}\n}\n"); err == nil {
		t.Fatal("a broken configuration was taken")
	}
	if _, body := send(); body != "two" {
		t.Errorf("after a failed reload: %q", body)
	}
	if n := headersStripped(t) - before; n < 3 { // one for each answer, and for what was cut after it was counted
		t.Errorf("counted %v", n)
	}
}

// Whatever a name is spelled like, the set holds it if a back end that folds names could read it as one of the set.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"X-User-Id", "x_user.id", "X-Users", "Accept", "X-Gateway", "x-gateway-", "X~Original~Url", "x-forwarded-"} {
		f.Add(s)
	}
	n := newNames([]string{"X-Tenant"})
	cgi := func(s string) string { // as RFC 3875 section 4.1.18 has it, and PHP
		return strings.NewReplacer("-", "_", ".", "_", " ", "_").Replace(strings.ToUpper(s))
	}
	f.Fuzz(func(t *testing.T, name string) {
		c := cgi(name)
		reserved := strings.HasPrefix(c, "X_USER_") || strings.HasPrefix(c, "X_GATEWAY_") || c == "REMOTE_USER" || c == "X_TENANT" || c == "X_ORIGINAL_URL" || strings.HasPrefix(c, "X_FORWARDED_")
		if reserved && httpguts.ValidHeaderFieldName(name) && n.claim(name) == claimNothing {
			t.Errorf("%q passes", name)
		}
		h := http.Header{name: {"x"}, "Accept": {"y"}}
		n.strip(h, false)
		if h.Get("Accept") != "y" {
			t.Error("an honest header went")
		}
	})
}

// A request that comes through is well-formed, and has nothing of the gateway's.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-User-Id, upgrade\r\nUpgrade: h2c\r\n\r\n"))
	f.Add([]byte("POST /%ff HTTP/1.1\r\nHost: a\r\nTrailer: X-User-Id\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-User-Id: 1\r\n\r\n"))
	h := newHandler()
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		got, _, err := pass(h, r)
		if err != nil || got == nil {
			return
		}
		if got.Body != nil {
			_, _ = io.Copy(io.Discard, got.Body)
		}
		for _, m := range []http.Header{got.Header, got.Trailer} {
			for name := range m {
				if h.names.claim(name) != claimNothing {
					t.Errorf("%q passed", name)
				}
			}
		}
		if c := got.Header["Connection"]; len(c) > 0 && (len(c) > 1 || c[0] != "Upgrade" || got.Header.Get("Upgrade") != "websocket") {
			t.Errorf("Connection: %q, Upgrade: %q", c, got.Header["Upgrade"])
		}
		if !cleanPath(got.URL.Path) {
			t.Errorf("path %q", got.URL.Path)
		}
	})
}

func BenchmarkHandler(b *testing.B) {
	h := newHandler()
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	r := httptest.NewRequest("GET", "/api/rooms?limit=20", nil)
	for k, v := range map[string]string{"Accept": "*/*", "Accept-Language": "en", "User-Agent": "x", "Cookie": "a=b", "Sec-Fetch-Site": "same-origin", "Referer": "https://a/"} {
		r.Header.Set(k, v)
	}
	r, _ = reqctx.Ensure(r)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		_ = h.ServeHTTP(w, r, next)
	}
}
