package ban

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unique"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func known(t testing.TB) *List {
	c := newClock()
	book := openBook(t, dbtest.NewSQLite(t), c.now)
	now, tr := c.now().UnixMicro(), new(trie)
	for i, each := range []struct {
		prefix, reason, source string
		lasts                  time.Duration
		times                  int32
	}{
		{"192.0.2.0/24", "A Scanner", Operator, 0, 1},
		{"192.0.2.7/32", "guessed passwords", Abuse, time.Hour, 3},
		{"198.51.100.0/24", "a list", Imported + "one", 2 * time.Hour, 0},
		{"198.51.100.9/32", "over", Abuse, -time.Second, 1},
		{"2001:db8:1:2::/64", "a list", Imported + "two", 0, 0},
	} {
		e := entry{reason: unique.Make(each.reason), source: unique.Make(each.source), created: now + int64(i), times: each.times}
		if each.lasts != 0 {
			e.expires = now + each.lasts.Microseconds()
		}
		tr.Insert(netip.MustParsePrefix(each.prefix), e)
	}
	book.trie.Store(tr)
	return book.View(Options{})
}

// Whatever is asked for and however it is sorted, all pages together hold each ban once, and those that have ended none.
func TestFind(t *testing.T) {
	l := known(t)
	for want, q := range map[string]Query{
		"2001:db8:1:2::/64 198.51.100.0/24 192.0.2.7/32 192.0.2.0/24":  {Desc: true},
		"192.0.2.0/24 192.0.2.7/32 198.51.100.0/24 2001:db8:1:2::/64 ": {Sort: ByPrefix},
		"192.0.2.7/32 198.51.100.0/24 192.0.2.0/24 2001:db8:1:2::/64":  {Sort: ByExpires},
		"192.0.2.7/32 192.0.2.0/24 2001:db8:1:2::/64 198.51.100.0/24":  {Sort: ByTimes, Desc: true},
		"198.51.100.0/24 2001:db8:1:2::/64":                            {Source: Imported},
		"198.51.100.0/24":                                              {Source: Imported + "one"},
		"192.0.2.0/24":                                                 {Text: "scanner"},
		"192.0.2.0/24 192.0.2.7/32":                                    {Near: netip.MustParsePrefix("192.0.2.7/32")},
		" 192.0.2.0/24 192.0.2.7/32":                                   {Near: netip.MustParsePrefix("192.0.2.0/24")},
		"":                                                             {Near: netip.MustParsePrefix("203.0.113.0/24")},
	} {
		for _, q.Limit = range []int{1, 2, 100} {
			q.After = ""
			var got []string
			for {
				p, err := l.Find(q)
				if err != nil {
					t.Fatal(err)
				}
				if n := len(strings.Fields(want)); p.Total != n || len(p.Bans) > q.Limit {
					t.Fatalf("%+v: %d of %d, not %d", q, len(p.Bans), p.Total, n)
				}
				for _, b := range p.Bans {
					got = append(got, b.Prefix.String())
				}
				if q.After = p.Next; p.Next == "" {
					break
				}
			}
			if strings.Join(got, " ") != strings.TrimSpace(want) {
				t.Errorf("%+v gives %s, not %s", q, got, want)
			}
		}
	}
	for _, q := range []Query{{Sort: "reason"}, {After: "x"}, {After: "1 x"}, {After: "x 192.0.2.0/24"}} {
		if _, err := l.Find(q); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

func TestSources(t *testing.T) {
	if got := known(t).Sources(); len(got) != 4 || got[Operator] != 1 || got[Abuse] != 1 {
		t.Errorf("%v", got)
	}
}

func TestGet(t *testing.T) {
	c := newClock()
	l := openBook(t, dbtest.New(t), c.now).View(Options{})
	b := Ban{Prefix: prefix(t, "192.0.2.7"), Source: Operator, Reason: "why", Expires: c.now().Add(time.Hour)}
	if err := l.Add(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Get(t.Context(), b.Prefix); err != nil || got.Reason != "why" || got.Times != 1 {
		t.Fatal(got, err)
	}
	c.forward(2 * time.Hour)
	for _, p := range []netip.Prefix{b.Prefix, prefix(t, "192.0.2.8")} {
		if got, err := l.Get(t.Context(), p); !errors.Is(err, ErrNone) {
			t.Error(got, err)
		}
	}
}

// A page of the console among as many bans as there may usually be.
func BenchmarkFindAmongAMillion(b *testing.B) {
	l, _ := million(b)
	for name, q := range map[string]Query{"newest": {Desc: true}, "reason": {Text: "nothing"}, "address": {Near: netip.MustParsePrefix("20.200.1.1/32")}} {
		b.Run(name, func(b *testing.B) {
			q.Limit = 100
			for b.Loop() {
				if _, err := l.Find(q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
