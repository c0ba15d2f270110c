package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Certificates that end within that should have been renewed.
const (
	soon     = 21 * 24 * time.Hour
	verySoon = 3 * 24 * time.Hour
	mostPEM  = 4 << 20
)

// Authority looks at a file of authorities that vouch for others.
func Authority(what, path string, now time.Time) Finding {
	check := "certificate-ca"
	certs, err := readCertificates(path)
	if err != nil {
		return fail(check, "name a PEM file with the authority's certificate", "%s: %v", what, err)
	}
	ends := certs[0].NotAfter
	for _, c := range certs { // one that lasts is enough
		if c.NotAfter.After(ends) {
			ends = c.NotAfter
		}
	}
	return lasts(check, what+" "+path, ends, now)
}

// Pair looks at a certificate and its key: that they belong together, nobody else reads the key, the chain hangs together, it is for these hosts, and it lasts.
func Pair(what, certificate, key string, hosts []string, now time.Time) []Finding {
	const check = "certificate"
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return []Finding{fail(check, "put a certificate and the key that belongs to it there", "%s: %v", what, err)}
	}
	var all []Finding
	if info, err := os.Stat(key); err == nil && info.Mode().Perm()&0o007 != 0 {
		all = append(all, fail("certificate-key", "run chmod o-rwx on it", "%s: the key %s can be read by everybody", what, key))
	}
	if err := chain(pair); err != nil {
		all = append(all, fail("certificate-chain", "put the certificate first, then each that has signed the one before", "%s %s: %v", what, certificate, err))
	}
	for _, h := range hosts {
		if strings.Contains(h, "{") {
			continue // what it is, only the running gateway knows
		}
		if err := pair.Leaf.VerifyHostname(strings.TrimPrefix(h, "*.")); err != nil && !wild(pair.Leaf, h) {
			all = append(all, fail("certificate-names", "have one issued for that name", "%s %s is not for %s", what, certificate, h))
		}
	}
	return append(all, lasts(check, what+" "+certificate, pair.Leaf.NotAfter, now))
}

// wild tells whether a certificate has that very name with a star.
func wild(c *x509.Certificate, host string) bool {
	for _, n := range c.DNSNames {
		if strings.EqualFold(n, host) {
			return true
		}
	}
	return false
}

// chain sees that each certificate is signed by the next.
func chain(pair tls.Certificate) error {
	last := pair.Leaf
	for _, raw := range pair.Certificate[1:] {
		next, err := x509.ParseCertificate(raw)
		if err != nil {
			return err
		}
		if err := last.CheckSignatureFrom(next); err != nil {
			return fmt.Errorf("%s is not signed by the next one, %s", last.Subject, next.Subject)
		}
		last = next
	}
	return nil
}

func lasts(check, what string, until, now time.Time) Finding {
	left := until.Sub(now)
	day := until.UTC().Format(time.DateOnly)
	switch {
	case left <= 0:
		return fail(check, "renew it", "%s has ended on %s", what, day)
	case left < verySoon:
		return fail(check, "renew it now, and find out why nobody has", "%s ends on %s", what, day)
	case left < soon:
		return warn(check, "renew it", "%s ends on %s", what, day)
	}
	return ok(check, "%s lasts until %s", what, day)
}

func readCertificates(path string) ([]*x509.Certificate, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(f, mostPEM))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return all, nil
}

// Kept looks at a certificate that the gateway obtained by itself, and renews by itself.
func Kept(path string, now time.Time) (Finding, bool) {
	certs, err := readCertificates(path)
	if err != nil {
		return warn("certificate-kept", "look at the file", "%v", err), true
	}
	c := certs[0]
	left, life := c.NotAfter.Sub(now), c.NotAfter.Sub(c.NotBefore)
	if left > life/6 {
		return ok("certificate-kept", "%s lasts until %s", path, c.NotAfter.UTC().Format(time.RFC3339)), false
	}
	state := "ends soon"
	if left <= 0 {
		state = "has ended"
	}
	return warn("certificate-kept", "look in the gateway's log for why it was not renewed, or remove the file of a site that is no more", "%s %s (%s)", path, state, c.NotAfter.UTC().Format(time.RFC3339)), true
}
