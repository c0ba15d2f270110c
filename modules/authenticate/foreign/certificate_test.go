package foreign

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = a.make(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) make(t testing.TB, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	if c.NotBefore.IsZero() {
		c.NotBefore = time.Now().Add(-time.Hour)
	}
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(time.Hour)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func verified(chain ...*x509.Certificate) *tls.ConnectionState {
	return &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: chain[:1], VerifiedChains: [][]*x509.Certificate{chain}}
}

func TestByCertificate(t *testing.T) {
	ca, other := newAuthority(t, "Corp CA"), newAuthority(t, "Other CA")
	print := sha256.Sum256(ca.cert.Raw)
	pin := "sha256:" + hex.EncodeToString(print[:])
	spiffe, _ := url.Parse("spiffe://corp/billing")
	end := time.Now().Add(30 * time.Minute).Truncate(time.Second)
	billing, _ := ca.make(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "billing", Organization: []string{"Corp"}}, URIs: []*url.URL{spiffe}, DNSNames: []string{"billing.corp", "b.corp"}, EmailAddresses: []string{"b@corp.example"}, NotAfter: end,
	})
	same, _ := other.make(t, &x509.Certificate{Subject: pkix.Name{CommonName: "billing", Organization: []string{"Corp"}}, URIs: []*url.URL{spiffe}})
	comma, _ := ca.make(t, &x509.Certificate{Subject: pkix.Name{CommonName: "billing,O=Corp"}})
	old, _ := ca.make(t, &x509.Certificate{Subject: pkix.Name{CommonName: "billing"}, NotAfter: time.Now().Add(-time.Minute)})
	none, _ := ca.make(t, &x509.Certificate{})
	bySubject := Certificate{Name: "billing", Subjects: []string{"CN=billing,O=Corp"}, Roles: []string{"user"}}
	one := func(c Certificate) []Certificate { return []Certificate{c} }

	for name, c := range map[string]struct {
		rule Certificate
		cs   *tls.ConnectionState
		who  string // "": nobody
	}{
		"subject":               {bySubject, verified(billing, ca.cert), "billing@certificate"},
		"subject of another CA": {bySubject, verified(same, other.cert), "billing@certificate"},
		"and issuer":            {Certificate{Name: "b", Subjects: bySubject.Subjects, Issuers: []string{"CN=Corp CA"}, Roles: []string{"user"}}, verified(billing, ca.cert), "b@certificate"},
		"issuer of another":     {Certificate{Name: "b", Subjects: bySubject.Subjects, Issuers: []string{"CN=Corp CA"}, Roles: []string{"user"}}, verified(same, other.cert), ""},
		"pinned":                {Certificate{Name: "b", SANs: []string{"uri:spiffe://corp/billing"}, Issuers: []string{pin}, Roles: []string{"user"}}, verified(billing, ca.cert), "b@certificate"},
		"pinned, another":       {Certificate{Name: "b", SANs: []string{"uri:spiffe://corp/billing"}, Issuers: []string{pin}, Roles: []string{"user"}}, verified(same, other.cert), ""},
		"the leaf is no issuer": {Certificate{Name: "b", Issuers: []string{"sha256:" + fingerprint(billing)}, Roles: []string{"user"}}, verified(billing, ca.cert), ""},
		"another subject":       {Certificate{Name: "b", Subjects: []string{"CN=billing"}, Roles: []string{"user"}}, verified(billing, ca.cert), ""},
		"a comma in the name":   {bySubject, verified(comma, ca.cert), ""},
		"another san":           {Certificate{Name: "b", SANs: []string{"dns:spiffe://corp/billing", "uri:spiffe://corp"}, Roles: []string{"user"}}, verified(billing, ca.cert), ""},
		"name from cn":          {Certificate{NameFrom: "cn", As: "staff", Issuers: []string{"CN=Corp CA"}, Roles: []string{"user"}, Kind: "foreign"}, verified(comma, ca.cert), "billing%2C%4F%3D%43orp@staff"},
		"name from uri":         {Certificate{NameFrom: "uri", Issuers: []string{"CN=Corp CA"}, Roles: []string{"user"}}, verified(billing, ca.cert), "spiffe%3A%2F%2Fcorp%2Fbilling@certificate"},
		"name from email":       {Certificate{NameFrom: "email", Issuers: []string{"CN=Corp CA"}, Roles: []string{"user"}}, verified(billing, ca.cert), "b%40corp.example@certificate"},
		"name from one of two":  {Certificate{NameFrom: "dns", Issuers: []string{"CN=Corp CA"}, Roles: []string{"user"}}, verified(billing, ca.cert), ""},
		"name from nothing":     {Certificate{NameFrom: "cn", Issuers: []string{"CN=Corp CA"}, Roles: []string{"user"}}, verified(none, ca.cert), ""},
		"expired since":         {Certificate{Name: "b", Issuers: []string{"CN=Corp CA"}, Roles: []string{"user"}}, verified(old, ca.cert), ""},
		"not verified":          {bySubject, &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{billing, ca.cert}}, ""},
		"early data":            {bySubject, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{billing}, VerifiedChains: [][]*x509.Certificate{{billing, ca.cert}}}, ""},
		"no certificate":        {bySubject, &tls.ConnectionState{HandshakeComplete: true}, ""},
		"an empty chain":        {bySubject, &tls.ConnectionState{HandshakeComplete: true, VerifiedChains: [][]*x509.Certificate{{}}}, ""},
		"no TLS":                {bySubject, nil, ""},
	} {
		if err := c.rule.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		id := ByCertificate(one(c.rule), c.cs, time.Now())
		got := ""
		if id != nil {
			got = id.Name
		}
		if got != c.who {
			t.Errorf("%s: %q", name, got)
		}
	}
	id := ByCertificate(one(bySubject), verified(billing, ca.cert), time.Now())
	if id.Kind != reqctx.KindService || id.Subject != id.Name || !slices.Equal(id.Roles, []string{"user"}) || !id.Expires.Equal(end) || id.Session != "" ||
		id.ACR != reqctx.ACRSingle || !id.MFATime.IsZero() || id.Issuer != "CN=Corp CA" || id.Cookie {
		t.Errorf("%+v", id)
	}
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func TestCheckCertificates(t *testing.T) {
	good := Certificate{Name: "billing", Subjects: []string{"CN=billing"}, Roles: []string{"user"}}
	from := Certificate{NameFrom: "cn", Issuers: []string{"CN=CA"}, Roles: []string{"user"}}
	if err := CheckCertificates([]Certificate{good, good}, nil); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Certificate){
		"every certificate would fit": func(c *Certificate) { c.Subjects = nil },
		"either a name or name_from":  func(c *Certificate) { c.NameFrom = "cn" },
		"is none of cn, dns":          func(c *Certificate) { c.Name, c.NameFrom = "", "ip" },
		"roles are missing":           func(c *Certificate) { c.Roles = nil },
		"neither service nor foreign": func(c *Certificate) { c.Kind = "person" },
		"does not begin with":         func(c *Certificate) { c.SANs = []string{"spiffe://x"} },
		"no fingerprint":              func(c *Certificate) { c.Issuers = []string{"sha256:00"} },
		"an empty subject":            func(c *Certificate) { c.Subjects = []string{""} },
		"is no label":                 func(c *Certificate) { c.As = "A" },
	} {
		c := good
		change(&c)
		if err := CheckCertificates([]Certificate{c}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if CheckCertificates([]Certificate{good, from}, nil) == nil || CheckCertificates([]Certificate{from, good}, nil) == nil {
		t.Error("a certificate may choose another's name")
	}
	good.As = "corp"
	if CheckCertificates([]Certificate{good}, []Issuer{{URL: "https://corp"}}) == nil {
		t.Error("a certificate has an issuer's label")
	}
}
