package ban

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/gaissmai/bart"

	"github.com/convosphere/gateway/modules/internal/database"
)

// List is one configuration's view of a book. A nil List bans nobody.
type List struct {
	book    *Book
	options Options
	allow   *bart.Lite
	proxies atomic.Pointer[bart.Lite]
}

// local is what no configuration can ban: a gateway that shuts itself out is of no use, and who can call from here can do worse.
var local = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// View makes a list over the book. It needs no closing; the book must outlive it.
func (b *Book) View(o Options) *List {
	l := &List{book: b, options: o.orDefaults(), allow: lite(o.Allow)}
	l.Protect(nil)
	return l
}

func lite(all []netip.Prefix) *bart.Lite {
	t := new(bart.Lite)
	for _, p := range all {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		t.Insert(p.Masked())
	}
	return t
}

// Protect names the trusted proxies, which are never banned: everybody else may stand behind them. It takes the place of what was named before.
func (l *List) Protect(proxies []netip.Prefix) { l.proxies.Store(lite(slices.Concat(proxies, local))) }

// Banned tells whether the address may not come, and by which ban. It never waits and allocates nothing.
func (l *List) Banned(ip netip.Addr) (Ban, bool) {
	if l == nil || !ip.IsValid() {
		return Ban{}, false
	}
	ip = ip.WithZone("").Unmap()
	p, e, ok := find(l.book.trie.Load(), ip, l.book.now)
	if !ok || l.Exempt(ip) {
		return Ban{}, false
	}
	return e.ban(p), true
}

func (e entry) ban(p netip.Prefix) Ban {
	return Ban{
		Prefix: p, Reason: e.reason.Value(), Source: e.source.Value(), Times: int(e.times),
		Created: database.Time(e.created), Expires: database.Time(e.expires),
	}
}

// Allowed tells whether the address is on the allowlist.
func (l *List) Allowed(ip netip.Addr) bool {
	return l != nil && l.allow.Lookup(ip.WithZone("").Unmap())
}

// Exempt tells whether the address is never banned: on the allowlist, a trusted proxy, or this machine.
func (l *List) Exempt(ip netip.Addr) bool {
	if l == nil {
		return true
	}
	ip = ip.WithZone("").Unmap()
	return l.allow.Lookup(ip) || l.proxies.Load().Lookup(ip)
}

// Holds tells whether an address that is never banned lies in the prefix, or the prefix in one of theirs: whoever is met by that prefix may be one of them.
func (l *List) Holds(p netip.Prefix) bool {
	return l == nil || l.allow.OverlapsPrefix(p) || l.proxies.Load().OverlapsPrefix(p)
}

// Admit tells whether the ban may be added: an error that wraps ErrMalformed, ErrExempt or ErrBroad says why not. Force lets the last pass.
func (l *List) Admit(b Ban, force bool) error {
	if err := b.check(l.book.now()); err != nil {
		return err
	}
	p, proxies := b.Prefix, l.proxies.Load()
	if l.allow.LookupPrefix(p) || proxies.LookupPrefix(p) {
		return fmt.Errorf("%s: %w: it is on the allowlist, a trusted proxy, or this machine", p, ErrExempt)
	}
	if force {
		return nil // who is exempt stays so: Banned asks for it
	}
	least := leastBits4
	if p.Addr().Is6() {
		least = leastBits6
	}
	if p.Bits() < least {
		return fmt.Errorf("%s: %w: it is shorter than /%d", p, ErrBroad, least)
	}
	for range proxies.Subnets(p) {
		return fmt.Errorf("%s: %w: it holds a trusted proxy or this machine", p, ErrBroad)
	}
	return nil
}

// Stale tells whether changes can't be seen at present: then what was last known holds.
func (l *List) Stale() bool { return l != nil && !l.book.feed.Fresh() }

// Size is how many bans are held in memory. Some may have ended and wait to be swept.
func (l *List) Size() int {
	if l == nil {
		return 0
	}
	return l.book.trie.Load().Size()
}
