package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/test/kit"
)

// rate is a limit as a zone writes it.
type rate struct {
	count  int
	period time.Duration
	burst  int
}

// lines of a zone with this limit.
func (r rate) lines() string {
	return fmt.Sprintf("rate %d/%s\n\t\t\t\tburst %d", r.count, r.period, r.burst)
}

// allows is the most that may be admitted within the time: the burst at once, and one more each interval.
func (r rate) allows(elapsed time.Duration) int {
	interval := (r.period.Microseconds() + int64(r.count) - 1) / int64(r.count) // in whole microseconds, never too short
	return r.burst + int(elapsed.Microseconds()/interval)
}

// clock reads the time of a Redis.
func clock(t kit.T, c redis.UniversalClient) time.Time {
	t.Helper()
	now, err := c.Time(context.Background()).Result()
	if err != nil {
		t.Fatalf("asking Redis for the time: %v", err)
	}
	return now
}

// Count is what was admitted under one limit, and what the limit allows in the time that passed by Redis's clock.
type Count struct {
	Title             string
	Clients, Nodes    int
	Elapsed           time.Duration
	Sent, Admitted    int
	Refused, Other    int // Other: 503, and no answer
	Allowed           int
	Busiest           int // what the client got that got most
	BusiestMay        int
	Scripts, Breaches int // asked of Redis; counts above what is allowed
}

// String is a line of a table.
func (c Count) String() string {
	return fmt.Sprintf("%-34s %d nodes %d clients %6.2fs  sent %7d  admitted %6d of %6d allowed  busiest client %4d of %4d  refused %7d  other %d  asked of Redis %d",
		c.Title, c.Nodes, c.Clients, c.Elapsed.Seconds(), c.Sent, c.Admitted, c.Allowed, c.Busiest, c.BusiestMay, c.Refused, c.Other, c.Scripts)
}
