package ratelimit

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// Zone is one limit and what it applies to.
type Zone struct {
	// Name, in answers, logs and metrics: lower-case letters, digits, - and _. Zones of one name count together, in all sites and processes. A zone
	// with the name of a default one takes from it what is not set.
	Name string `json:"name"`

	// What the zone applies to; one of them has to match. None: every request, or every socket where Messages is set.
	Match []Route `json:"match,omitempty"`

	// What is counted by: client, client/<IPv4 bits>/<IPv6 bits>, user, session, role, tier, token, route, host, country, header:<Name>,
	// json:<pointer>, connection, global; several are counted by their combination. Default client. What a request does not have is counted by client.
	Key []string `json:"key,omitempty"`

	Measure

	// Limits for those who are of a tier: as the policy said last, from their next request on, or, where it has said nothing, by a role of that name.
	// Default: the zone's own.
	Tiers map[string]*Tier `json:"tiers,omitempty"`

	// How many units a request takes; default one.
	Cost *Cost `json:"cost,omitempty"`

	// Only answers of these statuses count, as 401 or 5xx. All requests are charged when they come, and get their charge back when the answer is
	// another. Default: all count.
	CountStatus []string `json:"count_status,omitempty"`

	// Where it is counted: exact (default), each time in Redis; leased, by tokens that this process takes several at once; local, in this process alone.
	Mode string `json:"mode,omitempty"`

	// The most tokens that a process takes at once, where the mode is leased. Default: by the limit.
	Lease int64 `json:"lease,omitempty"`

	// Counts and never refuses: events and metrics tell what it would have refused.
	Shadow bool `json:"shadow,omitempty"`

	// Who is not counted.
	Exempt *Exempt `json:"exempt,omitempty"`

	// What to do while Redis can't be asked: local (default), open, closed.
	OnFailure string `json:"on_failure,omitempty"`

	// Counts messages that clients send on WebSockets, not requests.
	Messages bool `json:"messages,omitempty"`

	// The default zone of this name is not wanted.
	Off bool `json:"off,omitempty"`

	limit  limit.Zone
	tight  map[*limit.Zone]*tight // what stands for a limit, its own or a tier's, for who misbehaves
	key    []part
	spec   int // index of the key among the handler's
	counts statuses
	settle bool // what it charges may change when the answer is there

	concurrent bool // what is in flight is counted, by leases
}

var zoneName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

var (
	onFailure = map[string]limit.OnFailure{"": limit.Local, "local": limit.Local, "open": limit.Open, "closed": limit.Closed}
	modes     = map[string]limit.Mode{"": limit.Exact, "exact": limit.Exact, "leased": limit.Leased, "local": limit.InProcess}
)

// maxLease bounds what one process may hold back of a limit.
const maxLease = 1_000_000

// compile checks the zone and works out what requests need of it. A client is counted by prefix, where the key says nothing else.
func (z *Zone) compile(prefix Prefix) error {
	if !zoneName.MatchString(z.Name) {
		return fmt.Errorf("zone %q: a name has lower-case letters, digits, - and _", z.Name)
	}
	err := z.buildKey(prefix)
	for _, step := range []func() error{z.buildMode, z.buildCounts, z.buildLimits} {
		if err == nil {
			err = step()
		}
	}
	if err != nil {
		return fmt.Errorf("zone %s: %w", z.Name, err)
	}
	return nil
}

func (z *Zone) buildMode() error {
	if _, ok := onFailure[z.OnFailure]; !ok {
		return fmt.Errorf("on_failure %q: it is local, open or closed", z.OnFailure)
	}
	if _, ok := modes[z.Mode]; !ok {
		return fmt.Errorf("mode %q: it is exact, leased or local", z.Mode)
	}
	switch {
	case z.Lease < 0 || z.Lease > maxLease:
		return fmt.Errorf("mode leased: a lease has from 1 token to %d", maxLease)
	case z.Lease > 0 && z.Mode != "leased":
		return errors.New("a lease is of the mode leased")
	case has(z.key, byConnection):
		if z.Mode != "" && z.Mode != "local" {
			return errors.New("key connection: a connection is of one process, so its mode is local")
		}
		z.Mode = "local"
	}
	return nil
}

func (z *Zone) buildCounts() (err error) {
	if z.counts, err = readStatuses(z.CountStatus); err != nil {
		return err
	}
	if z.Messages && len(z.counts) > 0 {
		return errors.New("count status: messages have no status")
	}
	if err := z.Cost.validate(); err != nil {
		return err
	}
	z.settle = len(z.counts) > 0 || z.Cost.bySize()
	return z.Exempt.compile()
}

func (z *Zone) buildLimits() (err error) {
	if z.limit, err = z.limited(z.Measure); err != nil {
		return err
	}
	if err := z.buildTiers(); err != nil {
		return err
	}
	z.buildTight()
	z.concurrent = z.limit.Limit.Kind() == limit.Concurrent
	return z.checkConcurrent()
}

func (z *Zone) buildKey(prefix Prefix) (err error) {
	if len(z.Key) == 0 {
		z.Key = []string{"client"}
	}
	if z.key, err = readKeys(z.Key, prefix); err != nil {
		return err
	}
	switch {
	case z.Messages && has(z.key, byField):
		return errors.New("key json: it is of requests: the body of a handshake is none")
	case !z.Messages && has(z.key, byConnection):
		return errors.New("key connection: it is of a socket's messages")
	case len(z.Match) == 0 && has(z.key, byRoute):
		return errors.New("key route: it is the path of the match that applies, and the zone has none")
	}
	for i := range z.Match {
		if err := z.Match[i].validate(); err != nil {
			return err
		}
	}
	return nil
}

// limited makes a limit of the zone.
func (z *Zone) limited(m Measure) (limit.Zone, error) {
	l, err := m.limit()
	if err != nil {
		return limit.Zone{}, err
	}
	return limit.Zone{
		Name: z.Name, Limit: l, Mode: modes[z.Mode], Lease: z.Lease, OnFailure: onFailure[z.OnFailure],
		Shadow: z.Shadow, Refunds: len(z.counts) > 0, Policy: z.policy(l), Tag: z.about(),
	}, nil
}

// policy is how the limit is told to clients, "" where it is not. A shadow zone is not there for them; and a zone by a member of the body would
// tell anybody how many tried what others are asked by.
func (z *Zone) policy(l limit.Limit) string {
	if z.Shadow || has(z.key, byField) {
		return ""
	}
	return policyOf(z.Name, l, z.Cost.unit())
}

// matches tells whether the zone applies, and by which path.
func (z *Zone) matches(method, path string) (pattern string, ok bool) {
	if len(z.Match) == 0 {
		return "", true
	}
	for i := range z.Match {
		if z.Match[i].matches(method, path) {
			return z.Match[i].Path, true
		}
	}
	return "", false
}

// seconds rounds up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
