package gateway

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/trace"
	"github.com/convosphere/gateway/test/pki"
	"github.com/convosphere/gateway/test/stop"
)

func TestTracingCaddyfile(t *testing.T) {
	for body, want := range map[string]string{
		"tracing off":              `{}`,
		"tracing https://c/traces": `{"tracing":{"endpoint":"https://c/traces"}}`,
		"tracing https://c/traces {\n sample 25%\n errors off\n service edge\n queue 1000\n ca a.pem\n client_certificate b.pem c.pem\n header X {env.Y}\n header Z 1\n}": `{"tracing":{"endpoint":"https://c/traces",` +
			`"sample":0.25,"no_errors":true,"service":"edge","queue":1000,"ca":"a.pem","client_certificate":"b.pem","client_key":"c.pem","headers":{"X":"{env.Y}","Z":"1"}}}`,
		"tracing https://c/traces {\n sample parent\n errors on\n}": `{"tracing":{"endpoint":"https://c/traces","sample":0}}`,
		"tracing https://c/traces {\n sample 1\n}":                  `{"tracing":{"endpoint":"https://c/traces","sample":1}}`,
	} {
		got, err := adapt(t, "gateway {\n "+body+"\n}")
		if err != nil || got != want {
			t.Errorf("%s\n got %s %v\nwant %s", body, got, err, want)
		}
	}
	for body, want := range map[string]string{
		"tracing": "tracing off", "tracing off {\n sample 1\n}": "off has no sample", "tracing a b": "tracing off",
		"tracing https://c {\n nonsense\n}": "knows sample, errors", "tracing https://c {\n sample 101%\n}": "no part", "tracing https://c {\n sample NaN\n}": "no part",
		"tracing https://c {\n sample -1\n}": "no part", "tracing https://c {\n errors maybe\n}": "neither on nor off", "tracing https://c {\n queue 5\n}": "512 to 1048576",
		"tracing https://c {\n sample 1\n sample 0\n}": "twice", "tracing https://c {\n ca\n}": "Caddyfile:4", "tracing https://c {\n client_certificate a\n}": "Caddyfile:4",
	} {
		if _, err := adapt(t, "gateway {\n "+body+"\n}"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

// A reload that changes nothing of tracing keeps what waits; a bad one leaves the tracer; and what another configuration has put in its place sends what it has.
func TestTracingOverReloads(t *testing.T) {
	took := make(chan string, 16)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { took <- r.URL.Path }))
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	stop.After(t)
	with := func(tracing map[string]any) map[string]any {
		return map[string]any{"data_dir": dir, "tracing": tracing}
	}
	first, err := load(t, with(map[string]any{"endpoint": srv.URL + "/a", "sample": 1}))
	if err != nil || first.Tracer == nil {
		t.Fatal(err)
	}
	same, err := load(t, with(map[string]any{"endpoint": srv.URL + "/a", "sample": 1}))
	if err != nil || same.Tracer != first.Tracer {
		t.Fatal("a reload that changes nothing has made another tracer", err)
	}
	for _, bad := range []map[string]any{
		{"endpoint": ""}, {"endpoint": "http://collector.example:4318"}, {"endpoint": "ftp://c"}, {"endpoint": "https://user:secret@c"}, {"endpoint": srv.URL, "sample": 2}, {"endpoint": srv.URL, "queue": 3},
		{"endpoint": srv.URL, "ca": "/no/such/file"}, {"endpoint": "{env.NOT_THERE_AT_ALL}"}, {"endpoint": srv.URL, "headers": map[string]string{"A": "{file./no/such}"}},
	} {
		if _, err := load(t, with(bad)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v: %v", bad, err)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	q := first.Tracer.Start(r, false, time.Now())
	q.Finish(trace.Answer{Name: "GET", Status: 200}, time.Now())
	if _, err := load(t, with(map[string]any{"endpoint": srv.URL + "/b"})); err != nil {
		t.Fatal(err)
	}
	select {
	case path := <-took:
		if path != "/a" {
			t.Error(path)
		}
	case <-time.After(time.Minute):
		t.Error("what waited was lost")
	}
	off, err := load(t, map[string]any{"data_dir": dir})
	if err != nil || off.Tracer != nil {
		t.Error("off is on", err)
	}
}

// The certificate that the gateway shows to a collector is the one that its files hold now: a renewal takes no reload.
func TestTracingTakesRenewedCertificates(t *testing.T) {
	ca := pki.New(t, "ca.test")
	shown := make(chan string, 16)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { shown <- r.TLS.PeerCertificates[0].Subject.CommonName }))
	srv.EnableHTTP2 = true
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Server(t, "127.0.0.1").Load(t)}, ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	stop.After(t)
	mine := ca.Client(t, "one")
	g, err := load(t, map[string]any{"data_dir": t.TempDir(), "tracing": map[string]any{
		"endpoint": srv.URL + "/v1/traces", "sample": 1, "ca": ca.File, "client_certificate": mine.Cert, "client_key": mine.Key,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		q := g.Tracer.Start(httptest.NewRequest("GET", "/", nil), false, time.Now())
		q.Finish(trace.Answer{Name: "GET", Status: 200}, time.Now())
		select {
		case got := <-shown:
			if got != want {
				t.Fatalf("%s is shown, not %s", got, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("no span under %s", want)
		}
		mine.Replace(t, ca.Client(t, "two"))
	}
}
