// Package pki makes authorities and certificates for tests, as files.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// T is what is needed of a test: a *testing.T is one, and so is kit's.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
	TempDir() string
}

// Authority vouches for what it makes.
type Authority struct {
	File string // PEM
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Pair is a certificate and its key, in PEM files.
type Pair struct{ Cert, Key string }

// Kind of a certificate; the zero value is one of a server for nothing.
type Kind struct {
	Name   string        // CN
	Hosts  []string      // names and addresses
	Client bool          // it proves a client, not a server
	Both   bool          // it proves both
	Ended  bool          // an hour ago
	Lasts  time.Duration // instead of a day
}

// New makes an authority.
func New(t T, name string) *Authority {
	t.Helper()
	a := &Authority{File: filepath.Join(t.TempDir(), "ca.pem"), key: newKey(t)}
	c := template(t, name)
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, c, c, &a.key.PublicKey, a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatalf("making an authority: %v", err)
	}
	write(t, a.File, "CERTIFICATE", der)
	return a
}

// Server makes the certificate of a server by these names and addresses.
func (a *Authority) Server(t T, hosts ...string) Pair {
	t.Helper()
	return a.Make(t, Kind{Name: hosts[0], Hosts: hosts})
}

// Client makes the certificate of a client.
func (a *Authority) Client(t T, name string) Pair {
	t.Helper()
	return a.Make(t, Kind{Name: name, Client: true})
}

// Make makes a certificate.
func (a *Authority) Make(t T, k Kind) Pair {
	t.Helper()
	c, key := template(t, k.Name), newKey(t)
	c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if k.Client {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	if k.Both {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	if k.Lasts > 0 {
		c.NotAfter = time.Now().Add(k.Lasts)
	}
	if k.Ended {
		c.NotBefore, c.NotAfter = c.NotBefore.Add(-24*time.Hour), time.Now().Add(-time.Hour)
	}
	for _, h := range k.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatalf("making a certificate: %v", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("making a certificate: %v", err)
	}
	dir := t.TempDir()
	p := Pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	write(t, p.Cert, "CERTIFICATE", der)
	write(t, p.Key, "PRIVATE KEY", raw)
	return p
}

// Pool trusts the authority.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Load reads the pair.
func (p Pair) Load(t T) tls.Certificate {
	t.Helper()
	c, err := tls.LoadX509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatalf("reading a certificate: %v", err)
	}
	return c
}

// Config is of a client that shows the pair and trusts the authority.
func (a *Authority) Config(t T, p Pair) *tls.Config {
	t.Helper()
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: a.Pool(), Certificates: []tls.Certificate{p.Load(t)}}
}

// Replace has the files of p hold another pair, as a renewal does.
func (p Pair) Replace(t T, with Pair) {
	t.Helper()
	Copy(t, with.Cert, p.Cert)
	Copy(t, with.Key, p.Key)
}

// Copy writes one file over another.
func Copy(t T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, raw, 0o600)
	}
	if err != nil {
		t.Fatalf("replacing a file: %v", err)
	}
}

func template(t T, name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatalf("making a certificate: %v", err)
	}
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
}

func newKey(t T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("making a key: %v", err)
	}
	return key
}

func write(t T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatalf("writing %s: %v", path, err)
	}
}
