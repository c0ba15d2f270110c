package ratelimit

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Exempt is who a zone, or all of them, does not count.
type Exempt struct {
	// Addresses and networks, as 10.0.0.0/8.
	Clients []string `json:"clients,omitempty"`

	// Whoever has one of these roles.
	Roles []string `json:"roles,omitempty"`

	// Whoever is of one of these tiers: as the policy said last or, where it has said nothing, by a role of that name.
	Tiers []string `json:"tiers,omitempty"`

	networks []netip.Prefix
}

func (e *Exempt) compile() error {
	if e == nil {
		return nil
	}
	e.networks = nil
	for _, c := range e.Clients {
		p, err := network(c)
		if err != nil {
			return err
		}
		e.networks = append(e.networks, p)
	}
	for _, name := range e.Tiers {
		if !zoneName.MatchString(name) {
			return fmt.Errorf("exempt: tier %q: a name has lower-case letters, digits, - and _", name)
		}
	}
	if slices.Contains(e.Roles, "") {
		return errors.New("exempt: a role has a name")
	}
	return nil
}

// tiered tells whether tiers matter.
func (e *Exempt) tiered() bool { return e != nil && len(e.Tiers) > 0 }

// network reads an address, or a network.
func network(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p != p.Masked() {
		return p, fmt.Errorf("exempt %q: it is an address, or a network as 10.0.0.0/8", s)
	}
	return p, nil
}

// holds tells whether who asks is exempt. Nobody is by what they merely say of themselves.
func (e *Exempt) holds(a *asked) bool {
	if e == nil {
		return false
	}
	if a.addr.IsValid() && slices.ContainsFunc(e.networks, func(p netip.Prefix) bool { return p.Contains(a.addr) }) {
		return true
	}
	if a.rc.Identity == nil {
		return false
	}
	for _, role := range a.rc.Identity.Roles {
		if slices.Contains(e.Roles, role) {
			return true
		}
	}
	return a.tier != "" && slices.Contains(e.Tiers, a.tier)
}

// exemptOption adds a line `exempt <network>…`, `exempt role <name>…` or `exempt tier <name>…` to e.
func exemptOption(d *caddyfile.Dispenser, e **Exempt, args []string) error {
	if *e == nil {
		*e = new(Exempt)
	}
	to := &(*e).Clients
	if len(args) > 0 {
		switch args[0] {
		case "role":
			to, args = &(*e).Roles, args[1:]
		case "tier":
			to, args = &(*e).Tiers, args[1:]
		}
	}
	if len(args) == 0 {
		return d.ArgErr()
	}
	*to = append(*to, args...)
	if err := (*e).compile(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}
