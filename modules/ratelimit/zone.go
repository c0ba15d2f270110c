package ratelimit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
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

	// What is counted by: client, user, session, role, host, global; several are counted by their combination. Default client. Who is anonymous
	// has no user, session or role and is counted by client.
	Key []string `json:"key,omitempty"`

	// The rate, as 10/1m. A count of 0 admits nothing.
	Rate string `json:"rate,omitempty"`

	// How many may come at once; default the rate's count.
	Burst int64 `json:"burst,omitempty"`

	// Limits for those of whom the policy says that they are of a tier, from their next request on. Default: the zone's own.
	Tiers map[string]*Tier `json:"tiers,omitempty"`

	// What to do while Redis can't be asked: local (default), open, closed.
	OnFailure string `json:"on_failure,omitempty"`

	// Counts messages that clients send on WebSockets, not requests.
	Messages bool `json:"messages,omitempty"`

	// The default zone of this name is not wanted.
	Off bool `json:"off,omitempty"`

	limit limit.Zone
	spec  int // index of the key among the handler's
}

var zoneName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// keys are the words of Zone.Key.
var keys = []string{"client", "user", "session", "role", "host", "global"}

var onFailure = map[string]limit.OnFailure{"": limit.Local, "local": limit.Local, "open": limit.Open, "closed": limit.Closed}

// defaults are the zones that always apply, unless they are turned off. Whoever guesses secrets meets the first four.
func defaults() []*Zone {
	return []*Zone{
		{Name: "login", Match: []Route{{[]string{"POST"}, "/auth/api/login"}}, Key: []string{"client"}, Rate: "10/1m", Burst: 20},
		{Name: "mfa", Match: []Route{{[]string{"POST"}, "/auth/api/mfa/*"}, {[]string{"POST"}, "/auth/api/stepup/*"}}, Key: []string{"client"}, Rate: "10/1m", Burst: 10},
		{Name: "passkey", Match: []Route{{[]string{"POST"}, "/auth/api/passkey/*"}}, Key: []string{"client"}, Rate: "20/1m", Burst: 20},
		{Name: "register", Match: []Route{
			{[]string{"POST"}, "/auth/api/register"}, {[]string{"POST"}, "/auth/api/register/*"}, {[]string{"POST"}, "/auth/api/reset"}, {[]string{"POST"}, "/auth/api/reset/*"},
		}, Key: []string{"client"}, Rate: "10/1m", Burst: 10},
		{Name: "provider", Match: []Route{{[]string{"GET"}, "/auth/oidc/*"}}, Key: []string{"client"}, Rate: "30/1m", Burst: 30},
		{Name: "account", Match: []Route{{[]string{"POST", "PUT", "PATCH", "DELETE"}, "/auth/api/account/*"}}, Key: []string{"user"}, Rate: "20/1m", Burst: 20},
		{Name: "refresh", Match: []Route{{[]string{"POST"}, "/auth/api/refresh"}}, Key: []string{"client"}, Rate: "60/1m", Burst: 60},
		{Name: "oauth", Match: []Route{{[]string{"POST"}, "/auth/oauth/token"}, {[]string{"POST"}, "/auth/oauth/revoke"}}, Key: []string{"client"}, Rate: "60/1m", Burst: 60},
		{Name: "client", Key: []string{"client"}, Rate: "100/1s", Burst: 500},
		{Name: "user", Key: []string{"user"}, Rate: "50/1s", Burst: 250},
		{Name: "messages", Messages: true, Key: []string{"user"}, Rate: "10/1s", Burst: 40},
	}
}

// merge puts the handler's zones over the default ones.
func merge(base, own []*Zone) ([]*Zone, error) {
	zones := base
	seen := map[string]bool{}
	for _, z := range own {
		if seen[z.Name] {
			return nil, fmt.Errorf("zone %s is there twice", z.Name)
		}
		seen[z.Name] = true
		i := slices.IndexFunc(zones, func(b *Zone) bool { return b.Name == z.Name })
		switch {
		case i < 0 && z.Off:
			return nil, fmt.Errorf("zone %s: there is no such default zone to turn off", z.Name)
		case z.Off:
			zones = slices.Delete(zones, i, i+1)
		case i < 0:
			zones = append(zones, z.over(new(Zone)))
		default:
			zones[i] = z.over(zones[i])
		}
	}
	return zones, nil
}

// over is z with what it lacks taken from base. A rate brings its own burst.
func (z *Zone) over(base *Zone) *Zone {
	out := *z
	if len(out.Match) == 0 {
		out.Match = base.Match
	}
	if len(out.Key) == 0 {
		out.Key = base.Key
	}
	if out.Rate == "" {
		out.Rate = base.Rate
		if out.Burst == 0 {
			out.Burst = base.Burst
		}
	}
	if out.OnFailure == "" {
		out.OnFailure = base.OnFailure
	}
	if len(out.Tiers) == 0 {
		out.Tiers = base.Tiers
	}
	out.Messages = out.Messages || base.Messages
	return &out
}

// compile checks the zone and works out what requests need of it.
func (z *Zone) compile() error {
	if !zoneName.MatchString(z.Name) {
		return fmt.Errorf("zone %q: a name has lower-case letters, digits, - and _", z.Name)
	}
	if err := z.build(); err != nil {
		return fmt.Errorf("zone %s: %w", z.Name, err)
	}
	return nil
}

func (z *Zone) build() (err error) {
	if z.limit, err = z.limited(z.Rate, z.Burst); err != nil {
		return err
	}
	if err := z.buildTiers(); err != nil {
		return err
	}
	if _, ok := onFailure[z.OnFailure]; !ok {
		return fmt.Errorf("on_failure %q: it is local, open or closed", z.OnFailure)
	}
	if len(z.Key) == 0 {
		z.Key = []string{"client"}
	}
	for i, k := range z.Key {
		if !slices.Contains(keys, k) {
			return fmt.Errorf("key %q: it is one of %s", k, strings.Join(keys, ", "))
		}
		if slices.Contains(z.Key[:i], k) {
			return fmt.Errorf("key %s is there twice", k)
		}
	}
	for i := range z.Match {
		if err := z.Match[i].validate(); err != nil {
			return err
		}
	}
	return nil
}

func (z *Zone) matches(method, path string) bool {
	if len(z.Match) == 0 {
		return true
	}
	for i := range z.Match {
		if z.Match[i].matches(method, path) {
			return true
		}
	}
	return false
}

// seconds rounds up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
