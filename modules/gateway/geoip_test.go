package gateway

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/geo/geotest"
	"github.com/convosphere/gateway/test/stop"
)

// A reload reads the country file anew where it has changed, and shares it where it has not.
func TestCountryFile(t *testing.T) {
	stop.After(t)
	dir, ip := t.TempDir(), netip.MustParseAddr("192.0.2.1")
	path := filepath.Join(dir, "places.mmdb")
	geotest.WriteTo(t, path, geotest.Cities)
	g, err := load(t, map[string]any{"data_dir": dir, "geoip": path})
	if err != nil || g.Places.Country(ip) != "DE" {
		t.Fatal(err, g)
	}
	again, err := load(t, map[string]any{"data_dir": dir, "geoip": path})
	if err != nil || again.Places != g.Places {
		t.Error("read again without need:", err)
	}
	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, map[string]any{"data_dir": dir, "geoip": path}); err == nil {
		t.Error("a broken file was taken")
	}
	if again.Places.Country(ip) != "DE" {
		t.Error("a failed reload took the old one along")
	}
	geotest.WriteTo(t, path, map[string]geotest.Entry{"192.0.2.0/24": {Country: "AT"}})
	if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if g, err = load(t, map[string]any{"data_dir": dir, "geoip": path}); err != nil || g.Places.Country(ip) != "AT" {
		t.Error("the new file is not read:", err)
	}
	if g, err = load(t, map[string]any{"data_dir": dir}); err != nil || g.Places != nil {
		t.Error("without one:", err)
	}
	if _, err := load(t, map[string]any{"data_dir": dir, "geoip": filepath.Join(dir, "missing")}); err == nil {
		t.Error("a missing file was taken")
	}
}
