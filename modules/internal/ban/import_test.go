package ban

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

// many are so many different prefixes.
func many(n int) []Ban {
	bans := make([]Ban, n)
	for i := range bans {
		bans[i].Prefix = netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + i>>24), byte(i >> 16), byte(i >> 8), byte(i)}), 32)
		if i%4 == 3 {
			bans[i].Prefix = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(i >> 16), byte(i >> 8), byte(i)}), 64)
		}
	}
	return bans
}

// A large list is one transaction, and holds in the fleet at once. (One of a hundred thousand is imported in test/e2e, without the race detector.)
func TestALargeImport(t *testing.T) {
	config, c := dbtest.New(t), newClock()
	here, there := openBook(t, config, c.now).View(Options{}), openBook(t, config, c.now).View(Options{})
	all := many(20_000)
	out, err := here.Import(t.Context(), Import{Source: "import:list", Bans: all})
	if err != nil || out.Added != len(all) || out.Kept != 0 || out.Skipped != 0 {
		t.Fatal(out, err)
	}
	for _, l := range []*List{here, there} {
		eventually(t, "they are not banned", func() bool { return l.Size() == len(all) })
	}
	for _, i := range []int{0, 3, 19_999} {
		if b, ok := there.Banned(all[i].Prefix.Addr()); !ok || b.Source != "import:list" || b.Times != 0 {
			t.Errorf("%+v %v", b, ok)
		}
	}
	n, err := there.Clear(t.Context(), "import:list")
	if err != nil || n != int64(len(all)) {
		t.Fatal(n, err)
	}
	for _, l := range []*List{here, there} {
		eventually(t, "they stay banned", func() bool { return l.Size() == 0 })
	}
}

func TestImport(t *testing.T) {
	c := newClock()
	l := openBook(t, dbtest.New(t), c.now).View(Options{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Most: 20})
	in := func(d time.Duration) time.Time { return c.now().Add(d) }
	for p, b := range map[string]Ban{
		"192.0.2.1": {Source: Operator, Expires: in(time.Minute)}, "192.0.2.2": {Source: Abuse, Expires: in(time.Minute)}, "192.0.2.3": {Source: Abuse, Expires: in(2 * time.Hour)},
	} {
		b.Prefix = prefix(t, p)
		if err := l.Add(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	list := func(prefixes ...string) (bans []Ban) {
		for _, p := range prefixes {
			bans = append(bans, Ban{Prefix: prefix(t, p), Expires: in(time.Hour)})
		}
		return bans
	}
	// Lists name addresses of one /64, the allowlisted, and what nobody may call from.
	out, err := l.Import(t.Context(), Import{Source: "import:a", Bans: list("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.4", "2001:db8::1", "2001:db8::2", "203.0.113.5", "127.0.0.0/8", "0.0.0.0/1")})
	if err != nil || out.Added != 3 || out.Kept != 2 || out.Skipped != 3 || !strings.Contains(strings.Join(out.Why, "\n"), "203.0.113.5/32: ") {
		t.Fatal(out, err)
	}
	expect := func(want string) {
		t.Helper()
		all, err := l.List(t.Context(), "", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, b := range all {
			got += b.Prefix.String() + " " + b.Source + "\n"
		}
		if got != want {
			t.Fatalf("%s\nnot\n%s", got, want)
		}
	}
	expect("192.0.2.1/32 operator\n192.0.2.2/32 import:a\n192.0.2.3/32 abuse\n192.0.2.4/32 import:a\n2001:db8::/64 import:a\n")
	// The list of tomorrow takes the place of today's, and of nobody else's.
	if _, err := l.Import(t.Context(), Import{Source: "import:b", Bans: list("192.0.2.9")}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Import(t.Context(), Import{Source: "import:a", Bans: list("192.0.2.4", "192.0.2.5"), Replace: true}); err != nil {
		t.Fatal(err)
	}
	after := "192.0.2.1/32 operator\n192.0.2.3/32 abuse\n192.0.2.4/32 import:a\n192.0.2.5/32 import:a\n192.0.2.9/32 import:b\n"
	expect(after)
	// All or nothing.
	eventually(t, "it is not read", func() bool { return l.Size() == 5 })
	bad := append(many(3), Ban{Prefix: netip.MustParsePrefix("192.0.2.1/24")})
	for want, im := range map[error]Import{
		ErrMalformed: {Source: "import:a", Bans: bad, Replace: true}, ErrFull: {Source: "import:a", Bans: many(18), Replace: true},
	} {
		if _, err := l.Import(t.Context(), im); !errors.Is(err, want) {
			t.Errorf("%v, not %v", err, want)
		}
	}
	if _, err := l.Import(t.Context(), Import{Source: Operator}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	expect(after)
	if out, err := l.Import(t.Context(), Import{Source: "import:a", Bans: list("0.0.0.0/1"), Force: true}); err != nil || out.Added != 1 {
		t.Error(out, err)
	}
}

func TestListIsPaged(t *testing.T) {
	c := newClock()
	l := openBook(t, dbtest.New(t), c.now).View(Options{})
	all := many(25)
	if _, err := l.Import(t.Context(), Import{Source: "import:list", Bans: all}); err != nil {
		t.Fatal(err)
	}
	if err := l.Add(t.Context(), Ban{Prefix: prefix(t, "192.0.2.1"), Source: Operator, Expires: c.now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	c.forward(time.Hour) // it has ended and is not swept yet
	seen, after := map[netip.Prefix]bool{}, ""
	for {
		page, err := l.List(t.Context(), "", after, 10)
		if err != nil || len(page) > 10 {
			t.Fatal(len(page), err)
		}
		for _, b := range page {
			seen[b.Prefix] = true
			after = b.Prefix.String()
		}
		if len(page) < 10 {
			break
		}
	}
	if len(seen) != len(all) {
		t.Errorf("%d", len(seen))
	}
	if page, err := l.List(t.Context(), Operator, "", 0); err != nil || len(page) != 0 {
		t.Error(page, err)
	}
}
