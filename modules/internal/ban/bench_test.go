package ban

import (
	"net/netip"
	"testing"
	"time"
	"unique"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

var word = unique.Make("word")

// million is a list over a trie of a million prefixes, none of them in a database.
func million(b testing.TB) (*List, []Ban) {
	book := openBook(b, dbtest.NewSQLite(b), time.Now)
	all := many(1_000_000)
	t := new(trie)
	for _, each := range all {
		t.Insert(each.Prefix, entry{reason: word, source: word})
	}
	book.trie.Store(t)
	return book.View(Options{}), all
}

func BenchmarkBannedAmongAMillion(b *testing.B) {
	l, all := million(b)
	for name, ips := range map[string][]netip.Addr{
		"not banned": {addr("192.0.2.1"), addr("2a00:1:2:3::4"), addr("10.1.2.3"), addr("20.200.1.1")},
		"banned":     {all[1].Prefix.Addr(), all[99_999].Prefix.Addr(), all[500_003].Prefix.Addr(), all[999_999].Prefix.Addr()},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, banned := l.Banned(ips[i%4]); banned != (name == "banned") {
					b.Fatal(banned)
				}
			}
		})
	}
}

// A change shares with the trie before it all that is the same.
func BenchmarkAddToAMillion(b *testing.B) {
	l, _ := million(b)
	t, p := l.book.trie.Load(), netip.MustParsePrefix("192.0.2.1/32")
	b.ReportAllocs()
	for b.Loop() {
		t.InsertPersist(p, entry{reason: word, source: word})
	}
}

// Every request asks: it must cost nothing that is then to be collected, banned or not.
func TestBannedAllocatesNothing(t *testing.T) {
	c := newClock()
	l := openBook(t, dbtest.NewSQLite(t), c.now).View(Options{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}})
	tr := new(trie)
	for _, p := range []string{"192.0.2.0/24", "192.0.2.7/32", "2001:db8:1:2::/64", "203.0.113.7/32"} {
		e := entry{reason: word, source: word}
		if p == "192.0.2.7/32" {
			e.expires = 1 // it has ended long ago
		}
		tr.Insert(netip.MustParsePrefix(p), e)
	}
	l.book.trie.Store(tr)
	for ip, want := range map[string]bool{"192.0.2.7": true, "192.0.2.8": true, "::ffff:192.0.2.8": true, "2001:db8:1:2::3": true, "192.0.3.1": false, "203.0.113.7": false, "127.0.0.1": false} {
		a := addr(ip)
		if got := banned(l, ip); got != want {
			t.Errorf("%s: %v", ip, got)
		}
		if n := testing.AllocsPerRun(100, func() { l.Banned(a) }); n != 0 {
			t.Errorf("%s: %v allocations", ip, n)
		}
	}
}
