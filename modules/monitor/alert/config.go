package alert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Grouping says which incidents an alert tells of at once.
type Grouping string

// The groupings.
const (
	ByIncident Grouping = "incident"
	BySubject  Grouping = "subject" // the first one
	ByRule     Grouping = "rule"    // by the title of the worst
)

// Channel is one way to people.
type Channel struct {
	Name  string
	Level finding.Level // the least
	Later bool          // only by escalation
	Quiet *Quiet        // nil: none
	To    Receiver
}

// Receiver is where alerts go. Errors of Send: ship.Refused is for good; all else may pass.
type Receiver interface {
	Send(ctx context.Context, m Message) error
	Close() error
}

// Step is who is told where nobody acknowledges an incident.
type Step struct {
	After    time.Duration // after the step before
	Channels []string
}

// Config is what is to be told, and how. Zero values take the defaults.
type Config struct {
	Channels []Channel
	Group    Grouping
	Wait     time.Duration // that the first incident of a group waits for others; default 30s
	Interval time.Duration // between alerts of one group; default 5m
	Escalate []Step
	Closed   bool          // also tells that incidents are closed
	GiveUp   time.Duration // after which an alert is dead; default 24h
	Link     string        // what an incident's address begins with; "" none
	Node     string
}

func (c *Config) defaults() {
	if c.Group == "" {
		c.Group = ByIncident
	}
	for to, d := range map[*time.Duration]time.Duration{&c.Wait: 30 * time.Second, &c.Interval: 5 * time.Minute, &c.GiveUp: 24 * time.Hour} {
		if *to == 0 {
			*to = d
		}
	}
}

// Check refuses what can't work.
func (c Config) Check() error {
	names := map[string]bool{}
	for _, ch := range c.Channels {
		if names[ch.Name] {
			return fmt.Errorf("channel %s is there twice", ch.Name)
		}
		names[ch.Name] = true
	}
	if c.Group != "" && c.Group != ByIncident && c.Group != BySubject && c.Group != ByRule {
		return fmt.Errorf("group: %q is neither incident, subject nor rule", c.Group)
	}
	if c.Wait < 0 || c.Interval < 0 || c.GiveUp < 0 {
		return errors.New("times are above 0")
	}
	reached := map[string]bool{}
	for _, s := range c.Escalate {
		if s.After <= 0 || len(s.Channels) == 0 {
			return errors.New("escalate: write after which time, and to which channels")
		}
		for _, name := range s.Channels {
			if !names[name] {
				return fmt.Errorf("escalate: there is no channel %s", name)
			}
			reached[name] = true
		}
	}
	for _, ch := range c.Channels {
		if ch.Later && !reached[ch.Name] {
			return fmt.Errorf("channel %s is told by escalation alone, but no step names it", ch.Name)
		}
	}
	return nil
}

func (c *Config) channel(name string) (Channel, bool) {
	at := slices.IndexFunc(c.Channels, func(ch Channel) bool { return ch.Name == name })
	if at < 0 {
		return Channel{}, false
	}
	return c.Channels[at], true
}

// key is what the incident's group is called.
func (c *Config) key(i *Incident) string {
	switch {
	case c.Group == ByRule:
		return "rule:" + i.Title
	case c.Group == BySubject && len(i.Subjects) > 0:
		return "subject:" + i.Subjects[0].String()
	}
	return "incident:" + i.ID
}
