package master

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/link"
)

// VaultOptions name a key of a service that has the API of Vault's transit engine: HashiCorp Vault, OpenBao.
type VaultOptions struct {
	URL       string // https://host:8200; http only to this machine
	Mount     string // default "transit"
	Key       string
	Namespace string        // default: none
	TokenEnv  string        // the variable with the token; default VAULT_TOKEN
	TokenFile string        // or a file, which is read at each call: an agent may renew it
	CA        string        // a file with the certificates that sign the service's; default: the system's
	Timeout   time.Duration // of one call; default 2 s
}

const (
	defaultMount    = "transit"
	defaultTokenEnv = "VAULT_TOKEN"
	defaultTimeout  = 2 * time.Second

	mostAnswer = 1 << 20 // bytes
	mostToken  = 4096
)

// Vault is a master key that a service keeps. Close it.
type Vault struct {
	o       VaultOptions
	base    string // URL up to the operation
	client  *http.Client
	breaker breaker
}

var isSegment = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`).MatchString

// OpenVault checks the options. The service is not asked yet.
func OpenVault(o VaultOptions) (*Vault, error) {
	if o.Mount == "" {
		o.Mount = defaultMount
	}
	if o.TokenEnv == "" {
		o.TokenEnv = defaultTokenEnv
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	at, err := address(o.URL)
	if err != nil {
		return nil, err
	}
	o.Mount = strings.Trim(o.Mount, "/")
	for _, segment := range append(strings.Split(o.Mount, "/"), o.Key) {
		if !isSegment(segment) || strings.Trim(segment, ".") == "" {
			return nil, fmt.Errorf("the master key's mount and name hold letters, digits, - _ and dots, not %q", segment)
		}
	}
	files, err := link.TLS{CA: o.CA}.Open()
	if err != nil {
		return nil, fmt.Errorf("reading the certificates of the master key's service: %w", err)
	}
	v := &Vault{o: o, base: at.JoinPath("v1", o.Mount).String(), breaker: breaker{now: time.Now}}
	v.client = &http.Client{
		Timeout: o.Timeout,
		Transport: files.Transport(&http.Transport{
			DialContext:         (&net.Dialer{Timeout: o.Timeout}).DialContext,
			TLSHandshakeTimeout: o.Timeout,
			MaxIdleConnsPerHost: 16,
			MaxConnsPerHost:     64,
			IdleConnTimeout:     90 * time.Second,
			ForceAttemptHTTP2:   true,
		}),
		// The token would go along to wherever it leads.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return v, nil
}

func address(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the address of the master key's service is a URL as https://vault.example.com:8200")
	}
	if u.Scheme == "https" {
		return u, nil
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if u.Scheme != "http" || u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, errors.New("the master key's service is reached by https:// (http:// only on this machine): keys pass there")
	}
	return u, nil
}

// ID names the mount and the key, not the address: the service may move.
func (v *Vault) ID() string { return "vault:" + path.Join(v.o.Namespace, v.o.Mount, v.o.Key) }

// Close ends idle connections.
func (v *Vault) Close() { v.client.CloseIdleConnections() }

// vaultData is what goes to and fro.
type vaultData struct {
	Plaintext  string `json:"plaintext,omitempty"` // base64
	Ciphertext string `json:"ciphertext,omitempty"`
}

// Wrap implements Key.
func (v *Vault) Wrap(ctx context.Context, plain []byte) ([]byte, error) {
	out, err := v.call(ctx, "encrypt", vaultData{Plaintext: base64.StdEncoding.EncodeToString(plain)})
	if errors.Is(err, ErrWrong) {
		err = fmt.Errorf("%w: the service refuses to encrypt by it: is there a key of that name?", ErrUnavailable)
	}
	if err != nil {
		return nil, err
	}
	return ciphertext(out)
}

// Unwrap implements Key.
func (v *Vault) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	out, err := v.call(ctx, "decrypt", vaultData{Ciphertext: string(wrapped)})
	if err != nil {
		return nil, err
	}
	plain, err := base64.StdEncoding.DecodeString(out.Plaintext)
	if err != nil || len(plain) == 0 {
		return nil, fmt.Errorf("%w: its service answers without a plaintext", ErrUnavailable)
	}
	return plain, nil
}

// Rewrap implements Key: the service never hands the plaintext out for it.
func (v *Vault) Rewrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	out, err := v.call(ctx, "rewrap", vaultData{Ciphertext: string(wrapped)})
	if err != nil {
		return nil, err
	}
	return ciphertext(out)
}

func ciphertext(out vaultData) ([]byte, error) {
	if !strings.HasPrefix(out.Ciphertext, "vault:v") {
		return nil, fmt.Errorf("%w: its service answers without a ciphertext", ErrUnavailable)
	}
	return []byte(out.Ciphertext), nil
}

// call asks the service. Errors: ErrWrong, ErrUnavailable. What the service says is in no error: it may repeat what it was sent.
func (v *Vault) call(ctx context.Context, operation string, in vaultData) (out vaultData, err error) {
	if !v.breaker.allow() {
		return out, fmt.Errorf("%w: its service has failed several times and is left alone for a moment", ErrUnavailable)
	}
	out, err = v.ask(ctx, operation, in)
	if !errors.Is(ctx.Err(), context.Canceled) { // who gave up waiting says nothing about the service
		v.breaker.done(err == nil || errors.Is(err, ErrWrong))
	}
	return out, err
}

func (v *Vault) ask(ctx context.Context, operation string, in vaultData) (out vaultData, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	defer clear(body)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.base+"/"+operation+"/"+v.o.Key, bytes.NewReader(body))
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	token, err := v.token()
	if err != nil {
		return out, err
	}
	req.Header.Set("X-Vault-Token", token)
	req.Header.Set("X-Vault-Request", "true")
	req.Header.Set("Content-Type", "application/json")
	if v.o.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", v.o.Namespace)
	}
	req.Header["Idempotency-Key"] = nil // not sent: it lets net/http try again on a connection that the service has just closed
	resp, err := v.client.Do(req)
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	defer clear(raw)
	switch {
	case err != nil:
		return out, fmt.Errorf("%w: reading its service's answer: %w", ErrUnavailable, err)
	case resp.StatusCode == http.StatusBadRequest:
		return out, ErrWrong
	case resp.StatusCode == http.StatusForbidden:
		return out, fmt.Errorf("%w: its service refuses the token (403)", ErrUnavailable)
	case resp.StatusCode != http.StatusOK:
		return out, fmt.Errorf("%w: its service answers %d", ErrUnavailable, resp.StatusCode)
	}
	var answer struct{ Data vaultData }
	if len(raw) > mostAnswer || json.Unmarshal(raw, &answer) != nil {
		return out, fmt.Errorf("%w: its service's answer can't be read", ErrUnavailable)
	}
	return answer.Data, nil
}

func (v *Vault) token() (string, error) {
	text := os.Getenv(v.o.TokenEnv)
	if v.o.TokenFile != "" {
		f, err := os.Open(v.o.TokenFile)
		if err != nil {
			return "", fmt.Errorf("%w: reading the token: %w", ErrUnavailable, err)
		}
		defer f.Close()
		raw, err := io.ReadAll(io.LimitReader(f, mostToken))
		if err != nil {
			return "", fmt.Errorf("%w: reading the token: %w", ErrUnavailable, err)
		}
		text = string(raw)
	}
	text = strings.TrimSpace(text)
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%w: there is no token for its service (token_env, token_file)", ErrUnavailable)
	}
	return text, nil
}

// Interface guards.
var (
	_ Key = (*Vault)(nil)
	_ Key = textKey{}
	_ Key = ringKey{}
)
