package ban

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7/32", "192.0.2.7/24": "192.0.2.0/24", "0.0.0.0/0": "0.0.0.0/0", "::/0": "::/0",
		"2001:db8:1:2:3::4": "2001:db8:1:2::/64", "2001:db8:1:2:3::4/128": "2001:db8:1:2::/64", "2001:db8::/32": "2001:db8::/32",
		"::ffff:192.0.2.7": "192.0.2.7/32", "::ffff:192.0.2.7/120": "192.0.2.0/24", "::ffff:0:0/96": "0.0.0.0/0", "::1": "::/64",
	} {
		if p, err := Parse(in); err != nil || p.String() != want {
			t.Errorf("%s: %s %v, not %s", in, p, err, want)
		}
	}
	for _, in := range []string{"", "x", "192.0.2", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/024", "fe80::1%eth0", "fe80::%eth0/64", "1.2.3.4/", strings.Repeat("1", 1000)} {
		if p, err := Parse(in); !errors.Is(err, ErrMalformed) || len(err.Error()) > 300 {
			t.Errorf("%q: %s %v", in, p, err)
		}
	}
	if Of(netip.Addr{}).IsValid() {
		t.Error("no address is a prefix")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"192.0.2.7", "192.0.2.0/24", "2001:db8::1", "::ffff:1.2.3.4/97", "::/0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(p.String()); err != nil || again != p || p.Addr().Is4In6() || p.Addr().Is6() && p.Bits() > client6 {
			t.Errorf("%q: %s, and then %s %v", s, p, again, err)
		}
	})
}

func TestChecks(t *testing.T) {
	now := time.Now()
	good := Ban{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Source: Operator}
	if err := good.check(now); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Ban){
		"no prefix":       func(b *Ban) { b.Prefix = netip.Prefix{} },
		"not masked":      func(b *Ban) { b.Prefix = netip.MustParsePrefix("192.0.2.1/24") },
		"too long":        func(b *Ban) { b.Prefix = netip.MustParsePrefix("2001:db8::/128") },
		"mapped":          func(b *Ban) { b.Prefix = netip.MustParsePrefix("::ffff:192.0.2.0/120") },
		"no source":       func(b *Ban) { b.Source = "" },
		"another source":  func(b *Ban) { b.Source = "import:A B" },
		"nameless import": func(b *Ban) { b.Source = Imported },
		"a long reason":   func(b *Ban) { b.Reason = strings.Repeat("x", MaxReason+1) },
		"two lines":       func(b *Ban) { b.Reason = "a\nb" },
		"no text":         func(b *Ban) { b.Reason = "\xff" },
		"over already":    func(b *Ban) { b.Expires = now },
	} {
		b := good
		change(&b)
		if err := b.check(now); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
