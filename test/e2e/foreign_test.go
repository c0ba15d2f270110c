package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/convosphere/gateway/test/issuer"
	"github.com/convosphere/gateway/test/kit"
)

// A gateway before the chat whose tokens last as shortly as they may, that takes tokens of another issuer, and certificates of an authority.
const foreignCaddyfile = `{
	admin unix//{$GW_DATA}/admin.sock
	storage file_system {$GW_DATA}/caddy
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	default_bind 127.0.0.1
	grace_period 5s
	gateway {
		data_dir {$GW_DATA}
		store {$GW_STORE}
		database {$GW_DATABASE}
		keys {$GW_KEYS}
		identity {
			access_lifetime 30s
		}
	}
}
https://localhost:{$GW_PORT} {
	tls internal {
		client_auth {
			mode verify_if_given
			trust_pool file {
				pem_file {$CA}
			}
		}
	}
	gw_secure {
		authenticate {
			renewal 5s
			issuer {$ISSUER} {
				audience chat
				as corp
				map groups chat premium
			}
			certificate billing {
				subject CN=billing,O=Corp
				issuer "CN=Corp CA"
				roles premium
			}
		}
		waf {
			rules_file {$GW_FILES}/chat-waf.conf
		}
		authorize {
			audience chat
			import {$GW_FILES}/chat-routes.caddy
		}
		protect {
			import {$GW_FILES}/chat-protect.caddy
		}
	}
	reverse_proxy {$GW_UPSTREAM}
}
`

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (a *authority) sign(t *testing.T, c *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if a.cert == nil {
		a.cert, a.key = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func newAuthority(t *testing.T, name string) (*authority, []byte) {
	t.Helper()
	a := &authority{}
	made := a.sign(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	var err error
	if a.cert, err = x509.ParseCertificate(made.Certificate[0]); err != nil {
		t.Fatal(err)
	}
	return a, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made.Certificate[0]})
}

func (a *authority) client(t *testing.T, name string) tls.Certificate {
	t.Helper()
	return a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name, Organization: []string{"Corp"}}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

type foreignSite struct {
	a, b *kit.Node
	idp  *issuer.Issuer
	ca   *authority
	cli  cli
}

func startForeign(t *testing.T) *foreignSite {
	redis := kit.StartRedis(t)
	kit.Secret(redis.Password)
	shared, chat := t.TempDir(), kit.FreeAddr(t)
	ca, raw := newAuthority(t, "Corp CA")
	if err := os.WriteFile(filepath.Join(shared, "ca.pem"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &foreignSite{idp: issuer.New(t), ca: ca}
	start := func(name string) *kit.Node {
		return kit.Gateway(t, kit.Options{Name: name, Caddyfile: foreignCaddyfile, Env: []string{
			"GW_STORE=redis " + redis.URL(), "GW_DATABASE=sqlite " + filepath.Join(shared, "gateway.db"), "GW_KEYS=" + filepath.Join(shared, "keys"),
			"GW_UPSTREAM=" + chat, "ISSUER=" + s.idp.URL, "CA=" + filepath.Join(shared, "ca.pem"),
		}})
	}
	s.a, s.b = start("foreign-a"), start("foreign-b")
	kit.Chat(t, s.a, chat)
	s.cli = cli{s.a, []string{"--config", s.a.Config}}
	return s
}

func TestForeignIdentitiesAndRenewal(t *testing.T) {
	s := startForeign(t)
	t.Run("tokens of another issuer", s.tokens)
	t.Run("client certificates", s.certificates)
	t.Run("sockets", s.sockets)
}

func (s *foreignSite) tokens(t *testing.T) {
	staff := map[string]any{"groups": []string{"chat"}}
	c := s.a.Client(t)
	for name, test := range map[string]struct {
		token  string
		status int
	}{
		"good":             {s.idp.Token(t, "grace", "chat", staff), http.StatusOK},
		"without a role":   {s.idp.Token(t, "grace", "chat", nil), http.StatusForbidden},
		"for another":      {s.idp.Token(t, "grace", "mail", staff), http.StatusUnauthorized},
		"an ID token":      {s.idp.Token(t, "grace", "chat", map[string]any{"groups": "chat", "typ": "JWT"}), http.StatusUnauthorized},
		"of another's key": {issuer.New(t).Token(t, "grace", "chat", map[string]any{"groups": "chat", "iss": s.idp.URL}), http.StatusUnauthorized},
	} {
		if got := c.Call(t, "GET", "/api/rooms", nil, kit.With("Authorization", "Bearer "+test.token)).Status; got != test.status {
			t.Errorf("%s: %d", name, got)
		}
	}
	c.Access, c.User = s.idp.Token(t, "Grace", "chat", staff), "%47race@corp"
	room := c.NewRoom(t, "Of grace", "private")
	c.Post(t, room.ID, "hello")
	// Neither who is called alike elsewhere, nor an account of that name.
	other := s.a.Client(t)
	other.Access = s.idp.Token(t, "grace", "chat", staff)
	other.Call(t, "GET", kit.RoomPath(room.ID, "messages"), nil).Want(t, http.StatusForbidden)
	local := s.b.Client(t).Login(t, addUser(t, s.cli, "grace", "user"))
	local.Call(t, "GET", kit.RoomPath(room.ID, "messages"), nil).Want(t, http.StatusForbidden)
	// It is no account: the portal has nothing for it.
	for _, path := range []string{"/auth/api/account", "/auth/api/account/links", "/auth/api/account/sessions", "/auth/api/account/factors"} {
		if got := c.Call(t, "GET", path, nil).Status; got < 400 {
			t.Errorf("%s: %d", path, got)
		}
	}
}

func (s *foreignSite) certificates(t *testing.T) {
	evil, _ := newAuthority(t, "Corp CA")
	with := func(cert *tls.Certificate) *kit.Client {
		c := s.a.Client(t)
		if cert != nil {
			c.HTTP.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{*cert}
		}
		return c
	}
	billing, other, forged := s.ca.client(t, "billing"), s.ca.client(t, "other"), evil.client(t, "billing")
	with(&billing).Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusOK)
	service := with(&billing)
	service.User = "billing@certificate"
	service.Post(t, service.NewRoom(t, "Of billing", "private").ID, "hello")
	with(&other).Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusUnauthorized)
	with(nil).Call(t, "GET", "/api/rooms", nil).Want(t, http.StatusUnauthorized)
	if a, err := with(&forged).Try("GET", "/api/rooms", nil); err == nil && a.Status != http.StatusUnauthorized {
		t.Errorf("an authority that nobody trusts: %d", a.Status)
	}
	with(&billing).Call(t, "POST", "/api/rooms", map[string]string{"name": "x", "visibility": "public"}, kit.With("Origin", "https://evil.example"), kit.With("Sec-Fetch-Site", "cross-site")).
		Want(t, http.StatusForbidden)
}

// Sockets get a message when their token expires, and time to renew; on every node and over every version of HTTP.
func (s *foreignSite) sockets(t *testing.T) {
	renew := func(f kit.Frame) bool { return f.Str("type") == "gateway.renew" }
	person := func(name string) *kit.Client {
		return s.a.Client(t).Login(t, addUser(t, s.cli, name, "user"))
	}
	expect := func(sock *kit.Socket) bool {
		for end := time.Now().Add(45 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if strings.Contains(strings.Join(sock.Received(), "\n"), `"gateway.renew"`) {
				return true
			}
			if !sock.Open() {
				return false
			}
		}
		return false
	}
	open := func(c *kit.Client) map[string]*kit.Socket {
		return map[string]*kit.Socket{"HTTP/1.1": c.Socket(t), "HTTP/2": c.Over(2).Socket(t), "HTTP/3": c.Over(3).Socket(t), "other node": c.On(t, s.b).Socket(t)}
	}
	renews, sleeps, leaves := person("renews"), person("sleeps"), person("leaves")
	kept, lost, left := open(renews), open(sleeps), open(leaves)
	foreign := s.a.Client(t)
	foreign.Access = s.idp.Token(t, "heidi", "chat", map[string]any{"groups": "chat", "exp": time.Now().Add(12 * time.Second).Unix()})
	began := time.Now()
	short := foreign.Socket(t)

	short.Expect(t, "gateway.renew", renew)
	if d := time.Since(began); d < 5*time.Second || d > 9*time.Second {
		t.Errorf("a foreign token's socket is told after %s", d)
	}
	short.WantClosed(t, websocket.StatusPolicyViolation, 10*time.Second)
	if d := time.Since(began); d < 10*time.Second || d > 14*time.Second {
		t.Errorf("and closed after %s", d)
	}

	for name, sock := range kept {
		if !expect(sock) {
			t.Fatalf("%s: no message", name)
		}
	}
	renews.On(t, s.b).Renew(t)
	for name, sock := range left {
		if !expect(sock) {
			t.Errorf("%s: no message", name)
		}
	}
	leaves.On(t, s.b).Call(t, "POST", "/auth/api/logout", map[string]string{"refresh_token": leaves.Refresh}, kit.Bare()).Want(t, http.StatusNoContent)
	for name, sock := range left {
		if code, _ := sock.Closed(t, atOnce); code != websocket.StatusPolicyViolation {
			t.Errorf("%s: logged out in the grace: %d", name, code)
		}
	}
	for name, sock := range lost {
		if !expect(sock) {
			t.Errorf("%s: no message", name)
		}
		if code, reason := sock.Closed(t, 10*time.Second); code != websocket.StatusPolicyViolation || reason != "token expired" {
			t.Errorf("%s: not renewed: %d %q", name, code, reason)
		}
	}
	time.Sleep(2 * time.Second)
	for name, sock := range kept {
		if !sock.Open() {
			t.Errorf("%s: renewed, and closed", name)
		}
	}
}
