package portal

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/coder/websocket"
	"github.com/pquerna/otp/totp"

	_ "github.com/convosphere/gateway/modules/audit"
	_ "github.com/convosphere/gateway/modules/authenticate"
	_ "github.com/convosphere/gateway/modules/client"
	_ "github.com/convosphere/gateway/modules/gateway"
	_ "github.com/convosphere/gateway/modules/identity"
	"github.com/convosphere/gateway/modules/identity/directory"
	"github.com/convosphere/gateway/modules/internal/dbtest"
	_ "github.com/convosphere/gateway/modules/monitor"
	_ "github.com/convosphere/gateway/modules/policy"
	"github.com/convosphere/gateway/test/golden"
	"github.com/convosphere/gateway/test/listen"
	"github.com/convosphere/gateway/test/stop"
)

// These tests run the real apps and handlers in a real Caddy over TLS.

const password = "otter-lamp-quarry-58"

// site is a running gateway: two people, ursula without and mona with a second factor, and a back end that echoes.
type site struct {
	url    string
	secret string // mona's
	config string // its Caddyfile
}

func start(t *testing.T) site {
	t.Helper()
	return startWith(t, "", "")
}

// startWith has more in the option gateway, where PORT stands for the site's port, and in gw_portal. There is otto, too, an admin without a second factor.
func startWith(t *testing.T, gateway, portal string) site {
	t.Helper()
	return startOn(t, freePort(t), gateway, portal)
}

func startOn(t *testing.T, port, gateway, portal string) site {
	t.Helper()
	dir := t.TempDir()
	at := directory.At(dir)
	if err := dbtest.Place(at.Database.SQLite); err != nil {
		t.Fatal(err)
	}
	d, err := directory.Open(context.Background(), at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Add(context.Background(), "ursula", "user", password, false); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Add(context.Background(), "otto", "admin", password, false); err != nil {
		t.Fatal(err)
	}
	secret, err := d.Add(context.Background(), "mona", "moderator", password, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := siteConfig(t, dir, port, backend(t))
	cfg = strings.Replace(cfg, "\t\tdata_dir", "\t\t"+strings.ReplaceAll(gateway, "PORT", port)+"\n\t\tdata_dir", 1)
	if portal != "" {
		cfg = strings.Replace(cfg, "\tgw_portal\n", "\tgw_portal {\n"+portal+"\n\t}\n", 1)
	}
	if err := load(cfg); err != nil {
		t.Fatal(err)
	}
	stop.After(t)
	s := site{fmt.Sprintf("https://localhost:%s", port), secret, cfg}
	s.await(t)
	return s
}

// await returns when the site has its certificate, which Caddy gets beside its start.
func (s site) await(t *testing.T) {
	t.Helper()
	c := browser(t)
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		resp, err := c.Get(s.url + "/.well-known/jwks.json")
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal(err)
		}
	}
}

func siteConfig(t *testing.T, dir, port, backend string) string {
	t.Helper()
	return fmt.Sprintf(`{
	admin off
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	storage file_system %[1]s/caddy
	log {
		output discard
	}
	servers {
		protocols h1 h2
	}
	gateway {
		data_dir %[1]s
		# The race detector and a browser on one machine can keep a decision waiting: that is not what these tests are about.
		policy {
			timeout 10s
		}
	}
}
https://localhost:%[2]s {
	bind 127.0.0.1
	tls internal
	gw_audit
	gw_client
	gw_authenticate
	gw_portal
	reverse_proxy %[3]s
}
`, dir, port, backend)
}

func load(cfg string) error {
	adapted, err := golden.Adapt(cfg)
	if err != nil {
		return err
	}
	return caddy.Load(adapted, true)
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// backend answers with the request's headers, and echoes on sockets.
func backend(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/ws" {
			c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
			if err != nil {
				return
			}
			for {
				typ, m, err := c.Read(r.Context())
				if err != nil {
					return
				}
				_ = c.Write(r.Context(), typ, m)
			}
		}
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<!doctype html><title>the app</title><h1 id=app>the app</h1>")
			return
		}
		_ = json.NewEncoder(w).Encode(r.Header)
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// browser is a client with cookies.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the test's own CA
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: tr, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type reply struct {
	*http.Response
	body map[string]any
	raw  string
}

