package balance

import (
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/convosphere/gateway/modules/balance/pick"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func init() { caddy.RegisterModule(Policy{}) }

const mostSlow = time.Hour

// Policy is http.reverse_proxy.selection_policies.gw_balance.
type Policy struct {
	// How long a back end that came (back) up takes to its whole share. Default: none.
	SlowStart caddy.Duration `json:"slow_start,omitempty"`

	// What always goes to the same back end, as long as that is available: all of a "user", a "session" or a "client" (address). Default: nothing.
	Sticky string `json:"sticky,omitempty"`

	table *pick.Table
}

// CaddyModule returns the module's information.
func (Policy) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.reverse_proxy.selection_policies.gw_balance", New: func() caddy.Module { return new(Policy) }}
}

// tables holds one table, which the configurations of the process share in turn: since when back ends are up is not forgotten at a reload.
var tables = caddy.NewUsagePool()

type pooledTable struct{ *pick.Table }

// Destruct implements caddy.Destructor.
func (pooledTable) Destruct() error { return nil }

// Provision takes the table.
func (p *Policy) Provision(ctx caddy.Context) error {
	v, _, err := tables.LoadOrNew("table", func() (caddy.Destructor, error) { return pooledTable{pick.NewTable(time.Now)}, nil })
	if err != nil {
		return fmt.Errorf("gw_balance: %w", err)
	}
	p.table = v.(pooledTable).Table
	return registerMetrics(ctx.GetMetricsRegistry())
}

// Validate refuses what can't be.
func (p *Policy) Validate() error {
	switch p.Sticky {
	case "", "user", "session", "client":
	default:
		return fmt.Errorf("gw_balance: sticky %q: it is user, session or client", p.Sticky)
	}
	if slow := time.Duration(p.SlowStart); slow < 0 || slow > mostSlow {
		return fmt.Errorf("gw_balance: slow_start %s: it is at most 1h", slow)
	}
	return nil
}

// Cleanup gives the table back. It also runs after a failed Provision, when there may be none.
func (p *Policy) Cleanup() error {
	if p.table == nil {
		return nil
	}
	// The table itself stays: requests that a reload has overtaken still ask.
	_, err := tables.Delete("table")
	return err
}

// triedKey is the request's variable that holds where it was sent already: reverse_proxy asks again when that failed.
const triedKey = "gw_balance.tried"

// Select implements reverseproxy.Selector. nil: no back end is available.
func (p *Policy) Select(pool reverseproxy.UpstreamPool, r *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	targets := make([]pick.Target, len(pool))
	for i, u := range pool {
		targets[i] = pick.Target{Name: u.Dial, Available: u.Available(), Requests: u.NumRequests()}
	}
	weights := p.table.Weights(targets, time.Duration(p.SlowStart))
	tried, _ := caddyhttp.GetVar(r.Context(), triedKey).(map[string]bool)
	at := p.choose(r, targets, weights, func(i int) bool { return tried[targets[i].Name] })
	if at < 0 && len(tried) > 0 { // all that are available have failed once: they are asked again
		at = p.choose(r, targets, weights, func(int) bool { return false })
	}
	tell(targets, weights, at)
	if at < 0 {
		return nil
	}
	note(r, tried, targets[at].Name)
	return pool[at]
}

func (p *Policy) choose(r *http.Request, targets []pick.Target, weights []float64, skip func(i int) bool) int {
	if key := p.key(r); key != "" {
		return pick.Of(key, targets, weights, skip)
	}
	return pick.Least(targets, weights, skip)
}

// key is what the request sticks by, "" where nothing is known of it.
func (p *Policy) key(r *http.Request) string {
	if p.Sticky == "" {
		return ""
	}
	rc := reqctx.From(r.Context())
	if rc == nil { // no handler of the gateway stands before this: nobody is known, and the client is who connects
		rc = new(reqctx.Request)
	}
	id := rc.Identity
	switch {
	case p.Sticky == "client":
		return rc.Caller(r)
	case id == nil:
		return ""
	case p.Sticky == "session":
		return id.Session
	}
	return id.Issuer + "\x00" + id.Subject
}

func note(r *http.Request, tried map[string]bool, name string) {
	if _, ok := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any); !ok {
		return
	}
	if tried == nil {
		tried = map[string]bool{}
		caddyhttp.SetVar(r.Context(), triedKey, tried)
	}
	tried[name] = true
}

// UnmarshalCaddyfile sets up the policy from Caddyfile tokens. Syntax:
//
//	lb_policy gw_balance {
//		slow_start <duration>             # default: none
//		sticky     user|session|client    # default: none
//	}
func (p *Policy) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the policy's name
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		if seen[name] {
			return d.Errf("%s is given twice", name)
		}
		seen[name] = true
		args := d.RemainingArgs()
		switch {
		case name != "slow_start" && name != "sticky":
			return d.Errf("unknown subdirective %q: gw_balance knows slow_start and sticky", name)
		case len(args) != 1:
			return d.ArgErr()
		case name == "slow_start":
			slow, err := caddy.ParseDuration(args[0])
			if err != nil || slow <= 0 || slow > mostSlow {
				return d.Errf("slow_start %q: it is a duration as 30s, at most 1h", args[0])
			}
			p.SlowStart = caddy.Duration(slow)
		case args[0] != "user" && args[0] != "session" && args[0] != "client":
			return d.Errf("sticky %q: it is user, session or client", args[0])
		default:
			p.Sticky = args[0]
		}
	}
	return nil
}

// Interface guards.
var (
	_ caddy.Provisioner     = (*Policy)(nil)
	_ caddy.Validator       = (*Policy)(nil)
	_ caddy.CleanerUpper    = (*Policy)(nil)
	_ caddyfile.Unmarshaler = (*Policy)(nil)
	_ reverseproxy.Selector = (*Policy)(nil)
)
