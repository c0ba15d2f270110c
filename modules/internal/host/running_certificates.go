package host

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

// certificates are those that Caddy has at hand for the hosts of a gateway's sites. Where no app does TLS there are none.
func certificates(ctx caddy.Context, g *inforce.Gateway) {
	if app, err := ctx.AppIfConfigured("tls"); err != nil || app == nil {
		return
	}
	var hosts []string
	for _, s := range g.Servers {
		if len(s.TLS) > 0 {
			for _, site := range s.Sites {
				hosts = append(hosts, site.Hosts...)
			}
		}
	}
	slices.Sort(hosts)
	for _, h := range slices.Compact(hosts) {
		for _, c := range caddytls.AllMatchingCertificates(h) {
			if c.Leaf != nil {
				g.Certificates = append(g.Certificates, certificateOf(h, c.Certificate))
			}
		}
	}
}

func certificateOf(host string, c tls.Certificate) inforce.Certificate {
	out := inforce.Certificate{Host: host, From: c.Leaf.NotBefore.UTC(), Until: c.Leaf.NotAfter.UTC(), Issuer: c.Leaf.Issuer.CommonName}
	between := x509.NewCertPool()
	for _, raw := range c.Certificate[1:] {
		if one, err := x509.ParseCertificate(raw); err == nil {
			between.AddCert(one)
		}
	}
	_, err := c.Leaf.Verify(x509.VerifyOptions{Intermediates: between, DNSName: dnsName(host)})
	out.Public = err == nil
	return out
}

// dnsName is a host as certificates are verified for it. One that stands for many is verified for what it is issued for.
func dnsName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if len(host) > 1 && host[0] == '*' {
		return ""
	}
	return host
}
