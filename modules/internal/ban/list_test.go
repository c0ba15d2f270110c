package ban

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestABanHoldsInTheWholeFleet(t *testing.T) {
	config, c := dbtest.New(t), newClock()
	here, there := openBook(t, config, c.now).View(Options{}), openBook(t, config, c.now).View(Options{})
	b := Ban{Prefix: prefix(t, "192.0.2.0/24"), Source: Operator, Reason: "a reason", Expires: c.now().Add(time.Hour)}
	if err := here.Add(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*List{here, there} {
		eventually(t, "it is not banned", func() bool { return banned(l, "192.0.2.9") && banned(l, "::ffff:192.0.2.9") })
		got, _ := l.Banned(addr("192.0.2.9"))
		if got.Prefix != b.Prefix || got.Reason != b.Reason || got.Source != Operator || got.Times != 1 || got.Expires.UnixMicro() != b.Expires.UnixMicro() || got.Created.IsZero() {
			t.Errorf("%+v", got)
		}
		if banned(l, "192.0.3.1") || banned(l, "2001:db8::1") {
			t.Error("others are banned too")
		}
	}
	// Another gateway that starts now knows it from the beginning.
	if !banned(openBook(t, config, c.now).View(Options{}), "192.0.2.9") {
		t.Error("it is not read at the start")
	}
	if err := there.Remove(t.Context(), b.Prefix); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*List{here, there} {
		eventually(t, "it stays banned", func() bool { return !banned(l, "192.0.2.9") })
	}
	if err := here.Remove(t.Context(), b.Prefix); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

// The trie answers with the longest prefix: one that has ended must not let in who a shorter one still bans.
func TestAnEndedBanHidesNoOther(t *testing.T) {
	c := newClock()
	l := openBook(t, dbtest.New(t), c.now).View(Options{})
	for p, life := range map[string]time.Duration{"198.51.100.0/24": 0, "198.51.100.128/25": time.Minute, "198.51.100.200": time.Second} {
		b := Ban{Prefix: prefix(t, p), Source: Operator}
		if life > 0 {
			b.Expires = c.now().Add(life)
		}
		if err := l.Add(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "they are not banned", func() bool { return l.Size() == 3 })
	for _, want := range []string{"198.51.100.200/32", "198.51.100.128/25", "198.51.100.0/24"} {
		if b, ok := l.Banned(addr("198.51.100.200")); !ok || b.Prefix.String() != want {
			t.Fatalf("%v, not %s", b.Prefix, want)
		}
		c.forward(time.Minute - time.Second)
	}
}

func TestNeverBanned(t *testing.T) {
	c := newClock()
	l := openBook(t, dbtest.New(t), c.now).View(Options{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/28"), netip.MustParsePrefix("::ffff:198.51.100.1/128")}})
	l.Protect([]netip.Prefix{netip.MustParsePrefix("10.9.0.0/16"), netip.MustParsePrefix("2001:db8:9::/64")})
	for _, p := range []string{"127.0.0.1", "127.4.0.0/16", "203.0.113.3", "203.0.113.0/28", "198.51.100.1", "10.9.8.7", "2001:db8:9::1"} {
		b := Ban{Prefix: prefix(t, p), Source: Operator}
		if err := l.Add(t.Context(), b); !errors.Is(err, ErrExempt) {
			t.Errorf("%s: %v", p, err)
		}
		if err := l.Force(t.Context(), b); !errors.Is(err, ErrExempt) {
			t.Errorf("%s with force: %v", p, err)
		}
	}
	for _, p := range []string{"::1", "10.0.0.0/8", "10.9.0.0/15", "2001:db8::/32", "0.0.0.0/0", "::/0", "12.0.0.0/7", "2a00::/15"} {
		if err := l.Add(t.Context(), Ban{Prefix: prefix(t, p), Source: Abuse}); !errors.Is(err, ErrBroad) {
			t.Errorf("%s: %v", p, err)
		}
	}
	// An operator may ban everybody. Even then these are not.
	for _, p := range []string{"0.0.0.0/0", "::/0"} {
		if err := l.Force(t.Context(), Ban{Prefix: prefix(t, p), Source: Operator}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "they are not banned", func() bool { return l.Size() == 2 })
	for _, ip := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1", "203.0.113.3", "198.51.100.1", "10.9.8.7", "2001:db8:9::1"} {
		if banned(l, ip) || !l.Exempt(addr(ip)) {
			t.Errorf("%s is banned", ip)
		}
	}
	for _, ip := range []string{"203.0.113.16", "10.8.0.1", "2001:db8:8::1"} {
		if !banned(l, ip) || l.Exempt(addr(ip)) {
			t.Errorf("%s is not banned", ip)
		}
	}
	if !l.Allowed(addr("203.0.113.3")) || l.Allowed(addr("127.0.0.1")) {
		t.Error("the allowlist is another")
	}
}

// A single IPv6 client has a /64 of addresses to go on with.
func TestAnIPv6ClientIsBannedWithItsPrefix(t *testing.T) {
	c := newClock()
	l := openBook(t, dbtest.New(t), c.now).View(Options{})
	if err := l.Add(t.Context(), Ban{Prefix: Of(addr("2001:db8:1:2:aaaa::1")), Source: Abuse, Expires: c.now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is not banned", func() bool { return banned(l, "2001:db8:1:2:bbbb::2") })
	if banned(l, "2001:db8:1:3::1") {
		t.Error("the neighbour is banned")
	}
}

func TestNilBansNobody(t *testing.T) {
	var l *List
	if _, ok := l.Banned(addr("192.0.2.1")); ok || l.Size() != 0 || l.Stale() {
		t.Error("it does something")
	}
	l.Watch(addr("192.0.2.1"), nil)()
}

func TestWhoChangesABan(t *testing.T) {
	c := newClock()
	l := openBook(t, dbtest.New(t), c.now).View(Options{})
	p := prefix(t, "192.0.2.1")
	in := func(d time.Duration) time.Time {
		if d == 0 {
			return time.Time{}
		}
		return c.now().Add(d)
	}
	start := c.now()
	for i, step := range []struct {
		source string
		life   time.Duration
		holder string
		until  time.Duration // since the start; 0 never
		times  int
	}{
		{Abuse, 10 * time.Minute, Abuse, 10 * time.Minute, 1},
		{Abuse, 5 * time.Minute, Abuse, 10 * time.Minute, 1}, // two nodes at once: one offence, the longer ban
		{Abuse, time.Hour, Abuse, time.Hour, 1},
		{Imported + "list", time.Minute, Abuse, time.Hour, 1},
		{Operator, time.Minute, Operator, time.Minute, 1}, // an operator shortens
		{Abuse, time.Hour, Operator, time.Minute, 1},      // a machine does not have the last word
		{Operator, 0, Operator, 0, 1},
		{Abuse, time.Hour, Operator, 0, 1},
	} {
		if err := l.Add(t.Context(), Ban{Prefix: p, Source: step.source, Expires: in(step.life)}); err != nil {
			t.Fatal(err)
		}
		all, err := l.List(t.Context(), "", "", 0)
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		want := time.Time{}
		if step.until > 0 {
			want = start.Add(step.until)
		}
		if b := all[0]; b.Source != step.holder || b.Times != step.times || b.Expires.UnixMicro() != want.UnixMicro() {
			t.Fatalf("%d: %+v, not until %v", i, b, want)
		}
	}
}

func TestHistory(t *testing.T) {
	c := newClock()
	book := openBook(t, dbtest.New(t), c.now)
	l := book.View(Options{Remember: 24 * time.Hour})
	p := prefix(t, "192.0.2.1")
	expect := func(want int) {
		t.Helper()
		if got, err := l.History(t.Context(), p); err != nil || got != want {
			t.Fatalf("%d times, not %d: %v", got, want, err)
		}
	}
	add := func() {
		t.Helper()
		if err := l.Add(t.Context(), Ban{Prefix: p, Source: Abuse, Expires: c.now().Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	expect(0)
	for i := range 3 {
		add()
		expect(i + 1)
		c.forward(time.Hour)
		if err := book.sweepTables(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect(i + 1)
	}
	c.forward(24 * time.Hour)
	expect(0)
	if err := book.sweepTables(t.Context()); err != nil {
		t.Fatal(err)
	}
	add()
	expect(1)
	if err := l.Remove(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	expect(0)
}

func TestFull(t *testing.T) {
	l := openBook(t, dbtest.New(t), newClock().now).View(Options{Most: 1})
	if err := l.Add(t.Context(), Ban{Prefix: prefix(t, "192.0.2.1"), Source: Operator}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is not banned", func() bool { return l.Size() == 1 })
	if err := l.Add(t.Context(), Ban{Prefix: prefix(t, "192.0.2.2"), Source: Operator}); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
}

// A machine must not meet by a prefix whom it must not meet by an address.
func TestPrefixesThatHoldWhoIsExempt(t *testing.T) {
	l := openBook(t, dbtest.NewSQLite(t), time.Now).View(Options{Allow: []netip.Prefix{netip.MustParsePrefix("2001:db8::7/128"), netip.MustParsePrefix("203.0.113.0/24")}})
	for s, want := range map[string]bool{
		"::1": true, "127.0.0.1": true, "2001:db8::9": true, "203.0.113.9": true, "203.0.112.0/22": true, "192.0.2.1": false, "2001:db8:0:1::7": false,
	} {
		if got := l.Holds(prefix(t, s)); got != want {
			t.Error(s, got)
		}
	}
}

// A machine that thinks better of it lifts its own ban, and nobody else's.
func TestWithdraw(t *testing.T) {
	l := openBook(t, dbtest.New(t), time.Now).View(Options{})
	p := prefix(t, "192.0.2.7")
	if err := l.Add(t.Context(), Ban{Prefix: p, Source: Monitor, Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := l.Withdraw(t.Context(), p, Abuse); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if n, err := l.History(t.Context(), p); err != nil || n != 1 {
		t.Error("the history is gone:", n, err)
	}
	if err := l.Withdraw(t.Context(), p, Monitor); err != nil {
		t.Error(err)
	}
	if all, err := l.List(t.Context(), "", "", 0); err != nil || len(all) != 0 {
		t.Error(all, err)
	}
}
