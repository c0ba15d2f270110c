package ratelimit

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// Tier is the limit of a zone for those of whom the policy says that they are of the tier.
type Tier struct {
	// The rate, as 100/1s.
	Rate string `json:"rate"`

	// How many may come at once; default the rate's count.
	Burst int64 `json:"burst,omitempty"`

	limit limit.Zone
}

// limited makes a limit of the zone. A burst of 0 is the rate's count.
func (z *Zone) limited(rate string, burst int64) (l limit.Zone, err error) {
	if rate == "" {
		return l, errors.New("it has no rate, as in: rate 10/1m")
	}
	count, period, err := limit.ParseRate(rate)
	if err != nil {
		return l, err
	}
	if burst == 0 {
		burst = count
	}
	gcra, err := limit.New(count, period, burst)
	if err != nil {
		return l, err
	}
	return limit.Zone{
		Name: z.Name, Limit: gcra, OnFailure: onFailure[z.OnFailure],
		Policy: fmt.Sprintf(`"%s";q=%d;w=%d`, z.Name, gcra.Burst, max(1, seconds(gcra.Window()))),
	}, nil
}

// buildTiers compiles the limits of tiers.
func (z *Zone) buildTiers() (err error) {
	for name, t := range z.Tiers {
		if !zoneName.MatchString(name) {
			return fmt.Errorf("tier %q: a name has lower-case letters, digits, - and _", name)
		}
		if t == nil {
			return fmt.Errorf("tier %s: it has no rate", name)
		}
		if t.limit, err = z.limited(t.Rate, t.Burst); err != nil {
			return fmt.Errorf("tier %s: %w", name, err)
		}
		t.limit.Tier = name
	}
	return nil
}

// of is the zone's limit for a tier. A tier that the zone does not know has that of all.
func (z *Zone) of(tier string) *limit.Zone {
	if t := z.Tiers[tier]; t != nil {
		return &t.limit
	}
	return &z.limit
}

// tier is what the policy last said of who is asking, "" where no zone wants to know.
func (h *Handler) tier(rc *reqctx.Request) string {
	if !h.tiered || h.ground == nil || rc.Identity == nil {
		return ""
	}
	return h.ground.Tiers.Of(rc.Identity.Subject)
}

// tierOption reads `tier <name> <count>/<period> [<burst>]`.
func (z *Zone) tierOption(d *caddyfile.Dispenser, args []string) error {
	if len(args) < 2 || len(args) > 3 {
		return d.ArgErr()
	}
	if z.Tiers[args[0]] != nil {
		return d.Errf("tier %s is there twice", args[0])
	}
	if _, _, err := limit.ParseRate(args[1]); err != nil {
		return d.WrapErr(err)
	}
	t := &Tier{Rate: args[1]}
	if len(args) == 3 {
		n, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil || n < 1 {
			return d.Errf("tier %s: burst %q: it is a count from 1", args[0], args[2])
		}
		t.Burst = n
	}
	if z.Tiers == nil {
		z.Tiers = map[string]*Tier{}
	}
	z.Tiers[args[0]] = t
	return nil
}
