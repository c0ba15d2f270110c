package secure

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/gzip"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/zstd"

	"github.com/convosphere/gateway/test/golden"
)

// part stands for a handler of the path: what matters here is which is asked, in which order, with which tokens.
type part struct {
	id   caddy.ModuleID
	Args []string `json:"args,omitempty"`
}

func (p part) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: p.id, New: func() caddy.Module { return &part{id: p.id} }}
}

func (p *part) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	for d.NextBlock(0) {
		p.Args = append(p.Args, d.Val())
	}
	return nil
}

func (p *part) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

func init() {
	for _, name := range []string{"audit", "client", "authenticate", "rate_limit", "waf", "portal", "console", "authorize", "validate", "upload", "protect"} {
		caddy.RegisterModule(part{id: caddy.ModuleID("http.handlers.gw_" + name)})
	}
}

// handlers adapts a site and gives the names of the handlers in order.
func handlers(t *testing.T, site string) (names []string, raw string, err error) {
	t.Helper()
	b, err := golden.Adapt(":8080 {\n" + site + "\n}\n")
	if err != nil {
		return nil, "", err
	}
	var c struct {
		Apps struct {
			HTTP struct {
				Servers map[string]struct {
					Routes []struct {
						Handle []struct {
							Handler string `json:"handler"`
						} `json:"handle"`
					} `json:"routes"`
				} `json:"servers"`
			} `json:"http"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Apps.HTTP.Servers {
		for _, r := range s.Routes {
			for _, h := range r.Handle {
				names = append(names, h.Handler)
			}
		}
	}
	return names, string(b), nil
}

func TestOrder(t *testing.T) {
	names, _, err := handlers(t, "respond hello\ngw_secure")
	want := "gw_headers gw_audit gw_client gw_authenticate gw_rate_limit encode gw_waf gw_portal gw_console gw_authorize gw_validate gw_upload gw_protect static_response"
	if err != nil || strings.Join(names, " ") != want {
		t.Fatalf("%v %v", names, err)
	}
}

// What the policy wants encrypted passes authorize where protect stands behind it, and only there.
func TestAuthorizeKnowsWhetherProtectIsThere(t *testing.T) {
	for text, want := range map[string]bool{"gw_secure": true, "gw_secure {\n authorize {\n  audience chat\n }\n}": true, "gw_secure {\n without protect\n}": false} {
		_, raw, err := handlers(t, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(raw, `"handler":"gw_authorize","protected":true`); got != want {
			t.Errorf("%s: %s", text, raw)
		}
	}
}

func TestPartsCanBeConfiguredAndLeftOut(t *testing.T) {
	names, raw, err := handlers(t, "gw_secure {\n authorize {\n  audience chat\n }\n without waf encode\n headers {\n  referrer-policy no-referrer\n }\n}")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names, " "); got != "gw_headers gw_audit gw_client gw_authenticate gw_rate_limit gw_portal gw_console gw_authorize gw_validate gw_upload gw_protect" {
		t.Error(got)
	}
	if !strings.Contains(raw, `"args":["audience","chat"]`) || !strings.Contains(raw, `"Referrer-Policy":"no-referrer"`) {
		t.Error(raw)
	}
}

func TestMatcher(t *testing.T) {
	names, raw, err := handlers(t, "gw_secure /app/* {\n without waf\n}\nrespond hello")
	if err != nil || names[0] != "gw_headers" || !strings.Contains(raw, `"match":[{"path":["/app/*"]}]`) {
		t.Fatalf("%v %v %s", names, err, raw)
	}
	if _, raw, err = handlers(t, "@m method POST\ngw_secure @m"); err != nil || !strings.Contains(raw, `"match":[{"method":["POST"]}]`) {
		t.Fatalf("%v %s", err, raw)
	}
}

func TestMistakes(t *testing.T) {
	for site, want := range map[string]string{
		"gw_secure {\n wuf\n}":                     "Caddyfile:3",
		"gw_secure {\n without\n}":                 "Caddyfile:3",
		"gw_secure {\n without wuf\n}":             "no part \"wuf\"",
		"gw_secure {\n without waf\n waf {\n }\n}": "at once",
		"gw_secure {\n waf {\n }\n waf {\n }\n}":   "twice",
		"gw_secure {\n headers {\n  X-Foo\n }\n}":  "VALUE",
		"gw_secure {\n headers extra\n}":           "Caddyfile:3",
	} {
		if _, _, err := handlers(t, site); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", site, err, want)
		}
	}
}

func provisioned(t *testing.T, set map[string]string) *Headers {
	t.Helper()
	h := &Headers{Set: set}
	if err := h.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	return h
}

func get(t *testing.T, h *Headers, host string, next caddyhttp.HandlerFunc) http.Header {
	t.Helper()
	r := httptest.NewRequest("GET", "https://"+host+"/", nil)
	r.TLS = &tls.ConnectionState{}
	w := httptest.NewRecorder()
	if err := h.ServeHTTP(w, r, next); err != nil {
		w.WriteHeader(500)
	}
	return w.Result().Header
}

func TestHeaders(t *testing.T) {
	ways := map[string]caddyhttp.HandlerFunc{
		"write":  func(w http.ResponseWriter, _ *http.Request) error { _, err := io.WriteString(w, "x"); return err },
		"status": func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(304); return nil },
		"flush":  func(w http.ResponseWriter, _ *http.Request) error { return http.NewResponseController(w).Flush() },
		"copy": func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.Copy(w, bufio.NewReader(strings.NewReader("x")))
			return err
		},
		"error": func(http.ResponseWriter, *http.Request) error { return errors.New("x") },
	}
	for name, next := range ways {
		got := get(t, provisioned(t, nil), "chat.example.com", func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Server", "Caddy")
			w.Header().Set("X-Powered-By", "x")
			w.Header().Set("Referrer-Policy", "no-referrer")
			return next(w, r)
		})
		for k, want := range map[string]string{
			"Server": "", "X-Powered-By": "", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN",
			"Strict-Transport-Security": hstsDefault, "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got.Get(k) != want || len(got[k]) > 1 {
				t.Errorf("%s: %s is %q, want %q", name, k, got[k], want)
			}
		}
	}
}

// A browser that was told HSTS for localhost refuses plain HTTP on all its ports.
func TestNoHSTSOnLocalhost(t *testing.T) {
	for _, host := range []string{"localhost", "localhost:8443", "LOCALHOST.", "a.localhost", "127.0.0.1:1", "[::1]:1"} {
		got := get(t, provisioned(t, nil), host, func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(200); return nil })
		if got.Get(hstsName) != "" {
			t.Errorf("%s: %v", host, got)
		}
	}
}

func TestHeadersCanBeChanged(t *testing.T) {
	h := provisioned(t, map[string]string{"X-Frame-Options": "off", "Strict-Transport-Security": "max-age=1", "X-Own": "1", "Referrer-Policy": "same-origin"})
	got := get(t, h, "chat.example.com", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(200); return nil })
	if got.Get("X-Frame-Options") != "" || got.Get("Strict-Transport-Security") != "max-age=1" || got.Get("X-Own") != "1" || got.Get("Referrer-Policy") != "same-origin" {
		t.Error(got)
	}
}

// What staff type in at the console is no attack, wherever the console is; where there is none, or no WAF, nothing is kept from it.
func TestStaffMayWriteOfAttacks(t *testing.T) {
	for block, want := range map[string]string{
		"": `"/console/*"`, "console {\n path\n }": `"/console/*"`, "without portal": "", "without console": "", "without waf": "",
	} {
		_, raw, err := handlers(t, "gw_secure {\n"+block+"\n}")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(raw, "tag:OWASP_CRS"); got != (want != "") || !strings.Contains(raw, want) {
			t.Errorf("%q: %s", block, raw)
		}
	}
}
