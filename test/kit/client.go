package kit

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// User is one of the people that the demo makes, as credentials.json has them.
type User struct {
	Username   string `json:"username"`
	Role       string `json:"role"`
	Password   string `json:"password"`
	TOTPSecret string `json:"totp_secret"` // "" where the second factor is off
}

// Client calls one gateway from one loopback address, as one person at a time.
type Client struct {
	Node    *Node
	IP      string // the address it calls from
	User    string // who is signed in
	Access  string // bearer token, sent where not ""
	Refresh string
	HTTP    *http.Client // HTTP/1.1, keep-alive, no redirects followed, no cookies
}

// Client returns a client of the node with an address of its own.
func (n *Node) Client(t T) *Client {
	t.Helper()
	return n.ClientFrom(t, ClientIP())
}

// ClientFrom returns a client of the node that calls from the loopback address ip.
func (n *Node) ClientFrom(t T, ip string) *Client {
	t.Helper()
	tr := &http.Transport{
		TLSClientConfig:     n.TLS(),
		DialContext:         n.dialer(ip),
		MaxIdleConnsPerHost: 4,
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &Client{Node: n, IP: ip, HTTP: &http.Client{
		Transport: tr, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Browserlike gives the client a cookie jar.
func (c *Client) Browserlike(t T) *Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatalf("making a cookie jar: %v", err)
	}
	c.HTTP.Jar = jar
	return c
}

// On returns the same person at another node: the same tokens, another connection.
func (c *Client) On(t T, n *Node) *Client {
	t.Helper()
	d := n.ClientFrom(t, c.IP)
	d.User, d.Access, d.Refresh = c.User, c.Access, c.Refresh
	return d
}

// Anonymous returns a client from the same address without tokens.
func (c *Client) Anonymous(t T) *Client {
	t.Helper()
	return c.Node.ClientFrom(t, c.IP)
}

// TLS is the configuration that trusts the node's certificate authority and speaks HTTP/1.1.
func (n *Node) TLS() *tls.Config {
	return &tls.Config{RootCAs: n.Roots, ServerName: "localhost", MinVersion: tls.VersionTLS13}
}

// dialer connects to the node, whatever the name, from the address.
func (n *Node) dialer(from string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "tcp", n.Addr) }
}

func dialTo(network, addr string) func(ctx context.Context, _, _ string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}
}

// Dial opens a TLS connection, for tests that write HTTP byte by byte. It is closed with the test.
func (n *Node) Dial(t T, from string) *tls.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	raw, err := n.dialer(from)(ctx, "tcp", n.Addr)
	if err != nil {
		t.Fatalf("connecting to %s: %v", n.Addr, err)
	}
	conn := tls.Client(raw, n.TLS())
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		t.Fatalf("TLS with %s: %v", n.Addr, err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Answer is a response that was read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	about  string // "GET /path"
}

// Opt changes a request before it is sent.
type Opt func(*http.Request)

// With sets a header.
func With(name, value string) Opt { return func(r *http.Request) { r.Header.Set(name, value) } }

// Bare takes the bearer token off.
func Bare() Opt { return func(r *http.Request) { r.Header.Del("Authorization") } }

// Call sends a request and reads the answer. body: nil none, a string or []byte as it is, url.Values as a form, anything else
// as JSON.
func (c *Client) Call(t T, method, path string, body any, opts ...Opt) *Answer {
	t.Helper()
	a, err := c.Try(method, path, body, opts...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// Try is Call that returns what went wrong.
func (c *Client) Try(method, path string, body any, opts ...Opt) (*Answer, error) {
	var rd io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case string:
		rd, kind = strings.NewReader(b), "application/json"
	case []byte:
		rd, kind = bytes.NewReader(b), "application/json"
	case url.Values:
		rd, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	default:
		j, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		rd, kind = bytes.NewReader(j), "application/json"
	}
	r, err := http.NewRequest(method, c.Node.URL+path, rd)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "convosphere-e2e/1")
	r.Header.Set("Accept", "application/json")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if c.Access != "" {
		r.Header.Set("Authorization", "Bearer "+c.Access)
	}
	for _, o := range opts {
		o(r)
	}
	res, err := c.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	a := &Answer{Status: res.StatusCode, Header: res.Header, Body: b, about: method + " " + path}
	noteRefusal(a)
	return a, err
}

