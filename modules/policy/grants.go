package policy

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"

	"github.com/convosphere/gateway/modules/policy/grant"
)

// Grants bounds what is granted and how much of it is remembered.
type Grants struct {
	// The most bytes of grants that are remembered. Default: 64 MiB, which hold a million and more.
	Memory int64 `json:"memory,omitempty"`

	// The most relations to one object. Default: 100000.
	PerObject int `json:"per_object,omitempty"`

	// The most relations of one person, or of everyone. What lies in a parent is not counted. Default: 1000000.
	PerSubject int `json:"per_subject,omitempty"`
}

// What the bounds may be.
const (
	leastMemory, mostMemory = 1 << 20, 64 << 30
	leastGrants, mostGrants = 100, 100_000_000
)

// parseGrants reads
//
//	grants {
//		memory      <size>
//		per_object  <number>
//		per_subject <number>
//	}
func (a *App) parseGrants(d *caddyfile.Dispenser) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	g := &Grants{}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name, value := d.Val(), ""
		if seen[name] {
			return d.Errf("grants %s is given twice", name)
		}
		seen[name] = true
		if !d.Args(&value) || d.NextArg() {
			return d.ArgErr()
		}
		if err := g.parse(name, value); err != nil {
			return d.WrapErr(err)
		}
	}
	if len(seen) == 0 {
		return d.Err("grants: write memory, per_object or per_subject in its block")
	}
	a.Grants = g
	return nil
}

func (g *Grants) parse(name, value string) (err error) {
	switch name {
	case "memory":
		n, err := humanize.ParseBytes(value)
		if err != nil || n < leastMemory || n > mostMemory {
			return fmt.Errorf("grants memory %q: write a size from 1MiB to 64GiB", value)
		}
		g.Memory = int64(n)
		return nil
	case "per_object":
		g.PerObject, err = strconv.Atoi(value)
		return numbered(name, value, g.PerObject, err)
	case "per_subject":
		g.PerSubject, err = strconv.Atoi(value)
		return numbered(name, value, g.PerSubject, err)
	}
	return fmt.Errorf("unknown subdirective %q: grants knows memory, per_object and per_subject", name)
}

func numbered(name, value string, n int, err error) error {
	if err != nil || n < leastGrants || n > mostGrants {
		return fmt.Errorf("grants %s %q: write a number from %d to %d", name, value, leastGrants, mostGrants)
	}
	return nil
}

// validate takes zero for the default.
func (g *Grants) validate() error {
	if g.Memory != 0 && (g.Memory < leastMemory || g.Memory > mostMemory) {
		return fmt.Errorf("grants: memory must be from %d to %d bytes", leastMemory, mostMemory)
	}
	for name, n := range map[string]int{"per_object": g.PerObject, "per_subject": g.PerSubject} {
		if n != 0 && (n < leastGrants || n > mostGrants) {
			return fmt.Errorf("grants: %s must be from %d to %d", name, leastGrants, mostGrants)
		}
	}
	return nil
}

// openGrants opens the store.
func (a *App) openGrants() error {
	var limits grant.Limits
	if g := a.Grants; g != nil {
		if err := g.validate(); err != nil {
			return fmt.Errorf("policy: %w", err)
		}
		limits = grant.Limits{Memory: int(g.Memory), PerObject: g.PerObject, PerSubject: g.PerSubject}
	}
	a.toldFull = new(atomic.Int64)
	a.grants = grant.NewWithin(a.ground.DB, a.ground.Feed, time.Now, limits)
	return nil
}
