package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/link"
	"github.com/convosphere/gateway/modules/internal/ship"
	"github.com/convosphere/gateway/modules/internal/store"
)

// EventOutput sends security events to another machine, or to another file.
type EventOutput struct {
	// What takes them: "file", "syslog", "webhook", "otlp" or "redis_stream".
	Kind string `json:"kind"`
	// Where it is: a path; tls://, tcp:// or udp://host:port; an https:// address; redis://…, default the store.
	To string `json:"to,omitempty"`
	// How events are written: "ecs" (default), "ocsf" or "cef".
	Format string `json:"format,omitempty"`
	// Categories and actions of events. Default: all.
	Only []string `json:"only,omitempty"`
	// The least level: "informational" (default), "low", "medium", "high" or "critical".
	Level string `json:"level,omitempty"`
	// How many bytes may wait on the disk for the receiver, at least 1 MiB; default 256 MiB.
	Spool int64 `json:"spool,omitempty"`
	// PEM file of the authorities that vouch for the receiver. Default: the system's.
	CA string `json:"ca,omitempty"`
	// PEM files of the certificate that the gateway shows, and of its key.
	Certificate    string `json:"client_certificate,omitempty"`
	CertificateKey string `json:"client_key,omitempty"`
	// Headers of requests (webhook, otlp).
	Headers map[string]string `json:"headers,omitempty"`
	// What requests are signed with (webhook).
	Secret string `json:"secret,omitempty"`
	// Of messages (syslog). Default: "authpriv".
	Facility string `json:"facility,omitempty"`
	// The stream's key (redis_stream). Default: "gw:{events}:" and the output's name.
	Stream string `json:"stream,omitempty"`
	// How many entries the stream keeps, roughly (redis_stream). Default: 1000000.
	Most int64 `json:"most,omitempty"`
}

const (
	defaultSpool  = 256 << 20
	leastSpool    = 1 << 20
	defaultStream = 1_000_000
	httpLinger    = 250 * time.Millisecond // requests carry some events, not one each
)

var outputName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// output is one of a configuration.
type output struct {
	name   string
	ship   *ship.Output
	config ship.Config
	used   bool // the sender is the output's to close
}

// openOutputs makes the senders and takes the outputs, which outlive a reload with what is in their spools.
func (a *App) openOutputs(releases *[]func() error) error {
	if a.Events == nil {
		return nil
	}
	var back []func() error
	*releases = append(*releases, func() error { return together(back) })
	for _, name := range slices.Sorted(maps.Keys(a.Events.Outputs)) {
		c, err := a.outputConfig(name, a.Events.Outputs[name])
		if err != nil {
			return fmt.Errorf("gateway: events: output %s: %w", name, err)
		}
		o := &output{name: name, config: c}
		a.outputs = append(a.outputs, o)
		var release func() error
		o.ship, release, err = acquire("output", a.DataDir+"\x00"+name, func() (*ship.Output, func() error, error) {
			s := ship.New(name, a.spoolDir(name))
			return s, s.Close, nil
		})
		if err != nil {
			return err
		}
		back = append(back, release)
	}
	return nil
}

func (a *App) spoolDir(name string) string { return filepath.Join(a.DataDir, "spool", name) }

// together calls all at once: each output may take its seconds to send what waits.
func together(all []func() error) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// startOutputs puts the configuration's outputs in force until stop.
func (a *App) startOutputs(g *ground.Ground) (stop func(), err error) {
	var releases []func()
	stop = func() {
		for _, release := range releases {
			release()
		}
	}
	for _, o := range a.outputs {
		c := o.config
		c.Opener, c.Log = g.Keys, a.logger
		if a.Events.Encrypt {
			c.Sealer = g.Keys
		}
		release, err := o.ship.Use(c, g.Events)
		if err != nil {
			stop()
			return nil, fmt.Errorf("gateway: events: %w", err)
		}
		o.used = true
		releases = append(releases, release)
	}
	a.tellOrphans()
	return stop, nil
}

// closeOutputs lets go of senders that were never put in force.
func (a *App) closeOutputs() {
	for _, o := range a.outputs {
		if !o.used {
			_ = o.config.Sender.Close() // it never connected
		}
	}
	a.outputs = nil
}

// tellOrphans warns of events that wait for an output which is no longer configured.
func (a *App) tellOrphans() {
	waiting, err := filepath.Glob(filepath.Join(a.DataDir, "spool", "*", "*.spool"))
	if err != nil {
		return // the pattern is ours
	}
	for _, file := range waiting {
		name := filepath.Base(filepath.Dir(file))
		if _, ok := a.Events.Outputs[name]; ok {
			continue
		}
		if info, err := os.Stat(file); err == nil && info.Size() > 0 {
			a.logger.Warn("events wait for an output that is not configured: name one like it, or remove its folder", zap.String("folder", filepath.Dir(file)))
		}
	}
}

