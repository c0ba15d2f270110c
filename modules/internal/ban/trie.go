package ban

import (
	"net/netip"
	"time"
	"unique"

	"github.com/gaissmai/bart"
)

// trie is all bans at one moment. It is never changed once others see it: changes make another that shares what is the same.
type trie = bart.Table[entry]

// entry is a ban as the trie keeps it: small, since there may be a million.
type entry struct {
	reason, source   unique.Handle[string] // the same few for a million of them
	created, expires int64                 // microseconds since 1970; expires 0: never
	times            int32
}

func (e entry) in(now int64) bool { return e.expires == 0 || e.expires > now }

// find is the longest prefix in force that holds the address. One that has ended hides none that is shorter.
func find(t *trie, ip netip.Addr, now func() time.Time) (netip.Prefix, entry, bool) {
	if _, any := t.Lookup(ip); !any {
		return netip.Prefix{}, entry{}, false // the usual case, without a look at the clock
	}
	at := now().UnixMicro()
	for p := netip.PrefixFrom(ip, ip.BitLen()); ; {
		found, e, ok := t.LookupPrefixLPM(p)
		if !ok || e.in(at) {
			return found, e, ok
		}
		if found.Bits() == 0 {
			return netip.Prefix{}, entry{}, false
		}
		p = netip.PrefixFrom(ip, found.Bits()-1).Masked()
	}
}
