package ratelimit

import (
	"fmt"
	"maps"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/ratelimit/limit"
)

// Tier is the limit of a zone for those who are of the tier: as the policy said last or, where it has said nothing, by a role of that name.
type Tier struct {
	Measure

	limit limit.Zone
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
		if t.limit, err = z.limited(t.Measure); err != nil {
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

// tier is what the policy last said of who is asking, "" where nothing here wants to know.
func (h *Handler) tier(rc *reqctx.Request) string {
	if !h.tiered {
		return ""
	}
	return h.tierOf(rc.Identity)
}

// tierOf is what the policy last said of somebody. Of whom it has said nothing yet, or where there is none, it is the first of their roles that
// something here names as a tier.
func (h *Handler) tierOf(id *reqctx.Identity) string {
	if id == nil {
		return ""
	}
	if h.ground != nil {
		if tier := h.ground.Tiers.Of(id.Subject); tier != "" {
			return tier
		}
	}
	return h.tierOfRoles(id.Roles)
}

func (h *Handler) tierOfRoles(roles []string) string {
	for _, role := range roles {
		if h.tierNames[role] {
			return role
		}
	}
	return ""
}

// nameTiers collects the tiers that the configuration knows.
func (h *Handler) nameTiers(zones []*Zone) {
	h.tierNames = map[string]bool{}
	add := func(names []string) {
		for _, name := range names {
			h.tierNames[name] = true
		}
	}
	switch {
	case h.Shed == nil || !h.Shed.Off && len(h.Shed.Tiers) == 0:
		add(defaultTiers)
	case !h.Shed.Off:
		add(h.Shed.Tiers)
	}
	if h.Exempt != nil {
		add(h.Exempt.Tiers)
	}
	for _, z := range zones {
		add(slices.Collect(maps.Keys(z.Tiers)))
		if z.Exempt != nil {
			add(z.Exempt.Tiers)
		}
	}
}

// tierOption reads `tier <name> <count>/<period> [<burst>]`.
func tierOption(d *caddyfile.Dispenser, z *Zone, args []string) error {
	if len(args) < 2 {
		return d.ArgErr()
	}
	if z.Tiers[args[0]] != nil {
		return d.Errf("tier %s is there twice", args[0])
	}
	t := new(Tier)
	if err := t.read(d, args[1:]); err != nil {
		return err
	}
	if z.Tiers == nil {
		z.Tiers = map[string]*Tier{}
	}
	z.Tiers[args[0]] = t
	return nil
}
