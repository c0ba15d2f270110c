package alert

import (
	"context"
	"fmt"
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Test sends an alert that says it is a test to the channel now, quiet hours or not, and gives what came of it.
func (d *Desk) Test(ctx context.Context, channel string) error {
	ch, ok := d.config.channel(channel)
	if !ok {
		return fmt.Errorf("there is no channel %s", channel)
	}
	now := d.Now()
	m := Message{ID: "test-" + now.UTC().Format("20060102T150405.000000"), Level: finding.Low, Node: d.config.Node, At: now, Test: true, Incidents: []Incident{{
		ID: "TEST", Title: "This is a test: alerts come through", Level: finding.Low, First: now, Last: now, Findings: 1,
		Subjects: []finding.Subject{{Kind: finding.Client, ID: "192.0.2.1"}},
	}}}
	m.write(d.config.Link)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return ch.To.Send(ctx, m)
}

// Channels are the names of the configured ones, in their order.
func (d *Desk) Channels() []string {
	names := make([]string, 0, len(d.config.Channels))
	for _, ch := range d.config.Channels {
		names = append(names, ch.Name)
	}
	return names
}
