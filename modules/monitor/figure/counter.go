package figure

import (
	"fmt"
	"sync"
	"time"

	"github.com/convosphere/gateway/modules/internal/cost"
	"github.com/convosphere/gateway/modules/internal/event"
)

// Bounds of what waits for the database.
const (
	mostWaiting = 300 // steps of five minutes: a day in which the database is away
	mostRoutes  = 500 // by name in a day; the configuration has them
	// late is how old an event may be that still counts in its own time.
	late = time.Hour
)

// Counter counts events until they are taken. It is a Sink of the bus.
type Counter struct {
	now func() time.Time

	mu      sync.Mutex
	waiting map[time.Time]Values // by the beginning of their step
	forgot  int64                // steps that found no place while the database was away
	costs   [][]uint64           // what was read of the process's timers, each part's, then all
	seconds []float64
	up      time.Time // until when the time up was counted
	lost    func() int64
	losses  int64
}

// NewCounter makes a counter that begins now. lost tells how many events were lost so far in this process; nil: nobody knows.
func NewCounter(now func() time.Time, lost func() int64) (*Counter, error) {
	c := &Counter{now: now, waiting: map[time.Time]Values{}, up: now(), lost: lost}
	if lost != nil {
		c.losses = lost()
	}
	if err := c.timers(nil); err != nil { // from now on
		return nil, err
	}
	return c, nil
}

// Write implements event.Sink.
func (c *Counter) Write(r *event.Record) {
	s := seenOf(r.Event)
	c.mu.Lock()
	defer c.mu.Unlock()
	at, now := r.Time, c.now()
	if at.Before(now.Add(-late)) || at.After(now) {
		at = now
	}
	s.count(c.at(at))
}

// at are the values of a moment's step. It needs mu.
func (c *Counter) at(t time.Time) Values {
	step := t.UTC().Truncate(Fine)
	v := c.waiting[step]
	if v == nil {
		if len(c.waiting) >= mostWaiting {
			c.forget()
		}
		v = Values{}
		c.waiting[step] = v
	}
	return v
}

// forget drops the oldest step. It needs mu.
func (c *Counter) forget() {
	var oldest time.Time
	for at := range c.waiting {
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	delete(c.waiting, oldest)
	c.forgot++
}

// count adds what the event tells.
func (s *seen) count(v Values) {
	switch s.action {
	case "http-request", "websocket":
		s.request(v)
	case "banned-client-refused":
		v[Requests] += s.refused
		v[Refused] += s.refused
		v[By+partBan] += s.refused
	case "login":
		if s.outcome == event.Success {
			v[Logins]++
		} else {
			v[NoLogin]++
		}
	case "login-refused":
		v[NoLogin]++
	case "second-factor":
		if s.outcome == event.Failure {
			v[NoFactor]++
		}
	case "token-refused":
		v[NoToken]++
	case "finding":
		v[Findings]++
		v[Finding+level(s.level)]++
	case "incident-opened":
		v[Opened+level(s.level)]++
	case "response-applied":
		v[Applied]++
	}
}

func (s *seen) request(v Values) {
	verdict, part := s.verdict()
	v[Requests]++
	v[verdict]++
	switch verdict {
	case Refused:
		v[By+part]++
	case Failed:
		v[FailedBy+part]++
	}
	if !s.decided {
		return
	}
	v[Decided]++
	if s.route == "" {
		v[Unlisted]++
	} else {
		v.route(s.route, 1)
	}
}

// route counts requests of a configured route, as long as there are no more of them than may be: v has up to 400 other values.
func (v Values) route(name string, n int64) {
	name = Route + name
	if _, ok := v[name]; !ok && len(v) >= mostRoutes+400 {
		name = Route + partOther
	}
	v[name] += n
}

func level(word string) string {
	switch word {
	case "informational", "low", "medium", "high", "critical":
		return word
	}
	return partOther
}

// Take gives what was counted since it was taken last, by step: all of it, or none at an error.
func (c *Counter) Take() (map[time.Time]Values, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if err := c.timers(c.at(now)); err != nil {
		return nil, err
	}
	if c.lost != nil {
		lost := c.lost()
		c.at(now)[Lost] += lost - c.losses
		c.losses = lost
	}
	c.uptime(now)
	taken := c.waiting
	c.waiting = map[time.Time]Values{}
	return taken, nil
}

// Return gives back what could not be kept.
func (c *Counter) Return(taken map[time.Time]Values) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, v := range taken {
		c.at(at).Add(v)
	}
}

// Forgot tells how many steps were dropped, since the database was away for too long.
func (c *Counter) Forgot() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.forgot
}

// uptime counts the time since it was counted last, in the steps that it lies in. It needs mu.
func (c *Counter) uptime(now time.Time) {
	for c.up.Before(now) {
		end := c.up.UTC().Truncate(Fine).Add(Fine)
		if end.After(now) {
			end = now
		}
		c.at(c.up)[Up] += end.Sub(c.up).Microseconds()
		c.up = end
	}
	c.up = now // also where the clock was set back
}

// timers adds what the process's timers counted since they were read last; v is nil for the first time. It needs mu.
func (c *Counter) timers(v Values) error {
	readings := make([]cost.Reading, 0, len(cost.Parts())+1)
	names := make([]string, 0, cap(readings))
	for _, p := range cost.Parts() {
		r, err := cost.Read(p)
		if err != nil {
			return fmt.Errorf("counting costs: %w", err)
		}
		readings, names = append(readings, r), append(names, p.String())
	}
	r, err := cost.ReadAll()
	if err != nil {
		return fmt.Errorf("counting costs: %w", err)
	}
	readings, names = append(readings, r), append(names, OfAll)
	first := c.costs == nil
	if first {
		c.costs, c.seconds = make([][]uint64, len(readings)), make([]float64, len(readings))
	}
	for i, r := range readings {
		now := append(r.Buckets, r.Count)
		if !first {
			addCost(v, Cost+names[i], c.costs[i], now, r.Seconds-c.seconds[i])
		}
		c.costs[i], c.seconds[i] = now, r.Seconds
	}
	return nil
}

// addCost adds what came between two readings, each cumulative with the count of all at its end: ".n" requests, ".ns" nanoseconds, ".b7" requests of the
// seventh bucket.
func addCost(v Values, name string, before, now []uint64, seconds float64) {
	n := int64(now[len(now)-1] - before[len(before)-1])
	if n == 0 {
		return
	}
	v[name+".n"] += n
	v[name+".ns"] += int64(seconds * 1e9)
	below := int64(0)
	for i := range now {
		upTo := int64(now[i] - before[i])
		if upTo > below {
			v[fmt.Sprintf("%s.b%d", name, i)] += upTo - below
		}
		below = upTo
	}
}
