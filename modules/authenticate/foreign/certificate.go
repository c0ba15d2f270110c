package foreign

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Certificate gives an identity to TLS clients by their certificate. All that is given of subject, san and issuer must fit.
type Certificate struct {
	// The identity's name: "billing" becomes "billing@certificate".
	Name string `json:"name,omitempty"`
	// Where the name is taken from instead: cn, dns, email or uri, of which the certificate must have exactly one.
	NameFrom string `json:"name_from,omitempty"`
	// The label that ends the name. Default: certificate.
	As string `json:"as,omitempty"`
	// Subjects, one of which must be the certificate's, as in: CN=billing,O=Corp
	Subjects []string `json:"subjects,omitempty"`
	// Alternative names, one of which the certificate must have: dns:, email:, uri: or ip: and the name.
	SANs []string `json:"sans,omitempty"`
	// Authorities: the subject of the one that signed the certificate, or sha256: and the fingerprint of one in its chain.
	Issuers []string `json:"issuers,omitempty"`
	// The identity's roles.
	Roles []string `json:"roles"`
	// What it is: service or foreign (a person). Default: service.
	Kind string `json:"kind,omitempty"`
}

const defaultLabel = "certificate"

func (c Certificate) orDefaults() Certificate {
	if c.As == "" {
		c.As = defaultLabel
	}
	if c.Kind == "" {
		c.Kind = reqctx.KindService
	}
	return c
}

// Check refuses what can't work, or would take more certificates than its writer thinks.
func (c Certificate) Check() error {
	c = c.orDefaults()
	fail := func(format string, args ...any) error {
		return fmt.Errorf("certificate %s: %w", c.Name, fmt.Errorf(format, args...))
	}
	switch {
	case c.Name == "" == (c.NameFrom == ""):
		return fail("it needs either a name or name_from")
	case c.NameFrom != "" && !slices.Contains([]string{"cn", "dns", "email", "uri"}, c.NameFrom):
		return fail("name_from: %q is none of cn, dns, email and uri", c.NameFrom)
	case len(c.Name) > maxName:
		return fail("the name is longer than %d bytes", maxName)
	case !isLabel(c.As):
		return fail("as: %q is no label of a-z, 0-9, dots and dashes", c.As)
	case len(c.Subjects)+len(c.SANs)+len(c.Issuers) == 0:
		return fail("subject, san or issuer is missing: every certificate would fit")
	case len(c.Roles) == 0:
		return fail("roles are missing")
	case c.Kind != reqctx.KindService && c.Kind != reqctx.KindForeign:
		return fail("kind: %q is neither service nor foreign", c.Kind)
	}
	for _, s := range c.SANs {
		kind, name, _ := strings.Cut(s, ":")
		if !slices.Contains([]string{"dns", "email", "uri", "ip"}, kind) || name == "" {
			return fail("san: %q does not begin with dns:, email:, uri: or ip:", s)
		}
	}
	for _, s := range c.Issuers {
		print, ok := strings.CutPrefix(s, "sha256:")
		if b, err := hex.DecodeString(print); ok && (err != nil || len(b) != sha256.Size || print != strings.ToLower(print)) {
			return fail("issuer: %q is no fingerprint of 64 digits 0-9a-f", s)
		}
	}
	for _, s := range slices.Concat(c.Subjects, c.Issuers) {
		if s == "" {
			return fail("an empty subject or issuer")
		}
	}
	if err := checkRoles(c.Roles); err != nil {
		return fail("%w", err)
	}
	return nil
}

// CheckCertificates refuses those that could give one name to two clients.
func CheckCertificates(all []Certificate, issuers []Issuer) error {
	labels := map[string]bool{}
	for _, i := range issuers {
		labels[i.orDefaults().As] = true
	}
	for n, c := range all {
		if err := c.Check(); err != nil {
			return err
		}
		c = c.orDefaults()
		if labels[c.As] {
			return fmt.Errorf("certificate: the label %q is an issuer's", c.As)
		}
		for _, other := range all[:n] {
			if other.orDefaults().As == c.As && (c.NameFrom != "" || other.NameFrom != "") {
				return errors.New("certificate: one with name_from needs a label of its own, as in: as staff")
			}
		}
	}
	return nil
}

// ByCertificate returns whom the connection's certificate stands for, by the first that fits; nil for nobody. Only chains that the TLS server verified
// count, and only connections whose handshake is complete: early data can be sent again by anybody.
func ByCertificate(all []Certificate, cs *tls.ConnectionState, now time.Time) *reqctx.Identity {
	if len(all) == 0 || cs == nil || !cs.HandshakeComplete {
		return nil
	}
	for _, c := range all {
		c = c.orDefaults()
		for _, chain := range cs.VerifiedChains {
			if id := c.identity(chain, now); id != nil {
				return id
			}
		}
	}
	return nil
}

func (c *Certificate) identity(chain []*x509.Certificate, now time.Time) *reqctx.Identity {
	if len(chain) == 0 || !c.fits(chain) {
		return nil
	}
	// It was valid at the handshake; connections last.
	expires := chain[0].NotAfter
	for _, one := range chain {
		if one.NotAfter.Before(expires) {
			expires = one.NotAfter
		}
	}
	name := c.nameOf(chain[0])
	if !nameable(name) || !now.Before(expires) || now.Before(chain[0].NotBefore) {
		return nil
	}
	name = spell(name) + "@" + c.As
	sum := sha256.Sum256(chain[0].Raw)
	return &reqctx.Identity{
		Subject: name, Name: name, Roles: c.Roles, Kind: c.Kind, Issuer: cut(chain[0].Issuer.String(), 256), TokenID: hex.EncodeToString(sum[:16]),
		Methods: []string{"pop"}, // RFC 8176: a key's possession was proved
		ACR:     reqctx.ACRSingle, Expires: expires,
	}
}

func (c *Certificate) fits(chain []*x509.Certificate) bool {
	leaf := chain[0]
	if len(c.Subjects) > 0 && !slices.Contains(c.Subjects, leaf.Subject.String()) {
		return false
	}
	if len(c.SANs) > 0 && !slices.ContainsFunc(sans(leaf), func(s string) bool { return slices.Contains(c.SANs, s) }) {
		return false
	}
	return len(c.Issuers) == 0 || slices.ContainsFunc(c.Issuers, func(s string) bool { return issuedBy(chain, s) })
}

func issuedBy(chain []*x509.Certificate, issuer string) bool {
	print, ok := strings.CutPrefix(issuer, "sha256:")
	if !ok {
		return chain[0].Issuer.String() == issuer
	}
	return slices.ContainsFunc(chain[1:], func(one *x509.Certificate) bool {
		sum := sha256.Sum256(one.Raw)
		return hex.EncodeToString(sum[:]) == print
	})
}

func sans(c *x509.Certificate) []string {
	var all []string
	for _, s := range c.DNSNames {
		all = append(all, "dns:"+s)
	}
	for _, s := range c.EmailAddresses {
		all = append(all, "email:"+s)
	}
	for _, u := range c.URIs {
		all = append(all, "uri:"+u.String())
	}
	for _, ip := range c.IPAddresses {
		all = append(all, "ip:"+ip.String())
	}
	return all
}

func (c *Certificate) nameOf(leaf *x509.Certificate) string {
	if c.Name != "" {
		return c.Name
	}
	if c.NameFrom == "cn" {
		return leaf.Subject.CommonName
	}
	found := ""
	for _, s := range sans(leaf) {
		if name, ok := strings.CutPrefix(s, c.NameFrom+":"); ok {
			if found != "" {
				return "" // which of them would be chance
			}
			found = name
		}
	}
	return found
}
