// Package link is how the gateway's own connections to other machines (Redis, PostgreSQL, receivers of events, traces and alerts, servers of policies) are encrypted and verified: always both ends of a
// name, never less, with certificates that may be replaced while the gateway runs.
package link

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// MaxLife is how long a connection over TLS is used at most, so that within it every connection stands on the files as they are.
const MaxLife = time.Hour

// maxFile is what a PEM file may have: the authorities of a whole system take 250 KB.
const maxFile = 4 << 20

// TLS says whom to trust and what to show. The zero value trusts the system's authorities and shows nothing.
type TLS struct {
	// PEM file of the authorities that vouch for the server, in place of the system's.
	CA string `json:"ca,omitempty"`
	// PEM files of the certificate that the gateway shows, and of its key.
	Certificate string `json:"client_certificate,omitempty"`
	Key         string `json:"client_key,omitempty"`
	// The name that the server's certificate must have. Default: the host of the address.
	ServerName string `json:"server_name,omitempty"`
	// Ended shows a certificate that has ended, too, for links whose other end may be away: it is theirs to refuse.
	Ended bool `json:"-"`
}

// Files are what a TLS names, as they are now. They are looked at for each new connection.
type Files struct {
	t   TLS
	now func() time.Time

	mu     sync.Mutex
	raw    [3][]byte // of those in force
	roots  *x509.CertPool
	pair   *tls.Certificate
	failed error
	lives  []Life
	looked time.Time // by Lives
}

// Life is how long what a file holds lasts: the gateway's own certificate, or the authorities, of which one that lasts is enough.
type Life struct {
	Authority   bool
	From, Until time.Time
}

// Open reads the files. Errors name the file, never what is in it.
func (t TLS) Open() (*Files, error) { return t.open(time.Now) }

func (t TLS) open(now func() time.Time) (*Files, error) {
	if (t.Certificate == "") != (t.Key == "") {
		return nil, errors.New("client_certificate: a certificate and its key go together")
	}
	f := &Files{t: t, now: now}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.read(); err != nil {
		return nil, err
	}
	return f, nil
}

// Client is the configuration for one connection to the host. Nothing in it asks for less than the server's whole verification.
func (f *Files) Client(host string) *tls.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	// Where they can't be read now, as in the moment between a new certificate and its key, those before go on: they lower nothing, since the server
	// judges them. Err tells.
	f.failed = f.read()
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: f.roots, ServerName: host}
	if f.t.ServerName != "" {
		c.ServerName = f.t.ServerName
	}
	if f.pair != nil {
		c.Certificates = []tls.Certificate{*f.pair}
	}
	return c
}

// Err is why the files as they are now are not in force; nil: they are.
func (f *Files) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// Because adds to an error of a connection why the files as they are now are not in force, where that is so: it may be what the other side minds.
func (f *Files) Because(err error) error {
	if why := f.Err(); why != nil {
		return fmt.Errorf("%w (files before are in force: %w)", err, why)
	}
	return err
}

// lookAgain is how old what Lives tells may be.
const lookAgain = time.Minute

// Lives are how long what the files hold lasts. They are looked at without a connection, too: a link that is seldom used should not be told of by files
// that were replaced long ago.
func (f *Files) Lives() []Life {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.looked) >= lookAgain {
		f.looked, f.failed = now, f.read()
	}
	return f.lives
}

// read takes the files over, all or none. The mutex is held. Their bytes are compared, not their times: a file that is replaced twice within a tick
// of the file system has one time, and connections are few.
func (f *Files) read() error {
	var raw [3][]byte
	for i, path := range []string{f.t.CA, f.t.Certificate, f.t.Key} {
		if path == "" {
			continue
		}
		b, err := readFile(path)
		if err != nil {
			return fmt.Errorf("%s: %w", [...]string{"ca", "client_certificate", "client_certificate"}[i], err)
		}
		raw[i] = b
	}
	if f.same(raw) {
		return nil
	}
	var lives []Life
	var roots *x509.CertPool // nil: the system's
	if raw[0] != nil {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(raw[0]) {
			return fmt.Errorf("ca: %s holds no certificate", f.t.CA)
		}
		lives = append(lives, lasting(raw[0]))
	}
	var pair *tls.Certificate
	if raw[1] != nil {
		p, err := tls.X509KeyPair(raw[1], raw[2])
		if err != nil {
			return fmt.Errorf("client_certificate: %s and %s: %w", f.t.Certificate, f.t.Key, err)
		}
		until := p.Leaf.NotAfter
		if f.now().After(until) && !f.t.Ended {
			return fmt.Errorf("client_certificate: %s has ended on %s", f.t.Certificate, until.UTC().Format(time.RFC3339))
		}
		pair, lives = &p, append(lives, Life{From: p.Leaf.NotBefore, Until: until})
	}
	f.raw, f.roots, f.pair, f.lives = raw, roots, pair, lives
	return nil
}

// lasting is the life of the authority that lasts the longest: in a change from one to the next, a file has both.
func lasting(raw []byte) Life {
	l := Life{Authority: true}
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && c.NotAfter.After(l.Until) { // one that is none, the pool has left out, too
			l.From, l.Until = c.NotBefore, c.NotAfter
		}
	}
	return l
}

// same tells an empty file from none: nothing vouches for the server then, rather than the system.
func (f *Files) same(raw [3][]byte) bool {
	for i := range raw {
		if (raw[i] == nil) != (f.raw[i] == nil) || !bytes.Equal(raw[i], f.raw[i]) {
			return false
		}
	}
	return true
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s: it is over 4 MiB", path)
	}
	return b, err
}

// Local tells whether the host is this machine: the loopback, or a path of a unix socket. Other names may lead anywhere.
func Local(host string) bool {
	if host == "localhost" || strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Merge is t with what an address says itself. What both say must be one.
func (t TLS) Merge(with TLS) (TLS, error) {
	for _, f := range []struct {
		name     string
		to, from *string
	}{{"ca", &t.CA, &with.CA}, {"client_certificate", &t.Certificate, &with.Certificate}, {"client_certificate", &t.Key, &with.Key}, {"server_name", &t.ServerName, &with.ServerName}} {
		if *f.to != "" && *f.from != "" && *f.to != *f.from {
			return t, fmt.Errorf("%s is given twice, and the address says another", f.name)
		}
		if *f.to == "" {
			*f.to = *f.from
		}
	}
	return t, nil
}
