package oidc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	patience  = 5 * time.Second
	maxAnswer = 256 << 10
)

// CheckURL refuses addresses that may not be asked: https is needed, but of this machine itself.
func CheckURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("%q is no address, as in: https://idp.example.com", s)
	case u.User != nil || u.Fragment != "" || strings.Contains(s, "#"):
		return fmt.Errorf("%q must have no user and no fragment", s)
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%q must be https (http only on loopback)", s)
}

// CheckIssuer refuses what can't be an issuer's identifier (OpenID Connect Discovery 1.0 section 3).
func CheckIssuer(s string) error {
	if strings.Contains(s, "?") {
		return fmt.Errorf("%q must have no query", s)
	}
	return CheckURL(s)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// newClient makes a client that follows no redirect: an address that was checked must not become another.
func newClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	t.MaxResponseHeaderBytes = 32 << 10
	t.MaxConnsPerHost = 8
	t.MaxIdleConnsPerHost = 1
	return &http.Client{
		Transport:     t,
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("a redirect, which is not followed") },
	}
}

// Do asks, and returns the answer's status and body, which is bounded.
func (p *Provider) Do(r *http.Request) (status int, body []byte, err error) {
	if err := CheckURL(r.URL.String()); err != nil {
		return 0, nil, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "ConvoSphere-Gateway")
	resp, err := p.client.Do(r)
	if err != nil {
		return 0, nil, withoutQuery(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	return resp.StatusCode, body, err
}

// withoutQuery keeps what a request may carry out of the log.
func withoutQuery(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

func (p *Provider) get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	status, body, err := p.Do(r)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the answer is %d", status)
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", address, err)
	}
	return body, nil
}