func (r reply) kind() string {
	s, _ := r.body["type"].(string)
	return strings.TrimPrefix(s, "urn:gateway:problem:")
}

func (s site) call(t *testing.T, c *http.Client, method, path string, body any, headers ...string) reply {
	t.Helper()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, in)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	r := reply{resp, nil, string(raw)}
	_ = json.Unmarshal(raw, &r.body)
	return r
}

func code(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	c, err := totp.GenerateCode(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWholeLoginWithRealApps(t *testing.T) {
	s := start(t)
	c := browser(t)
	creds := map[string]string{"username": "ursula", "password": password}

	if r := s.call(t, c, "GET", "/auth/api/session", nil); r.StatusCode != 401 || r.kind() != "unauthenticated" {
		t.Fatalf("session without login: %d %s", r.StatusCode, r.raw)
	}
	r := s.call(t, c, "POST", "/auth/api/login", creds)
	user, _ := r.body["user"].(map[string]any)
	if r.StatusCode != 200 || r.body["status"] != "ok" || user["username"] != "ursula" || r.body["access_token"] != nil || r.body["expires_in"].(float64) < 290 {
		t.Fatalf("login: %d %s", r.StatusCode, r.raw)
	}
	for _, want := range []string{"__Host-gw_access=", "__Secure-gw_refresh=", "__Host-gw_session="} {
		found := false
		for _, set := range r.Header["Set-Cookie"] {
			found = found || strings.HasPrefix(set, want) && strings.Contains(set, "HttpOnly; Secure; SameSite=Lax")
		}
		if !found {
			t.Errorf("no cookie %s in %q", want, r.Header["Set-Cookie"])
		}
	}
	if r := s.call(t, c, "GET", "/auth/api/session", nil); r.StatusCode != 200 || r.body["username"] != "ursula" || r.body["expires_at"] == nil || r.body["mfa_time"] != nil {
		t.Errorf("session: %d %s", r.StatusCode, r.raw)
	}
	// The back end sees no token.
	if r := s.call(t, c, "GET", "/api/x", nil, "X-User-Id", "forged"); r.StatusCode != 200 || strings.Contains(r.raw, "gw_") || strings.Contains(r.raw, "forged") {
		t.Errorf("the back end saw %s", r.raw)
	}
	if r := s.call(t, c, "POST", "/auth/api/refresh", nil); r.StatusCode != 200 || r.body["status"] != "ok" || len(r.Header["Set-Cookie"]) != 3 {
		t.Errorf("refresh: %d %s", r.StatusCode, r.raw)
	}
	if r := s.call(t, c, "POST", "/auth/api/refresh", map[string]string{"delivery": "body"}); r.StatusCode != 422 || strings.Contains(r.raw, "token\":\"") {
		t.Errorf("a cookie's tokens came in the body: %d %s", r.StatusCode, r.raw)
	}
	if r := s.call(t, c, "POST", "/auth/api/logout", nil); r.StatusCode != 204 || len(r.Header["Set-Cookie"]) != 3 {
		t.Errorf("logout: %d %q", r.StatusCode, r.Header)
	}
	if r := s.call(t, c, "GET", "/auth/api/session", nil); r.StatusCode != 401 {
		t.Errorf("session after logout: %d", r.StatusCode)
	}

	// A second factor, with tokens in the body.
	r = s.call(t, browser(t), "POST", "/auth/api/login", map[string]string{"username": "mona", "password": password, "delivery": "body"})
	if r.body["status"] != "mfa_required" || len(r.Header["Set-Cookie"]) > 0 || fmt.Sprint(r.body["factors"]) != "[totp]" {
		t.Fatalf("first step: %d %s", r.StatusCode, r.raw)
	}
	ticket, _ := r.body["mfa_token"].(string)
	now := time.Now()
	r = s.call(t, browser(t), "POST", "/auth/api/mfa/totp", map[string]string{"mfa_token": ticket, "code": code(t, s.secret, now.Add(-time.Hour)), "delivery": "body"})
	if r.StatusCode != 401 || r.kind() != "wrong-code" {
		t.Errorf("a wrong code: %d %s", r.StatusCode, r.raw)
	}
	r = s.call(t, browser(t), "POST", "/auth/api/mfa/totp", map[string]string{"mfa_token": ticket, "code": code(t, s.secret, now), "delivery": "body"})
	access, _ := r.body["access_token"].(string)
	refresh, _ := r.body["refresh_token"].(string)
	if r.StatusCode != 200 || access == "" || refresh == "" || r.body["token_type"] != "Bearer" || len(r.Header["Set-Cookie"]) > 0 {
		t.Fatalf("second step: %d %s", r.StatusCode, r.raw)
	}
	r = s.call(t, browser(t), "GET", "/auth/api/session", nil, "Authorization", "Bearer "+access)
	if r.StatusCode != 200 || r.body["username"] != "mona" || r.body["mfa_time"] == nil {
		t.Errorf("session by bearer: %d %s", r.StatusCode, r.raw)
	}
	r = s.call(t, browser(t), "POST", "/auth/api/refresh", map[string]string{"refresh_token": refresh, "delivery": "body"})
	if r.StatusCode != 200 || r.body["refresh_token"] == refresh || r.body["refresh_token"] == nil {
		t.Errorf("refresh by body: %d %s", r.StatusCode, r.raw)
	}
	if r := s.call(t, browser(t), "GET", "/.well-known/jwks.json", nil); r.StatusCode != 200 || !strings.Contains(r.raw, `"kid"`) || strings.Contains(r.raw, `"d"`) {
		t.Errorf("jwks: %d %s", r.StatusCode, r.raw)
	}
}

func TestAccountWithRealApps(t *testing.T) {
	s := start(t)
	c := browser(t)
	if r := s.call(t, c, "POST", "/auth/api/login", map[string]string{"username": "ursula", "password": password}); r.StatusCode != 200 {
		t.Fatal(r.raw)
	}
	r := s.call(t, c, "POST", "/auth/api/account/password", map[string]string{"old": password, "new": "password123"})
	if r.StatusCode != 422 || r.kind() != "weak-password" || r.body["reason"] == "" {
		t.Errorf("a weak password: %d %s", r.StatusCode, r.raw)
	}
	r = s.call(t, c, "POST", "/auth/api/account/password", map[string]string{"old": "wrong-one-here", "new": "quartz-violin-harbor-77"})
	if r.StatusCode != 401 || r.kind() != "wrong-credentials" {
		t.Errorf("a wrong old password: %d %s", r.StatusCode, r.raw)
	}
	r = s.call(t, c, "POST", "/auth/api/account/totp", nil)
	secret, _ := r.body["secret"].(string)
	token, _ := r.body["token"].(string)
	if r.StatusCode != 200 || !strings.HasPrefix(fmt.Sprint(r.body["uri"]), "otpauth://totp/") || !strings.HasPrefix(fmt.Sprint(r.body["qr"]), "data:image/png;base64,") {
		t.Fatalf("enrolment: %d %s", r.StatusCode, r.raw)
	}
	now := time.Now()
	r = s.call(t, c, "POST", "/auth/api/account/totp/confirm", map[string]string{"token": token, "code": code(t, secret, now)})
	if r.StatusCode != 200 || len(r.Header["Set-Cookie"]) != 3 {
		t.Fatalf("confirmation: %d %s", r.StatusCode, r.raw)
	}
	if r := s.call(t, c, "GET", "/auth/api/session", nil); r.body["mfa_time"] == nil {
		t.Errorf("after the enrolment: %s", r.raw)
	}
	if r := s.call(t, c, "DELETE", "/auth/api/account/totp", map[string]string{"code": code(t, secret, now)}); r.StatusCode != 401 || r.kind() != "wrong-code" {
		t.Errorf("a spent code: %d %s", r.StatusCode, r.raw)
	}
	if r := s.call(t, c, "POST", "/auth/api/stepup/totp", map[string]string{"code": code(t, secret, now.Add(30*time.Second))}); r.StatusCode != 200 || len(r.Header["Set-Cookie"]) != 3 {
		t.Errorf("step up: %d %s", r.StatusCode, r.raw)
	}
	if r := s.call(t, c, "GET", "/auth/account/security", nil, "Accept", "text/html"); r.StatusCode != 200 || !strings.Contains(r.raw, "ursula") || !strings.Contains(r.raw, "factor-list") {
		t.Errorf("the account page: %d", r.StatusCode)
	}
}

func TestSocketClosesAtLogoutWithRealApps(t *testing.T) {
	s := start(t)
	c := browser(t)
	if r := s.call(t, c, "POST", "/auth/api/login", map[string]string{"username": "ursula", "password": password}); r.StatusCode != 200 {
		t.Fatal(r.raw)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	u, _ := url.Parse(s.url)
	at := "wss://" + u.Host + "/ws"
	if _, resp, err := websocket.Dial(ctx, at, &websocket.DialOptions{HTTPClient: c, HTTPHeader: http.Header{"Origin": {"https://evil.example"}}}); err == nil || resp == nil || resp.StatusCode != 403 {
		t.Fatalf("a cross-site handshake: %v", err)
	}
	ws, _, err := websocket.Dial(ctx, at, &websocket.DialOptions{HTTPClient: c, HTTPHeader: http.Header{"Origin": {s.url}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ws.CloseNow() }()
	if err := ws.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, m, err := ws.Read(ctx); err != nil || string(m) != "hello" {
		t.Fatalf("%q %v", m, err)
	}
	began := time.Now()
	if r := s.call(t, c, "POST", "/auth/api/logout", nil); r.StatusCode != 204 {
		t.Fatal(r.raw)
	}
	_, _, err = ws.Read(ctx)
	if websocket.CloseStatus(err) != websocket.StatusPolicyViolation || time.Since(began) > time.Second {
		t.Errorf("after the logout: %v in %v", err, time.Since(began))
	}
}

func TestReloadWithRealApps(t *testing.T) {
	s := start(t)
	c := browser(t)
	if r := s.call(t, c, "POST", "/auth/api/login", map[string]string{"username": "ursula", "password": password}); r.StatusCode != 200 {
		t.Fatal(r.raw)
	}
	// From an address of its own: who shares it with an attacker shares the budget.
	attacker := browser(t)
	attacker.Transport.(*http.Transport).DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext
	bad := func() int {
		return s.call(t, attacker, "GET", "/x", nil, "Authorization", "Bearer forged.forged.forged").StatusCode
	}
	for range 40 {
		bad()
	}
	if got := bad(); got != 429 {
		t.Fatalf("41 bad tokens: %d", got)
	}
	brand := func(name string) string {
		return strings.Replace(s.config, "\tgw_portal\n", "\tgw_portal {\n\t\tbrand "+name+"\n\t}\n", 1)
	}
	shows := func(name string) {
		t.Helper()
		if err := listen.Alone(strings.Replace(s.url, "https://localhost", "127.0.0.1", 1)); err != nil {
			t.Fatal(err)
		}
		if r := s.call(t, browser(t), "GET", "/auth/login", nil); !strings.Contains(r.raw, name) {
			t.Errorf("the pages don't show %s", name)
		}
		if r := s.call(t, c, "GET", "/auth/api/session", nil); r.StatusCode != 200 {
			t.Errorf("the session is gone: %d %s", r.StatusCode, r.raw)
		}
		// Time gives some back; a new one would have room for 40.
		passed := 0
		for passed < 20 && bad() != 429 {
			passed++
		}
		if passed == 20 {
			t.Error("the budget is new")
		}
	}
	if err := load(brand("Acme")); err != nil {
		t.Fatal(err)
	}
	shows("Acme")
	// One fails while it is read, one after its handlers were provisioned.
	broken := strings.Replace(brand("Broken"), "reverse_proxy", "reverse_proxy {\n\t\tlb_policy header\n\t}\n\treverse_proxy", 1)
	if err := load(broken); err == nil {
		t.Fatal("a broken configuration was taken")
	}
	late := strings.Replace(brand("Broken"), "tls internal", "tls /nowhere/cert.pem /nowhere/key.pem", 1)
	if err := load(late); err == nil {
		t.Fatal("a broken configuration was taken")
	}
	shows("Acme")
}

func TestWithoutTheGatewayApp(t *testing.T) {
	for _, d := range []string{"gw_portal", "gw_authenticate"} {
		err := load("{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n}\nhttp://127.0.0.1:" + freePort(t) + " {\n\t" + d + "\n}\n")
		if err == nil || !strings.Contains(err.Error(), d+": it needs the global option `gateway`") {
			t.Errorf("%s: %v", d, err)
		}
	}
}
