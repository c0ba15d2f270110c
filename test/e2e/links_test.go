package e2e

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/kit"
	"github.com/convosphere/gateway/test/pki"
	"github.com/convosphere/gateway/test/postgres"
	"github.com/convosphere/gateway/test/redisfleet"
)

// The shipped Caddyfiles of fleets run as they are before servers that take nobody in the clear: Redis and PostgreSQL that ask for the gateway's certificate, and
// back ends over TLS, over TLS that asks for it, too, and behind a unix socket.
func TestProductionOverEncryptedLinks(t *testing.T) {
	ca := pki.New(t, "data.test")
	gateway := ca.Client(t, "gateway")
	files := t.TempDir()
	pki.Copy(t, ca.File, filepath.Join(files, "ca.pem"))
	pki.Copy(t, gateway.Cert, filepath.Join(files, "gateway.pem"))
	pki.Copy(t, gateway.Key, filepath.Join(files, "gateway.key"))

	both := ca.Make(t, pki.Kind{Name: "redis", Hosts: []string{"127.0.0.1"}, Both: true})
	redis := redisfleet.StartOver(t, &redisfleet.TLS{CA: ca, Server: both, Client: gateway})
	shown := ca.Server(t, "127.0.0.1")
	pg, err := postgres.StartTLS(postgres.TLS{Cert: shown.Cert, Key: shown.Key, CA: ca.File})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(); err != nil {
			t.Error(err)
		}
	})
	shared := []string{"GW_REDIS=redis://" + redis.Addr, "GW_TLS=" + files}

	socket := "unix/" + filepath.Join(t.TempDir(), "chat.sock")
	for name, c := range map[string]struct {
		file, backend, listen string
		asks                  bool // for the gateway's certificate
	}{
		"production_tls":  {"production.Caddyfile", "tls", kit.FreeAddr(t), false},
		"production_mtls": {"production.Caddyfile", "mtls", kit.FreeAddr(t), true},
		"cluster_mtls":    {"cluster.Caddyfile", "mtls", kit.FreeAddr(t), true},
		"cluster_unix":    {"cluster.Caddyfile", "unix", socket, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := pg.Create(name, ""); err != nil {
				t.Fatal(err)
			}
			addr, data := kit.FreeAddr(t), filepath.Join(t.TempDir(), name)
			_, port, _ := strings.Cut(addr, ":")
			env := append([]string{
				"GW_POSTGRES=" + pg.URL(name), "GW_RUN=" + data, "XDG_DATA_HOME=" + data, "GW_SITE=localhost", "GW_HTTPS_PORT=" + port, "GW_HTTP_PORT=" + freePort(t),
				"GW_HEALTH=" + freePort(t), "GW_DRAIN=0s", "GW_HEALTH_INTERVAL=1s", "GW_BACKEND=" + c.backend,
				"GW_UPSTREAM=" + c.listen, "GW_UPSTREAMS=https://" + c.listen,
			}, shared...)
			if c.backend == "unix" {
				env = append(env, "GW_UPSTREAMS="+c.listen)
			}
			n := kit.Gateway(t, kit.Options{Name: name, File: filepath.Join(kit.Root(t), "caddyfiles", c.file), Data: data, Addr: addr, Env: env})
			startChat(t, n, c.listen, c.backend != "unix", c.asks, ca)

			u := addUser(t, cli{n, []string{"--config", n.Config, "--adapter", "caddyfile"}}, "ursula", "user")
			me := n.Client(t).Login(t, u)
			room := me.NewRoom(t, "Links", "public")
			s := me.Socket(t).Join(t, room.ID)
			me.Post(t, room.ID, "over "+c.backend)
			s.ExpectText(t, "over "+c.backend)
			if c.asks {
				nobodyElse(t, ca, c.listen)
			}
		})
	}
}

func freePort(t *testing.T) string {
	_, port, _ := strings.Cut(kit.FreeAddr(t), ":")
	return port
}

// startChat starts the chat behind the node.
func startChat(t *testing.T, n *kit.Node, listen string, encrypted, asks bool, ca *pki.Authority) {
	t.Helper()
	args := []string{
		"--listen", listen, "--data", filepath.Join(t.TempDir(), "chat"), "--jwks", n.URL + "/.well-known/jwks.json",
		"--jwks-ca", filepath.Join(n.Data, "caddy", "pki", "authorities", "local", "root.crt"),
	}
	if encrypted {
		own := ca.Server(t, "127.0.0.1")
		args = append(args, "--tls-cert", own.Cert, "--tls-key", own.Key)
	}
	if asks {
		args = append(args, "--client-ca", ca.File)
	}
	p := kit.Start(t, kit.Command{Name: "chat", Path: kit.Binaries(t).Chat, Args: args, Env: os.Environ()})
	p.WaitLine(t, "ready", kit.ReadyWithin)
}

// nobodyElse tries the back end past the gateway: in the clear, without a certificate, and with a stranger's.
func nobodyElse(t *testing.T, ca *pki.Authority, addr string) {
	t.Helper()
	stranger := pki.New(t, "stranger.test").Client(t, "gateway").Load(t)
	for name, c := range map[string]*tls.Config{
		"without a certificate": {RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12},
		"with a stranger's": {RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &stranger, nil
		}},
	} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
		if res, err := client.Get("https://" + addr + "/healthz"); err == nil {
			res.Body.Close()
			t.Errorf("the back end answers %s: %d", name, res.StatusCode)
		}
	}
	if res, err := http.Get("http://" + addr + "/healthz"); err == nil {
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			t.Error("the back end answers in the clear")
		}
	}
}
