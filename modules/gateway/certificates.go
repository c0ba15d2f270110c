package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/expiry"
	"github.com/convosphere/gateway/modules/internal/health"
	"github.com/convosphere/gateway/modules/internal/host"
	"github.com/convosphere/gateway/modules/internal/link"
)

// watchCertificates looks when those of the gateway's own links end. Other apps add theirs.
func (a *App) watchCertificates() error {
	x := a.ground.Expiry
	x.Files(expiry.Store, "", a.storeFiles())
	x.Files(expiry.Database, "", a.ground.DB.Files())
	if t := a.Tracing; t != nil {
		if err := watchLink(x, expiry.Tracing, "", t.CA, t.Certificate, t.CertificateKey); err != nil {
			return fmt.Errorf("tracing: %w", err)
		}
	}
	if a.Events == nil {
		return nil
	}
	for name, o := range a.Events.Outputs {
		if err := watchLink(x, expiry.Output, name, o.CA, o.Certificate, o.CertificateKey); err != nil {
			return fmt.Errorf("output %s: %w", name, err)
		}
	}
	return nil
}

func watchLink(x *expiry.Set, use, name, ca, certificate, key string) error {
	t, err := host.FillTLS(link.TLS{CA: ca, Certificate: certificate, Key: key})
	if err != nil {
		return err
	}
	return x.Link(use, name, t)
}

// watchSites looks when those of the configuration's sites end, as Caddy has them in memory: nobody is connected to, and no file is read. Those that it obtains
// on demand are for hosts that no configuration names.
func (a *App) watchSites() {
	app, err := host.App[*caddyhttp.App](a.ctx, "http")
	if err != nil {
		return // no servers, no sites
	}
	hosts := siteHosts(app)
	a.ground.Expiry.Add(func() []expiry.Certificate { return siteCertificates(hosts) })
}

// siteHosts are the names that the sites have.
func siteHosts(app *caddyhttp.App) (all []string) {
	for _, server := range app.Servers {
		for _, route := range server.Routes {
			for _, h := range host.Hosts(&route) {
				if !strings.Contains(h, "{") { // what it is, only a request knows
					all = append(all, h)
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func siteCertificates(hosts []string) (all []expiry.Certificate) {
	// Caddy lets its cache go with the last configuration that had TLS, and asking then panics: there is nothing any more that could end.
	defer func() {
		if recover() != nil {
			all = nil
		}
	}()
	for _, h := range hosts {
		// Of several for one name the one that lasts the longest: Caddy shows it, or will.
		var best expiry.Certificate
		for _, c := range caddytls.AllMatchingCertificates(h) {
			if c.Leaf != nil && c.Leaf.NotAfter.After(best.Until) {
				best = expiry.Certificate{Use: expiry.Site, Name: h, Life: link.Life{From: c.Leaf.NotBefore, Until: c.Leaf.NotAfter}}
			}
		}
		if !best.Until.IsZero() {
			all = append(all, best)
		}
	}
	return all
}

// certificatesHealth is never failed: what an ended certificate breaks says so itself, and all nodes of a fleet may have the same.
func (a *App) certificatesHealth(context.Context) (health.State, string) {
	if due := a.ground.Expiry.Due(time.Now()); due != "" {
		return health.Degraded, due + " and should have been renewed"
	}
	return health.OK, ""
}

// expiryCollector tells of each use the certificate that is the closest to having to be renewed.
type expiryCollector struct{ set *expiry.Set }

var (
	certificateEnds = prometheus.NewDesc("gateway_certificate_not_after_seconds", "When the certificate ends that is to be renewed first, of those for one use, as a time since 1970; of authorities (kind) that of the file's last one.", []string{"use", "kind"}, nil)
	certificateLife = prometheus.NewDesc("gateway_certificate_lifetime_seconds", "For how long that certificate was made: short ones are renewed late.", []string{"use", "kind"}, nil)
)

// Describe implements prometheus.Collector.
func (expiryCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- certificateEnds
	ch <- certificateLife
}

// Collect implements prometheus.Collector.
func (c expiryCollector) Collect(ch chan<- prometheus.Metric) {
	for _, first := range c.set.First(time.Now()) {
		kind := "certificate"
		if first.Authority {
			kind = "authority"
		}
		ch <- prometheus.MustNewConstMetric(certificateEnds, prometheus.GaugeValue, float64(first.Until.Unix()), first.Use, kind)
		ch <- prometheus.MustNewConstMetric(certificateLife, prometheus.GaugeValue, first.Until.Sub(first.From).Seconds(), first.Use, kind)
	}
}
