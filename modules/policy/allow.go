package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/convosphere/gateway/modules/policy/engine"
)

// Allow lets a policy reach outside.
type Allow struct {
	// Built-in functions of those that are off otherwise: http.send, net.lookup_ip_addr, opa.runtime (which gives the environment).
	Functions []string `json:"functions,omitempty"`

	// The hosts, without port, that http.send may ask and net.lookup_ip_addr may look up. There is no "all".
	Hosts []string `json:"hosts,omitempty"`
}

// parseAllow reads
//
//	allow <function>… {
//		hosts <host>…
//	}
func (a *App) parseAllow(d *caddyfile.Dispenser) error {
	a.Allow = &Allow{Functions: d.RemainingArgs()}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "hosts" {
			return d.Errf("unknown subdirective %q: allow knows hosts", d.Val())
		}
		hosts := d.RemainingArgs()
		if len(hosts) == 0 {
			return d.ArgErr()
		}
		a.Allow.Hosts = append(a.Allow.Hosts, hosts...)
	}
	if err := a.Allow.check(); err != nil {
		return d.Err(err.Error())
	}
	return nil
}

func (l *Allow) check() error {
	if len(l.Functions) == 0 {
		return errors.New("allow: name the functions that are allowed: " + strings.Join(engine.Guarded, ", "))
	}
	for _, f := range l.Functions {
		if !slices.Contains(engine.Guarded, f) {
			return fmt.Errorf("allow: %q can't be allowed: %s can", f, strings.Join(engine.Guarded, ", "))
		}
		if f != "opa.runtime" && len(l.Hosts) == 0 { // fail closed: a policy that may ask anybody asks whom its input names
			return fmt.Errorf("allow: name the hosts that %s may reach", f)
		}
	}
	for _, h := range l.Hosts {
		if _, err := netip.ParseAddr(h); err != nil && strings.ContainsAny(h, "/:@*[] \t") {
			return fmt.Errorf("allow: hosts %q: write a name or an address, without scheme and port", h)
		}
	}
	return nil
}

// options are what a policy may use here, and its tests. What was granted is not for tests to see.
func (a *App) options() []engine.Option {
	if a.Allow == nil {
		return nil
	}
	return []engine.Option{engine.Allow(a.Allow.Functions, a.Allow.Hosts)}
}