// Want fails the test where the status is another, and returns the answer.
func (a *Answer) Want(t T, status int) *Answer {
	t.Helper()
	if a.Status != status {
		body := a.Body
		if len(body) > 600 {
			body = body[:600]
		}
		t.Fatalf("%s: status %d, want %d\n%s", a.about, a.Status, status, body)
	}
	return a
}

// JSON reads the body into v.
func (a *Answer) JSON(t T, v any) *Answer {
	t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		t.Fatalf("%s: the body is no JSON of the wanted shape: %v\n%.600s", a.about, err, a.Body)
	}
	return a
}

// Problem checks that the answer is problem+json of this status, with a request id, and tells nothing of the inside.
func (a *Answer) Problem(t T, status int) *Answer {
	t.Helper()
	a.Want(t, status)
	var p struct {
		Type, Title string
		Status      int
		RequestID   string `json:"request_id"`
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%s: Content-Type %q, want application/problem+json", a.about, got)
	}
	a.JSON(t, &p)
	if p.Type == "" || p.Title == "" || p.Status != status || p.RequestID == "" {
		t.Errorf("%s: not a full problem: %s", a.about, a.Body)
	}
	return a
}

// loginAnswer is what the login calls of the portal answer.
type loginAnswer struct {
	Status  string   `json:"status"`
	MFA     string   `json:"mfa_token"`
	Factors []string `json:"factors"`
	Access  string   `json:"access_token"`
	Refresh string   `json:"refresh_token"`
	Expires int      `json:"expires_in"`
	User    struct {
		Username string   `json:"username"`
		Roles    []string `json:"roles"`
	} `json:"user"`
}

// Login signs the person in with bearer tokens, the second factor included, and returns the client.
func (c *Client) Login(t T, u User) *Client {
	t.Helper()
	c.Access, c.Refresh, c.User = "", "", ""
	var l loginAnswer
	c.Call(t, "POST", "/auth/api/login", map[string]string{
		"username": u.Username, "password": u.Password, "delivery": "body",
	}).Want(t, http.StatusOK).JSON(t, &l)
	if l.Status == "mfa_required" {
		if u.TOTPSecret == "" {
			t.Fatalf("login of %s wants a second factor (%v), and the test knows none", u.Username, l.Factors)
		}
		mfa, code := l.MFA, Code(t, u.TOTPSecret)
		Secret(mfa, code)
		l = loginAnswer{}
		c.Call(t, "POST", "/auth/api/mfa/totp", map[string]string{
			"mfa_token": mfa, "code": code, "delivery": "body",
		}).Want(t, http.StatusOK).JSON(t, &l)
	}
	if l.Status != "ok" || l.Access == "" || l.Refresh == "" || l.User.Username != u.Username {
		t.Fatalf("login of %s answers %q for %q, tokens there: %v, %v", u.Username, l.Status, l.User.Username, l.Access != "", l.Refresh != "")
	}
	c.Access, c.Refresh, c.User = l.Access, l.Refresh, u.Username
	Secret(u.Password, u.TOTPSecret, c.Access, c.Refresh)
	return c
}

// Renew exchanges the refresh token and keeps the new tokens.
func (c *Client) Renew(t T) {
	t.Helper()
	var l loginAnswer
	c.Call(t, "POST", "/auth/api/refresh", map[string]string{"refresh_token": c.Refresh, "delivery": "body"}, Bare()).
		Want(t, http.StatusOK).JSON(t, &l)
	if l.Access == "" || l.Refresh == "" {
		t.Fatalf("refresh gives no tokens: status %q", l.Status)
	}
	c.Access, c.Refresh = l.Access, l.Refresh
	Secret(c.Access, c.Refresh)
}

// Logout ends the session.
func (c *Client) Logout(t T) {
	t.Helper()
	c.Call(t, "POST", "/auth/api/logout", map[string]string{"refresh_token": c.Refresh}).Want(t, http.StatusNoContent)
}

// OK fails the test unless the status is 2xx.
func (a *Answer) OK(t T) *Answer {
	t.Helper()
	if a.Status/100 != 2 {
		t.Fatalf("%s: status %d, want 2xx\n%.600s", a.about, a.Status, a.Body)
	}
	return a
}

// Refused fails the test unless the status is 403 or 404.
func (a *Answer) Refused(t T) *Answer {
	t.Helper()
	if a.Status != http.StatusForbidden && a.Status != http.StatusNotFound {
		t.Fatalf("%s: status %d, want 403 or 404\n%.600s", a.about, a.Status, a.Body)
	}
	return a
}
