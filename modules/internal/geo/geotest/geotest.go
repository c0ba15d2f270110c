// Package geotest writes small files of countries and networks for tests.
package geotest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

// Entry is a network and what the file says of it.
type Entry struct {
	Country             string
	Latitude, Longitude float64
	Radius              uint16 // 0: no place
}

// Cities are networks for documentation, put where they are not.
var Cities = map[string]Entry{
	"192.0.2.0/24":    {"DE", 52.52, 13.40, 20},   // Berlin
	"198.51.100.0/24": {"DE", 48.14, 11.58, 20},   // Munich, 500 km from there
	"203.0.113.0/24":  {"NZ", -36.85, 174.76, 50}, // Auckland
	"2001:db8::/32":   {"FR", 48.86, 2.35, 20},    // Paris
}

// Networks writes a file of networks in a folder of the test's: the number of each, whose name is "Test <number>".
func Networks(t testing.TB, networks map[string]uint32) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "networks.mmdb")
	w := newWriter(t, "Test-ASN")
	for network, number := range networks {
		insert(t, w, network, mmdbtype.Map{
			"autonomous_system_number":       mmdbtype.Uint32(number),
			"autonomous_system_organization": mmdbtype.String(fmt.Sprint("Test ", number)),
		})
	}
	save(t, w, path)
	return path
}

// Write makes a file of these networks in a folder of the test's.
func Write(t testing.TB, networks map[string]Entry) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "places.mmdb")
	WriteTo(t, path, networks)
	return path
}

// WriteTo writes it to path.
func WriteTo(t testing.TB, path string, networks map[string]Entry) {
	t.Helper()
	w := newWriter(t, "Test-City")
	for network, e := range networks {
		m := mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(e.Country)}}
		if e.Radius != 0 {
			m["location"] = mmdbtype.Map{
				"latitude": mmdbtype.Float64(e.Latitude), "longitude": mmdbtype.Float64(e.Longitude), "accuracy_radius": mmdbtype.Uint16(e.Radius),
			}
		}
		insert(t, w, network, m)
	}
	save(t, w, path)
}

func newWriter(t testing.TB, kind string) *mmdbwriter.Tree {
	t.Helper()
	w, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: kind, RecordSize: 24, IncludeReservedNetworks: true})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func insert(t testing.TB, w *mmdbwriter.Tree, network string, m mmdbtype.Map) {
	t.Helper()
	_, n, err := net.ParseCIDR(network)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Insert(n, m); err != nil {
		t.Fatal(err)
	}
}

func save(t testing.TB, w *mmdbwriter.Tree, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
