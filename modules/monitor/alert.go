package monitor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/metrics"
	"github.com/convosphere/gateway/modules/monitor/alert"
	"github.com/convosphere/gateway/modules/monitor/finding"
	"github.com/convosphere/gateway/modules/monitor/incident"
)

// Alerts says who is told of incidents, and how.
type Alerts struct {
	// The ways to people, by their names.
	Channels []*AlertChannel `json:"channels,omitempty"`

	// Which incidents are told at once: those of one "incident" (default), "subject" or "rule".
	Group string `json:"group,omitempty"`

	// How long the first incident of a group waits for others. Default: 30s.
	Wait caddy.Duration `json:"wait,omitempty"`

	// Between alerts of one group. Default: 5m.
	Interval caddy.Duration `json:"interval,omitempty"`

	// Who is told where nobody acknowledges an incident, one step after the other.
	Escalate []AlertStep `json:"escalate,omitempty"`

	// Hours in which only critical incidents are told, for channels that have none of their own.
	Quiet *AlertQuiet `json:"quiet,omitempty"`

	// Also tells that incidents are closed.
	Closed bool `json:"closed,omitempty"`

	// How long an alert is tried. Default: 24h.
	GiveUp caddy.Duration `json:"give_up,omitempty"`

	// What an incident's address begins with, its id follows. Default: none.
	Link string `json:"link,omitempty"`
}

// AlertStep is who is told so long after the step before.
type AlertStep struct {
	After    caddy.Duration `json:"after"`
	Channels []string       `json:"channels"`
}

// AlertQuiet are hours, as 22:00-07:00, of a zone, as Europe/Berlin.
type AlertQuiet struct {
	Hours string `json:"hours"`
	Zone  string `json:"zone"`
}

func (q *AlertQuiet) parse() (*alert.Quiet, error) {
	if q == nil {
		return nil, nil
	}
	return alert.ParseQuiet(q.Hours, q.Zone)
}

var channelName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,31}$`)

// config opens the channels. Where it fails, none is left open.
func (a *Alerts) config(app *App, ctx caddy.Context) (c alert.Config, err error) {
	c = alert.Config{
		Group: alert.Grouping(a.Group), Wait: time.Duration(a.Wait), Interval: time.Duration(a.Interval), Closed: a.Closed, GiveUp: time.Duration(a.GiveUp), Link: a.Link,
	}
	defer func() {
		if err != nil {
			for _, ch := range c.Channels {
				_ = ch.To.Close() // it never connected
			}
		}
	}()
	if u, err := url.Parse(a.Link); a.Link != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return c, errors.New("link: it is no address as https://gateway.example/console/incidents/")
	}
	for _, s := range a.Escalate {
		c.Escalate = append(c.Escalate, alert.Step{After: time.Duration(s.After), Channels: s.Channels})
	}
	quiet, err := a.Quiet.parse()
	if err != nil {
		return c, err
	}
	for _, ch := range a.Channels {
		one, err := ch.open(app, ctx)
		if err != nil {
			return c, fmt.Errorf("channel %s: %w", ch.Name, err)
		}
		if one.Quiet == nil {
			one.Quiet = quiet
		}
		c.Channels = append(c.Channels, one)
	}
	return c, c.Check()
}

// openAlerts makes the desk, where there is somebody to tell. It sends nothing before Start.
func (a *App) openAlerts(ctx caddy.Context) error {
	if err := metrics.Register(ctx.GetMetricsRegistry(), alert.Collectors()...); err != nil {
		return err
	}
	if a.Alerts == nil || len(a.Alerts.Channels) == 0 {
		return nil
	}
	if a.work == nil || a.work.incidents == nil {
		return errors.New("alert: people are told of incidents, but `incidents off` keeps none")
	}
	c, err := a.Alerts.config(a, ctx)
	if err != nil {
		return fmt.Errorf("alert: %w", err)
	}
	g := a.ground
	d, err := alert.New(alert.Resources{DB: g.DB, Events: g.Events, Book: book{a.work.incidents}, Log: a.logger, Now: time.Now}, c)
	if err != nil {
		return fmt.Errorf("alert: %w", err)
	}
	a.alerts = d
	a.give = append(a.give, d.Close)
	a.begin = append(a.begin, d.Start)
	a.work.tell = append(a.work.tell, a.tellPeople)
	return nil
}

// tellPeople has the desk know of an incident that began, or became worse.
func (a *App) tellPeople(ctx context.Context, i incident.Incident, change incident.Change) {
	if change != incident.Opened && change != incident.Raised {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, findingTime)
	defer cancel()
	if err := a.alerts.Tell(ctx, alertOf(i)); err != nil {
		a.logger.Error("telling people of an incident", zap.String("incident", i.ID), zap.Error(err))
	}
}

func alertOf(i incident.Incident) alert.Incident {
	return alert.Incident{
		ID: i.ID, Title: i.Title, Level: i.Level, First: i.First, Last: i.Last, Findings: i.Count, Subjects: i.Subjects,
		Acknowledged: !i.Triaged.IsZero(), Closed: i.State == incident.Closed, Merged: i.Merged != "",
	}
}

// book has the desk ask for incidents.
type book struct{ *incident.Book }

// Incident implements alert.Book.
func (b book) Incident(ctx context.Context, id string) (alert.Incident, bool, error) {
	i, err := b.Get(ctx, id)
	if errors.Is(err, incident.ErrNotFound) {
		return alert.Incident{}, false, nil
	}
	return alertOf(i), err == nil, err
}

// parseAlertLevel reads a channel's level; "" is high.
func parseAlertLevel(word string) (finding.Level, error) {
	if word == "" {
		return finding.High, nil
	}
	l, ok := finding.ParseLevel(word)
	if !ok {
		return 0, fmt.Errorf("level: %q is none of informational, low, medium, high and critical", word)
	}
	return l, nil
}

// filled puts placeholders in: what is secret stays out of the configuration that the admin API shows.
func filled(texts ...*string) error {
	repl := caddy.NewReplacer()
	for _, s := range texts {
		v, err := repl.ReplaceOrErr(*s, true, true)
		if err != nil {
			return err
		}
		*s = strings.TrimSpace(v)
	}
	return nil
}
