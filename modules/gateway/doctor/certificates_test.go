package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// made is a certificate that a test has made.
type made struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func issue(t *testing.T, by *made, until time.Time, names ...string) made {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: until.Add(-90 * 24 * time.Hour), NotAfter: until, DNSNames: names, IsCA: by == nil, BasicConstraintsValid: true}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(raw); err != nil {
		t.Fatal(err)
	}
	return made{c, key}
}

func write(t *testing.T, mode os.FileMode, blocks ...*pem.Block) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pem")
	var raw []byte
	for _, b := range blocks {
		raw = append(raw, pem.EncodeToMemory(b)...)
	}
	if err := os.WriteFile(path, raw, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func (m made) certificate() *pem.Block {
	return &pem.Block{Type: "CERTIFICATE", Bytes: m.cert.Raw}
}

func (m made) private(t *testing.T) *pem.Block {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(m.key)
	if err != nil {
		t.Fatal(err)
	}
	return &pem.Block{Type: "PRIVATE KEY", Bytes: raw}
}

func TestPair(t *testing.T) {
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	ca := issue(t, nil, now.Add(1000*24*time.Hour))
	other := issue(t, nil, now.Add(1000*24*time.Hour))
	leaf := issue(t, &ca, now.Add(60*24*time.Hour), "chat.example.com", "*.example.org")
	chain, key := write(t, 0o644, leaf.certificate(), ca.certificate()), write(t, 0o600, leaf.private(t))

	wellBut(t, Pair("a site's", chain, key, []string{"chat.example.com", "*.example.org", "{$SITE}"}, now))
	finds(t, Pair("a site's", chain, write(t, 0o600, other.private(t)), nil, now), "certificate", Fail, "private key does not match")
	finds(t, Pair("a site's", chain, write(t, 0o644, leaf.private(t)), nil, now), "certificate-key", Fail, "everybody")
	finds(t, Pair("a site's", chain, key, []string{"other.example.com"}, now), "certificate-names", Fail, "other.example.com")
	finds(t, Pair("a site's", write(t, 0o644, leaf.certificate(), other.certificate()), key, nil, now), "certificate-chain", Fail, "not signed by the next")
	finds(t, Pair("a site's", chain+"x", key, nil, now), "certificate", Fail, "no such file")
	for left, want := range map[time.Duration]State{-time.Hour: Fail, 24 * time.Hour: Fail, 10 * 24 * time.Hour: Warn, 40 * 24 * time.Hour: OK} {
		finds(t, Pair("a site's", chain, key, nil, leaf.cert.NotAfter.Add(-left)), "certificate", want, "2027-01-26")
	}
}

func TestAuthority(t *testing.T) {
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	old, fresh := issue(t, nil, now.Add(-time.Hour)), issue(t, nil, now.Add(100*24*time.Hour))
	finds(t, []Finding{Authority("a link", write(t, 0o644, old.certificate()), now)}, "certificate-ca", Fail, "has ended")
	finds(t, []Finding{Authority("a link", write(t, 0o644, old.certificate(), fresh.certificate()), now)}, "certificate-ca", OK, "lasts")
	finds(t, []Finding{Authority("a link", write(t, 0o644), now)}, "certificate-ca", Fail, "holds no certificate")
}

func TestKept(t *testing.T) {
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	path := write(t, 0o600, issue(t, nil, now.Add(60*24*time.Hour)).certificate())
	if f, bad := Kept(path, now); bad || f.State != OK {
		t.Errorf("%+v", f)
	}
	for _, later := range []time.Duration{50, 61} {
		if f, bad := Kept(path, now.Add(later*24*time.Hour)); !bad || f.State != Warn || f.Do == "" {
			t.Errorf("%+v", f)
		}
	}
	if f, bad := Kept(write(t, 0o600), now); !bad || f.State != Warn {
		t.Errorf("%+v", f)
	}
}
