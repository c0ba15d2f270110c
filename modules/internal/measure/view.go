package measure

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/convosphere/gateway/modules/internal/ban"
	"github.com/convosphere/gateway/modules/internal/database"
)

// View is one configuration's view of a table. A nil View knows of nothing in force.
type View struct {
	*Table
	exempt func(netip.Addr) bool
}

// View makes a view of the table. exempt tells which addresses no machine touches: the operator's own, trusted proxies, this machine. The view needs no
// closing; the table must outlive it.
func (t *Table) View(exempt func(netip.Addr) bool) *View { return &View{t, exempt} }

func parseClient(id string) (netip.Prefix, error) { return ban.Parse(id) }

// Of is what is in force against who is asking: any of its subjects is enough. It never waits and allocates nothing. What is about a connection and not an
// account leaves out who is exempt.
func (v *View) Of(w Who) (s Set) {
	if v == nil {
		return 0
	}
	k := v.known.Load()
	if k.empty() {
		return 0 // the usual case, without a look at the clock
	}
	now := v.now().UnixMicro()
	exempt := !w.IP.IsValid() || v.exempt(w.IP)
	if !exempt && len(k.clients) > 0 {
		s |= k.clients[ban.Of(w.IP)].set(now)
	}
	if w.User != "" {
		s |= k.users[w.User].set(now)
	}
	if w.Session != "" {
		s |= k.sessions[w.Session].set(now)
	}
	if exempt {
		s &= 1<<SecondFactor | 1<<CloseSockets
	}
	return s
}

func (f *force) set(now int64) (s Set) {
	if f == nil {
		return 0
	}
	for k := range kinds {
		if f.until[k] > now {
			s |= 1 << k
		}
	}
	return s
}

// Since is from when on the kind is in force against who is asking; where several of its subjects are met by it, the last time. Zero: it is not.
func (v *View) Since(w Who, k Kind) (at time.Time) {
	if !v.Of(w).Has(k) {
		return at
	}
	all, now := v.known.Load(), v.now().UnixMicro()
	for _, f := range []*force{all.clients[ban.Of(w.IP)], all.users[w.User], all.sessions[w.Session]} {
		if f != nil && f.until[k] > now {
			if since := database.Time(f.since[k]); since.After(at) {
				at = since
			}
		}
	}
	return at
}

// Watch calls f once, in a goroutine of its own, when the sockets of who is asking are to be closed: within a second of the measure, at once where it is in
// force already. cancel ends the wait; it does not wait for an f that runs.
func (v *View) Watch(w Who, f func()) (cancel func()) {
	if v == nil {
		return func() {}
	}
	one := &watch{v, w, f}
	v.watches.add(one)
	v.watches.ask(one) // it may have been closed between its request and now
	return func() { v.watches.take(one) }
}

// Exempt tells whether no machine may do anything to the subject: an address on the allowlist, a trusted proxy, this machine.
func (v *View) Exempt(s Subject) bool {
	if s.Kind != Client {
		return false
	}
	if ip, err := netip.ParseAddr(s.ID); err == nil {
		return v.exempt(ip)
	}
	p, err := parseClient(s.ID)
	return err != nil || v.exempt(p.Addr())
}

// Put puts a measure in force. It holds here at once, nearly, and in the fleet within a second. One that is in force already lasts as long as the longer of
// both, and begins anew. Errors: ErrMalformed, ErrExempt, ErrFull, and those of the database.
func (v *View) Put(ctx context.Context, m Measure) error {
	now, exempt := v.now(), v.Exempt(m.Subject) // of the address as it was given: ::1 is not all of its /64
	if err := m.check(now); err != nil {
		return err
	}
	if exempt {
		return fmt.Errorf("%s: %w", m.Subject.ID, ErrExempt)
	}
	return v.put(ctx, m, now)
}