// outputConfig reads one output.
func (a *App) outputConfig(name string, o *EventOutput) (c ship.Config, err error) {
	if !outputName.MatchString(name) {
		return c, errors.New("a name is up to 32 of a-z, 0-9, - and _")
	}
	if o == nil {
		return c, errors.New("it says nothing")
	}
	filled, err := a.fillOutput(name, *o)
	if err != nil {
		return c, err
	}
	o = &filled
	if err := o.fits(); err != nil {
		return c, err
	}
	if c.Format, err = ship.ParseFormat(o.Format); err != nil {
		return c, err
	}
	c.Level, err = ship.ParseLevel(cmp.Or(o.Level, "informational"))
	if err != nil {
		return c, err
	}
	c.Only, c.SpoolSize = o.Only, cmp.Or(o.Spool, defaultSpool)
	if c.SpoolSize < leastSpool {
		return c, errors.New("spool: it must have room for 1MiB at least")
	}
	if o.Kind == "webhook" || o.Kind == "otlp" {
		c.Linger = httpLinger
	}
	if err := a.checkOutput(name, o.To); err != nil {
		return c, err
	}
	c.Sender, err = a.sender(name, o, c.Format)
	return c, err
}

// fillOutput puts in placeholders: what is secret stays out of the configuration that the admin API shows.
func (a *App) fillOutput(name string, o EventOutput) (EventOutput, error) {
	repl := caddy.NewReplacer()
	fill := func(s string) (string, error) {
		v, err := repl.ReplaceOrErr(s, true, true)
		return strings.TrimSpace(v), err
	}
	a.tellPassword("output "+name, o.To)
	if o.Secret != "" && !strings.ContainsAny(o.Secret, "{}") && a.logger != nil {
		a.logger.Warn("the configuration holds a secret, which the admin API and the autosaved configuration show: write {env.NAME} or {file.PATH} for it", zap.String("output", name))
	}
	var err error
	for _, s := range []*string{&o.To, &o.Secret, &o.CA, &o.Certificate, &o.CertificateKey} {
		if *s, err = fill(*s); err != nil {
			return o, err
		}
	}
	o.Headers = maps.Clone(o.Headers)
	for k, v := range o.Headers {
		if o.Headers[k], err = fill(v); err != nil {
			return o, err
		}
	}
	return o, nil
}

// fits refuses settings that its kind does not know.
func (o *EventOutput) fits() error {
	for _, given := range []struct {
		word  string
		is    bool
		kinds []string
	}{
		{"format cef", o.Format == "cef", []string{"file", "syslog", "redis_stream"}},
		{"ca", o.CA != "", []string{"syslog", "webhook", "otlp", "redis_stream"}},
		{"client_certificate", o.Certificate != "" || o.CertificateKey != "", []string{"syslog", "webhook", "otlp", "redis_stream"}},
		{"header", len(o.Headers) > 0, []string{"webhook", "otlp"}},
		{"secret", o.Secret != "", []string{"webhook"}},
		{"facility", o.Facility != "", []string{"syslog"}},
		{"stream", o.Stream != "", []string{"redis_stream"}},
		{"most", o.Most != 0, []string{"redis_stream"}},
	} {
		if given.is && !slices.Contains(given.kinds, o.Kind) {
			return fmt.Errorf("%s goes with %s, not with %s", given.word, strings.Join(given.kinds, " and "), o.Kind)
		}
	}
	if o.To == "" && o.Kind != "redis_stream" {
		return errors.New("it does not say where to")
	}
	return nil
}

func (a *App) sender(name string, o *EventOutput, f ship.Format) (ship.Sender, error) {
	h := ship.HTTP{URL: o.To, Header: o.Headers, TLS: link.TLS{CA: o.CA, Certificate: o.Certificate, Key: o.CertificateKey}}
	switch o.Kind {
	case "file":
		path, err := filepath.Abs(o.To)
		if err != nil {
			return nil, err
		}
		if filepath.Dir(path) == filepath.Join(a.DataDir, "events") {
			return nil, errors.New("the gateway's own events are in that folder: name another file")
		}
		for other, p := range a.Events.Outputs {
			if at, err := filepath.Abs(p.To); other != name && p.Kind == "file" && err == nil && at == path {
				return nil, fmt.Errorf("the output %s writes the same file", other)
			}
		}
		return ship.NewFile(path)
	case "syslog":
		return ship.NewSyslog(ship.SyslogConfig{Address: o.To, Facility: o.Facility, TLS: h.TLS})
	case "webhook":
		return ship.NewWebhook(h, o.Secret)
	case "otlp":
		return ship.NewOTLP(h, f)
	case "redis_stream":
		to := cmp.Or(o.To, a.Store)
		if to == "memory" {
			return nil, errors.New("there is no Redis: name its address, or one as the store")
		}
		if o.CA != "" || o.Certificate != "" || o.CertificateKey != "" {
			var err error
			if to, err = store.Secure(to, h.TLS); err != nil {
				return nil, err
			}
		}
		return ship.NewStream(ship.StreamConfig{Address: to, Options: a.storeOptions(), Key: cmp.Or(o.Stream, "gw:{events}:"+name), Most: cmp.Or(o.Most, defaultStream)})
	}
	return nil, fmt.Errorf("%q is no kind: they are file, syslog, webhook, otlp and redis_stream", o.Kind)
}
