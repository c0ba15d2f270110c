package gateway

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/modules/internal/ship"
	"github.com/convosphere/gateway/modules/internal/trace"
)

// Tracing is where the traces of requests go.
type Tracing struct {
	// The collector's address, whole: https://collector:4318/v1/traces (OTLP over HTTP).
	Endpoint string `json:"endpoint"`
	// How many of the traces that begin here are recorded, 0 to 1; default 0.1. What a trusted proxy has begun goes by what it says.
	Sample *float64 `json:"sample,omitempty"`
	// Requests that end with 5xx give no span where they are not sampled.
	NoErrors bool `json:"no_errors,omitempty"`
	// What spans say that they come from. Default: "convosphere-gateway".
	Service string `json:"service,omitempty"`
	// How many spans may wait for the collector, 512 to 1048576; default 8192. The rest is left out.
	Queue int `json:"queue,omitempty"`
	// PEM file of the authorities that vouch for the collector. Default: the system's.
	CA string `json:"ca,omitempty"`
	// PEM files of the certificate that the gateway shows, and of its key.
	Certificate    string `json:"client_certificate,omitempty"`
	CertificateKey string `json:"client_key,omitempty"`
	// Headers of requests to the collector.
	Headers map[string]string `json:"headers,omitempty"`
}

var errTracesPlain = errors.New("traces would cross the network in the clear, for whoever listens on the way: write an https address")

const defaultSample = 0.1

// openTracing gives g a tracer, where the configuration names a collector. A reload that changes nothing of it takes it over; else the old one sends what it has.
func (a *App) openTracing(g *ground.Ground, releases *[]func() error) error {
	if a.Tracing == nil {
		return nil
	}
	c, err := a.fillTracing(*a.Tracing)
	if err != nil {
		return fmt.Errorf("gateway: tracing: %w", err)
	}
	if ship.Exposed(c.Endpoint) && a.PlainLinks != "warn" { // fail closed, as other links to another machine
		return fmt.Errorf("gateway: tracing: %w, or plain_links warn where the network itself is encrypted", errTracesPlain)
	}
	name, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("gateway: tracing: %w", err)
	}
	logger := a.logger
	t, release, err := acquire("tracing", a.Node+"\x00"+string(name), func() (*trace.Tracer, func() error, error) {
		to, err := ship.NewTraces(ship.HTTP{URL: c.Endpoint, Header: c.Headers, TLS: link.TLS{CA: c.CA, Certificate: c.Certificate, Key: c.CertificateKey}}, cmp.Or(c.Service, "convosphere-gateway"), a.Node)
		if err != nil {
			return nil, nil, err
		}
		t, err := trace.New(trace.Config{Ratio: c.ratio(), Errors: !c.NoErrors, Queue: c.Queue, Exporter: to, Failed: func(err error) {
			logger.Warn("the collector did not take traces; they are tried again, and left out if it stays so", zap.Error(err))
		}})
		if err != nil {
			return nil, nil, errors.Join(err, to.Close())
		}
		return t, t.Close, nil
	})
	if err != nil {
		return fmt.Errorf("gateway: tracing: %w", err)
	}
	g.Tracer, *releases = t, append(*releases, release)
	return nil
}

func (t *Tracing) ratio() float64 {
	if t.Sample == nil {
		return defaultSample
	}
	return *t.Sample
}

// fillTracing puts in placeholders: what is secret stays out of the configuration that the admin API shows.
func (a *App) fillTracing(t Tracing) (Tracing, error) {
	repl := caddy.NewReplacer()
	t.Headers = maps.Clone(t.Headers)
	for name, value := range t.Headers {
		v, err := repl.ReplaceOrErr(value, true, true)
		if err != nil {
			return t, fmt.Errorf("header %s: %w", name, err)
		}
		t.Headers[name] = strings.TrimSpace(v)
	}
	for option, s := range map[string]*string{"endpoint": &t.Endpoint, "ca": &t.CA, "client_certificate": &t.Certificate, "client_key": &t.CertificateKey, "service": &t.Service} {
		v, err := repl.ReplaceOrErr(*s, true, true)
		if err != nil {
			return t, fmt.Errorf("%s: %w", option, err)
		}
		*s = strings.TrimSpace(v)
	}
	if t.Endpoint == "" {
		return t, errors.New("it does not say where to: name an endpoint")
	}
	return t, nil
}
