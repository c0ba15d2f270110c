// Package ban knows who may not come: address prefixes, durable in the database, and in memory as a prefix trie that every request is looked
// up in.
//
// A Book holds the bans of one database: it reads them all, hears of changes by the change feed, so that a ban holds in the whole fleet within a
// second, and deletes those that have ended. Where the database can't be reached it goes on with what it last knew (Stale tells): neither does a
// lost database let everybody in who was banned, nor does it ban anybody else. A List is one configuration's view of the book: with its allowlist, and
// what it must never ban.
package ban

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Where bans come from. What was imported is "import:NAME".
const (
	Operator = "operator"
	Abuse    = "abuse"
	Monitor  = "monitor" // a response to what was seen in events
	Imported = "import:"
)

// Ban is one prefix that may not come.
type Ban struct {
	Prefix  netip.Prefix
	Reason  string // for operators, at most 256 bytes; no client sees it
	Source  string
	Created time.Time // zero when adding: now
	Expires time.Time // zero: never
	Times   int       // how often it was banned, this time included; 0 for what was imported
}

// In tells whether the ban is in force at that time.
func (b Ban) In(now time.Time) bool { return b.Expires.IsZero() || b.Expires.After(now) }

// Why a ban is refused.
var (
	ErrMalformed = errors.New("it can't be banned so")
	ErrExempt    = errors.New("it is never banned")
	ErrBroad     = errors.New("it would ban too much: --force does it nevertheless")
	ErrFull      = errors.New("there are as many bans as there may be")
)

// The shortest prefixes that are banned without force.
const (
	leastBits4 = 8
	leastBits6 = 16
	client6    = 64 // one IPv6 client can choose freely within so long a prefix
)

// MaxReason is how many bytes the reason of a ban may have.
const MaxReason = 256

// Of is the prefix by which a client is banned: its address, or for IPv6 its /64. Zero where the address is.
func Of(ip netip.Addr) netip.Prefix {
	ip = ip.WithZone("").Unmap()
	if !ip.IsValid() {
		return netip.Prefix{}
	}
	return canonical(netip.PrefixFrom(ip, ip.BitLen()))
}

// Parse reads an address or a prefix in CIDR notation. Addresses stand for their Of; IPv4 addresses mapped into IPv6 are IPv4.
func Parse(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%w: %q is neither an address nor a prefix, as 192.0.2.0/24", ErrMalformed, cut(s))
		}
		return Of(ip), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%w: %q is neither an address nor a prefix, as 192.0.2.0/24", ErrMalformed, cut(s))
	}
	return canonical(p), nil
}

// canonical gives every prefix one spelling. Zero for one that is not valid.
func canonical(p netip.Prefix) netip.Prefix {
	ip, bits := p.Addr(), p.Bits()
	if !p.IsValid() {
		return netip.Prefix{}
	}
	switch {
	case ip.Is4In6() && bits >= 96:
		ip, bits = ip.Unmap(), bits-96
	case ip.Is6():
		bits = min(bits, client6)
	}
	return netip.PrefixFrom(ip, bits).Masked()
}

// check tells what no ban may be, whoever asks.
func (b Ban) check(now time.Time) error {
	switch {
	case !b.Prefix.IsValid() || canonical(b.Prefix) != b.Prefix:
		return fmt.Errorf("%w: it is no prefix", ErrMalformed)
	case b.Source != Operator && b.Source != Abuse && b.Source != Monitor && !validImport(b.Source):
		return fmt.Errorf("%w: its source is none that there is", ErrMalformed)
	case !validReason(b.Reason):
		return fmt.Errorf("%w: the reason must be text of at most %d bytes on one line", ErrMalformed, MaxReason)
	case !b.In(now):
		return fmt.Errorf("%w: it would have ended before it began", ErrMalformed)
	}
	return nil
}

// validImport tells whether the source is import:NAME, of at most 64 letters, digits, dots, dashes and underscores.
func validImport(source string) bool {
	name, ok := strings.CutPrefix(source, Imported)
	return ok && name != "" && len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

func validReason(s string) bool {
	return len(s) <= MaxReason && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}

// cut shortens what a message shows of what was given.
func cut(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
