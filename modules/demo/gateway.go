package demo

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/convosphere/gateway/caddyfiles"
)

// loadGateway runs the embedded demo.Caddyfile in this process. The files are written out first, so that one can
// read, change and reload what runs.
func (d *demo) loadGateway() error {
	dir := d.path("caddyfiles")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("writing the demo's Caddyfile: %w", err)
	}
	names, err := fs.Glob(caddyfiles.FS, "*")
	if err != nil {
		return fmt.Errorf("reading the demo's Caddyfile: %w", err)
	}
	for _, name := range names {
		raw, err := fs.ReadFile(caddyfiles.FS, name)
		if err != nil {
			return fmt.Errorf("reading the demo's Caddyfile: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			return fmt.Errorf("writing the demo's Caddyfile: %w", err)
		}
	}
	for name, value := range map[string]string{
		"GW_DATA": d.data, "GW_BIND": d.host, "GW_PORT": d.port, "GW_UPSTREAM": d.chat.address,
		"GW_STORE": "memory", "GW_DATABASE": "sqlite", "GW_KEYS": d.path("keys"), // as directory.At has it
		"GW_FILES": dir,
	} {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	file := filepath.Join(dir, "demo.Caddyfile")
	source, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the demo's Caddyfile: %w", err)
	}
	adapter := caddyconfig.GetAdapter("caddyfile")
	config, _, err := adapter.Adapt(source, map[string]any{"filename": file})
	if err != nil {
		return fmt.Errorf("reading the demo's Caddyfile: %w", err)
	}
	if err := caddy.Load(config, true); err != nil {
		return fmt.Errorf("starting the gateway: %w", err)
	}
	return nil
}

// trust waits until the gateway answers, leaves its root certificate at DIR/root.crt for curl and the chat, and returns a
// client that trusts it and nothing else.
func (d *demo) trust(ctx context.Context) (*http.Client, error) {
	made := d.path("caddy/pki/authorities/local/root.crt")
	var last error
	for {
		root, err := os.ReadFile(made)
		if err == nil {
			client := d.client(root)
			if last = reach(ctx, client, d.url+"/.well-known/jwks.json"); last == nil {
				return client, os.WriteFile(d.path("root.crt"), root, 0o644) //nolint:gosec // a certificate is public
			}
		} else {
			last = err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the gateway to answer: %w", errors.Join(ctx.Err(), last))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (d *demo) client(root []byte) *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(bytes.TrimSpace(root))
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		host := d.host
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "localhost"
		}
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(host, d.port))
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}, DisableKeepAlives: true,
	}}
}

func reach(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s answered %d", url, res.StatusCode)
	}
	return nil
}
