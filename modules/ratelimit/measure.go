package ratelimit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// Measure is how much is admitted: at a rate, or by a quota.
type Measure struct {
	// The rate, as 10/1m. A count of 0 admits nothing.
	Rate string `json:"rate,omitempty"`

	// How many may come at once at the rate; default the rate's count.
	Burst int64 `json:"burst,omitempty"`

	// So many in each calendar day or month, UTC: 1000/day, 20000/month. It stands in place of a rate.
	Quota string `json:"quota,omitempty"`

	// So many requests and sockets in flight at the same time. It stands in place of a rate.
	Concurrent int64 `json:"concurrent,omitempty"`

	// When what is in flight is no longer counted, if the process that holds it does not renew it, since it died; default 1m.
	Expiry caddy.Duration `json:"expiry,omitempty"`
}

// over is m, or what base has where m says nothing but a burst.
func (m Measure) over(base Measure) Measure {
	if m.Rate != "" || m.Quota != "" || m.Concurrent != 0 {
		return m
	}
	if m.Burst != 0 {
		base.Burst = m.Burst
	}
	return base
}

// limit makes the limit of it. A burst of 0 is the rate's count.
func (m Measure) limit() (l limit.Limit, err error) {
	switch {
	case m.Rate != "" && m.Quota != "":
		return l, errors.New("it has a rate and a quota: that is two zones")
	case m.Concurrent != 0 || m.Expiry != 0:
		return m.inFlight()
	case m.Quota != "" && m.Burst != 0:
		return l, errors.New("a quota has no burst: all of it may come at once")
	case m.Quota != "":
		count, period, err := parseQuota(m.Quota)
		if err != nil {
			return l, err
		}
		return limit.NewQuota(count, period)
	case m.Rate == "":
		return l, errors.New("it has no rate, as in: rate 10/1m")
	}
	count, period, err := limit.ParseRate(m.Rate)
	if err != nil {
		return l, err
	}
	burst := m.Burst
	if burst == 0 {
		burst = count
	}
	return limit.New(count, period, burst)
}

var periods = map[string]limit.Period{"day": limit.Day, "month": limit.Month}

// parseQuota reads 1000/day or 20000/month.
func parseQuota(s string) (count int64, p limit.Period, err error) {
	n, word, _ := strings.Cut(s, "/")
	p, ok := periods[word]
	if !ok {
		return 0, p, fmt.Errorf("quota %q: it is a count by day or month, as 1000/day", s)
	}
	u, err := strconv.ParseUint(n, 10, 40)
	if err != nil {
		return 0, p, fmt.Errorf("quota %q: the count is a whole number", s)
	}
	return int64(u), p, nil
}

// read takes `<count>/<period> [<burst>]`, where the period may be day or month, or `<count> [<expiry>]` of what is in flight.
func (m *Measure) read(d *caddyfile.Dispenser, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return d.ArgErr()
	}
	if !strings.Contains(args[0], "/") {
		return m.readConcurrent(d, args)
	}
	if _, word, _ := strings.Cut(args[0], "/"); word == "day" || word == "month" {
		if err := m.readQuota(d, args); err != nil {
			return err
		}
		return nil
	}
	if err := m.readRate(d, args[:1]); err != nil {
		return err
	}
	if len(args) == 2 {
		return m.readBurst(d, args[1:])
	}
	return nil
}

func (m *Measure) readRate(d *caddyfile.Dispenser, args []string) error {
	if len(args) != 1 {
		return d.ArgErr()
	}
	if _, _, err := limit.ParseRate(args[0]); err != nil {
		return d.WrapErr(err)
	}
	m.Rate = args[0]
	return nil
}

func (m *Measure) readBurst(d *caddyfile.Dispenser, args []string) error {
	if len(args) != 1 {
		return d.ArgErr()
	}
	n, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil || n < 1 {
		return d.Errf("burst %q: it is a count from 1", args[0])
	}
	m.Burst = n
	return nil
}

func (m *Measure) readQuota(d *caddyfile.Dispenser, args []string) error {
	if len(args) != 1 {
		return d.ArgErr()
	}
	if _, _, err := parseQuota(args[0]); err != nil {
		return d.WrapErr(err)
	}
	m.Quota = args[0]
	return nil
}
