package gateway

import (
	"path/filepath"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/health"
	"github.com/convosphere/gateway/test/pki"
	"github.com/convosphere/gateway/test/stop"
)

// serving loads a gateway with a site of that certificate.
func serving(t *testing.T, app map[string]any, p pki.Pair) *ground.Ground {
	t.Helper()
	raw := caddyconfig.JSON(map[string]any{
		"admin": map[string]any{"disabled": true, "config": map[string]any{"persist": false}},
		"apps": map[string]any{
			"gateway": app,
			"tls":     map[string]any{"certificates": map[string]any{"load_files": []any{map[string]any{"certificate": p.Cert, "key": p.Key}}}},
			"http": map[string]any{"servers": map[string]any{"s": map[string]any{
				"listen":                  []string{"127.0.0.1:0"},
				"automatic_https":         map[string]any{"disable": true},
				"tls_connection_policies": []any{map[string]any{}},
				"routes":                  []any{map[string]any{"match": []any{map[string]any{"host": []string{"site.test", "{env.NONE}", "unknown.test"}}}}},
			}}},
		},
	}, nil)
	if err := caddy.Load(raw, true); err != nil {
		t.Fatal(err)
	}
	a, err := caddy.ActiveContext().App("gateway")
	if err != nil {
		t.Fatal(err)
	}
	return a.(*App).Ground()
}

// told are the uses that the metrics tell of.
func told(t *testing.T, g *ground.Ground) map[string]float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(expiryCollector{g.Expiry})
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "gateway_certificate_not_after_seconds" {
			for _, m := range f.GetMetric() {
				all[m.GetLabel()[1].GetValue()+" "+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
			}
		}
	}
	return all
}

// Certificates of sites and links are told of by metrics, and one that should have been renewed degrades the gateway until it is.
func TestCertificatesEnd(t *testing.T) {
	stop.After(t)
	ca, dir := pki.New(t, "ca.test"), t.TempDir()
	ended, good := ca.Make(t, pki.Kind{Name: "site.test", Hosts: []string{"site.test"}, Ended: true}), ca.Server(t, "site.test")
	mine := ca.Client(t, "gateway")
	app := map[string]any{"data_dir": filepath.Join(dir, "data"), "events": map[string]any{"outputs": map[string]any{
		"siem": map[string]any{"kind": "syslog", "to": "tls://127.0.0.1:1", "ca": ca.File, "client_certificate": mine.Cert, "client_key": mine.Key},
	}}}
	g := serving(t, app, ended)
	turns(t, g, "certificates", health.Degraded, "the certificate of the site site.test has ended on ")
	got := told(t, g)
	if len(got) != 3 || got["site certificate"] != float64(ended.Load(t).Leaf.NotAfter.Unix()) || got["output certificate"] != float64(mine.Load(t).Leaf.NotAfter.Unix()) || got["output authority"] == 0 {
		t.Errorf("%v", got)
	}
	turns(t, serving(t, app, good), "certificates", health.OK, "")

	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	if all := siteCertificates([]string{"site.test"}); all != nil {
		t.Errorf("without TLS: %v", all)
	}
}
