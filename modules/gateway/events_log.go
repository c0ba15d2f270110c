package gateway

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/audit/auditlog"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/trial"
)

// EventLog says how the audit log is kept: a signed Merkle tree over the events, in the folder "audit" of the data folder.
type EventLog struct {
	// None is kept.
	Off bool `json:"off,omitempty"`

	// How long events are kept, at least a day. Default: 90 days.
	Keep caddy.Duration `json:"keep,omitempty"`

	// For how long what is personal in events of nobody who is known (addresses, above all) can be read, at least a day. Default: as long as they are kept.
	Anonymous caddy.Duration `json:"anonymous,omitempty"`

	// How many bytes of events are kept at most, at least 16 MiB: the oldest go first. Default: 10 GiB.
	MaxSize int64 `json:"max_size,omitempty"`

	// How often a checkpoint is written to the database and told as an event, while there is something new: 1s to 24h. Default: 1m.
	Checkpoint caddy.Duration `json:"checkpoint,omitempty"`

	// For how long events gather that nothing waits for, before they are written, synced and signed together: 1ms to 10s. Default: 100ms.
	Group caddy.Duration `json:"group,omitempty"`
}

// UnmarshalCaddyfile sets it up from Caddyfile tokens. Syntax:
//
//	log off | {
//		keep       <duration>
//		anonymous  <duration>
//		max_size   <size>
//		checkpoint <duration>
//		group      <duration>
//	}
func (l *EventLog) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		if d.Val() != "off" || d.NextArg() {
			return d.Errf("log is off, or a block, not %q", d.Val())
		}
		l.Off = true
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if l.Off {
			return d.Errf("%s: the log is off", name)
		}
		if seen[name] {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		var err error
		switch name {
		case "keep":
			err = parseAge(d, &l.Keep)
		case "anonymous":
			err = parseAge(d, &l.Anonymous)
		case "checkpoint":
			err = parseAge(d, &l.Checkpoint)
		case "group":
			err = parseAge(d, &l.Group)
		case "max_size":
			err = l.parseSize(d)
		default:
			err = d.Errf("unknown subdirective %q: log knows keep, anonymous, max_size, checkpoint and group", name)
		}
		if err != nil {
			return err
		}
		if err := l.check(); err != nil {
			return d.WrapErr(err)
		}
	}
	return nil
}

func parseAge(d *caddyfile.Dispenser, to *caddy.Duration) error {
	name, v := d.Val(), ""
	if err := one(d, &v); err != nil {
		return err
	}
	age, err := caddy.ParseDuration(v)
	if err != nil || age <= 0 {
		return d.Errf("%s: %q is no duration above 0, as 90d or 1m", name, v)
	}
	*to = caddy.Duration(age)
	return nil
}

func (l *EventLog) parseSize(d *caddyfile.Dispenser) error {
	var v string
	if err := one(d, &v); err != nil {
		return err
	}
	n, err := humanize.ParseBytes(v)
	if err != nil || n > 1<<60 {
		return d.Errf("max_size: %q is no size, as 10GiB", v)
	}
	l.MaxSize = int64(n)
	if n == 0 {
		return d.Err("max_size: it must be above 0")
	}
	return nil
}

// check sees that what is given is within its bounds; 0 is the default.
func (l *EventLog) check() error {
	const day = 24 * time.Hour
	for _, v := range []struct {
		name        string
		given       caddy.Duration
		least, most time.Duration
	}{
		{"keep", l.Keep, day, 36500 * day}, {"anonymous", l.Anonymous, day, 36500 * day}, {"checkpoint", l.Checkpoint, time.Second, day}, {"group", l.Group, time.Millisecond, 10 * time.Second},
	} {
		if age := time.Duration(v.given); age != 0 && (age < v.least || age > v.most) {
			return fmt.Errorf("%s: it must be from %s to %s", v.name, v.least, v.most)
		}
	}
	if l.MaxSize != 0 && l.MaxSize < 16<<20 {
		return errors.New("max_size: it must be at least 16 MiB")
	}
	return nil
}

func (l *EventLog) settings() auditlog.Settings {
	return auditlog.Settings{
		Keep: time.Duration(l.Keep), Anonymous: time.Duration(l.Anonymous), MaxSize: l.MaxSize, Checkpoint: time.Duration(l.Checkpoint), Group: time.Duration(l.Group),
	}
}

func (a *App) eventLog() *EventLog {
	if a.Events == nil || a.Events.Log == nil {
		return new(EventLog)
	}
	return a.Events.Log
}

// openLog opens the audit log, unless another configuration has it open.
func openLog(ctx context.Context, a *App, g *ground.Ground, releases *[]func() error) error {
	c := a.eventLog()
	if err := c.check(); err != nil {
		return fmt.Errorf("gateway: events: log: %w", err)
	}
	if c.Off {
		return nil
	}
	dir := filepath.Join(a.DataDir, "audit")
	if trial.On() { // no event of it is to be kept, and a running gateway may hold the log
		if err := auditlog.Check(dir); err != nil {
			return fmt.Errorf("gateway: events: %w", err)
		}
		return nil
	}
	l, release, err := acquire("audit", dir, func() (*auditlog.Log, func() error, error) {
		logger := caddy.Log().Named("gateway.audit") // of no configuration: the log outlives each
		l, err := auditlog.Open(ctx, auditlog.Options{
			Dir: dir, Bus: g.Events, Ring: g.Keys, DB: g.DB, Feed: g.Feed, Settings: c.settings(),
			Error: func(err error) { logger.Error("audit log", zap.Error(err)) },
		})
		if err != nil {
			return nil, nil, err
		}
		return l, l.Close, nil
	})
	if err != nil {
		return fmt.Errorf("gateway: events: %w", err)
	}
	*releases = append(*releases, release)
	a.log, g.Audit = l, l
	return nil
}

// configureLog has the log kept as this configuration says. It outlives each: the one in force decides.
func (a *App) configureLog() {
	if a.log != nil {
		a.log.Configure(a.eventLog().settings())
	}
}

// lastCheckpoint has the log tell how far it is when a configuration ends, for it may be the last, while there are outputs that take it off the machine.
func (a *App) lastCheckpoint() {
	if a.log == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) // the process may be ending
	defer cancel()
	if err := errors.Join(a.log.Checkpoint(ctx), a.ground.Events.Flush(ctx)); err != nil {
		a.logger.Warn("the audit log's last checkpoint may not have left the machine", zap.Error(err))
	}
}

// logCollector tells of the audit log.
type logCollector struct{ g *ground.Ground }

var (
	logSize    = prometheus.NewDesc("gateway_audit_events", "Events in the audit log, with those that retention has removed.", nil, nil)
	logLost    = prometheus.NewDesc("gateway_audit_lost_total", "Events that are missing from the audit log: too many waited for the disk.", nil, nil)
	logFailing = prometheus.NewDesc("gateway_audit_failing", "1 while the disk refuses events of the audit log: they wait.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c logCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{logSize, logLost, logFailing} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c logCollector) Collect(ch chan<- prometheus.Metric) {
	l, ok := c.g.Audit.(*auditlog.Log)
	if !ok {
		return // none is kept
	}
	failing := 0.0
	if l.Failing() {
		failing = 1
	}
	ch <- prometheus.MustNewConstMetric(logSize, prometheus.GaugeValue, float64(l.Size()))
	ch <- prometheus.MustNewConstMetric(logLost, prometheus.CounterValue, float64(l.Lost()))
	ch <- prometheus.MustNewConstMetric(logFailing, prometheus.GaugeValue, failing)
}
