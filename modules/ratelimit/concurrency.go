package ratelimit

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// socketsZone is the zone of the setting sockets: a client's open ones.
const socketsZone = "sockets"

func socketZone(most int64) *Zone {
	return &Zone{Name: socketsZone, Key: []string{"client"}, Measure: Measure{Concurrent: most}}
}

const (
	defaultExpiry = time.Minute // of a lease, after which a process that died holds nothing any more
	leastExpiry   = 5 * time.Second
)

// inFlight makes the limit of what is in flight.
func (m Measure) inFlight() (l limit.Limit, err error) {
	switch {
	case m.Rate != "" || m.Quota != "" || m.Burst != 0:
		return l, errors.New("concurrent stands alone: beside a rate or a quota it is another zone")
	case m.Concurrent < 1:
		return l, errors.New("concurrent: it is a count from 1")
	}
	expiry := time.Duration(m.Expiry)
	if expiry == 0 {
		expiry = defaultExpiry
	}
	if expiry < leastExpiry {
		return l, fmt.Errorf("concurrent: what is in flight is held for at least %s", leastExpiry)
	}
	return limit.NewConcurrent(m.Concurrent, expiry)
}

// readConcurrent takes `<count> [<expiry>]`.
func (m *Measure) readConcurrent(d *caddyfile.Dispenser, args []string) error {
	if len(args) < 1 || len(args) > 2 {
		return d.ArgErr()
	}
	n, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil || n < 1 {
		return d.Errf("concurrent %q: it is a count from 1", args[0])
	}
	m.Concurrent = n
	if len(args) == 2 {
		e, err := caddy.ParseDuration(args[1])
		if err != nil || e < leastExpiry {
			return d.Errf("concurrent %d %q: it is a duration as 1m, at least %s", n, args[1], leastExpiry)
		}
		m.Expiry = caddy.Duration(e)
	}
	return nil
}

// checkConcurrent refuses what has no meaning of things in flight.
func (z *Zone) checkConcurrent() error {
	for name, t := range z.Tiers {
		if (t.limit.Limit.Kind() == limit.Concurrent) != z.concurrent {
			return fmt.Errorf("tier %s: what is in flight is counted for all tiers of a zone, or for none", name)
		}
	}
	switch {
	case !z.concurrent:
		return nil
	case z.Messages:
		return errors.New("concurrent: a message is not in flight; a zone without messages counts sockets")
	case z.Cost != nil:
		return errors.New("concurrent: each request counts once, whatever its cost")
	case len(z.counts) > 0:
		return errors.New("concurrent: what is in flight has no status yet")
	case z.Mode == "leased":
		return errors.New("concurrent: its mode is exact or local")
	}
	return nil
}
