package geo_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/geo"
	"github.com/convosphere/gateway/modules/internal/geo/geotest"
)

func TestLookUp(t *testing.T) {
	networks := map[string]geotest.Entry{"100.64.0.0/10": {Country: "xx"}, "10.0.0.0/8": {Country: "SE"}}
	for n, e := range geotest.Cities {
		networks[n] = e
	}
	r, err := geo.Open(geotest.Write(t, networks))
	if err != nil {
		t.Fatal(err)
	}
	for ip, want := range map[string]string{
		"192.0.2.7": "DE", "203.0.113.1": "NZ", "2001:db8::1": "FR", "10.1.1.1": "SE", "1.1.1.1": "", "100.64.0.1": "", "::1": "",
	} {
		if got := r.Country(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s: %q, want %q", ip, got, want)
		}
	}
	if p, ok := r.Place(netip.MustParseAddr("192.0.2.7")); !ok || p != (geo.Place{Latitude: 52.52, Longitude: 13.40, Radius: 20}) {
		t.Error(p, ok)
	}
	for _, ip := range []netip.Addr{netip.MustParseAddr("10.1.1.1"), netip.MustParseAddr("1.1.1.1"), {}} {
		if p, ok := r.Place(ip); ok {
			t.Error(ip, p)
		}
	}
	var none *geo.Reader
	if _, ok := none.Place(netip.MustParseAddr("192.0.2.7")); ok || none.Country(netip.MustParseAddr("192.0.2.7")) != "" || r.Country(netip.Addr{}) != "" {
		t.Error("nowhere is somewhere")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.mmdb")
	if err := os.WriteFile(bad, []byte("not a country file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{bad, dir, filepath.Join(dir, "missing"), "/dev/null"} {
		if _, err := geo.Open(path); err == nil {
			t.Error(path)
		}
	}
}

// A file that is cut or overwritten while it is in use takes nothing along.
func TestTheFileMayChangeUnderneath(t *testing.T) {
	path := geotest.Write(t, geotest.Cities)
	r, err := geo.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if r.Country(netip.MustParseAddr("192.0.2.7")) != "DE" {
		t.Error("the country is gone")
	}
}

// Whatever of the file is broken, a look-up says nothing rather than taking the process down.
func TestBrokenFiles(t *testing.T) {
	raw, err := os.ReadFile(geotest.Write(t, geotest.Cities))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "broken.mmdb")
	for i := range raw {
		broken := append([]byte(nil), raw...)
		broken[i] ^= 0xff
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := geo.Open(path)
		if err != nil {
			continue
		}
		for _, ip := range []string{"192.0.2.7", "203.0.113.1", "2001:db8::1", "1.1.1.1"} {
			if c := r.Country(netip.MustParseAddr(ip)); c != "" && len(c) != 2 {
				t.Fatalf("byte %d: %q", i, c)
			}
			r.Place(netip.MustParseAddr(ip))
		}
	}
}

func TestImpossible(t *testing.T) {
	berlin, munich, auckland := geo.Place{52.52, 13.40, 20}, geo.Place{48.14, 11.58, 20}, geo.Place{-36.85, 174.76, 50}
	if d := geo.Distance(berlin, munich); d < 440 || d > 510 {
		t.Error("Berlin to Munich:", d)
	}
	if d := geo.Distance(berlin, auckland); d < 17_500 || d > 18_000 {
		t.Error("Berlin to Auckland:", d)
	}
	if d := geo.Distance(berlin, berlin); d != 0 {
		t.Error(d)
	}
	for _, c := range []struct {
		a, b geo.Place
		in   time.Duration
		want bool
	}{
		{berlin, munich, time.Hour, false}, {berlin, munich, time.Minute, true}, {berlin, berlin, 0, false},
		{berlin, auckland, 10 * time.Hour, true}, {berlin, auckland, 19 * time.Hour, false}, {berlin, auckland, 400 * time.Hour, false},
		{berlin, auckland, -time.Hour, true},
		{berlin, geo.Place{-36.85, 174.76, 30_000}, time.Minute, false},
	} {
		if got := geo.Impossible(c.a, c.b, c.in); got != c.want {
			t.Errorf("%v to %v in %s: %v", c.a, c.b, c.in, got)
		}
	}
}

func BenchmarkCountry(b *testing.B) {
	r, err := geo.Open(geotest.Write(b, geotest.Cities))
	if err != nil {
		b.Fatal(err)
	}
	ip := netip.MustParseAddr("192.0.2.7")
	b.ReportAllocs()
	for b.Loop() {
		r.Country(ip)
	}
}
