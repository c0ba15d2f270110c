// Package geo tells where addresses are, by a file in MaxMind's format (GeoLite2 or another's): the country, with a city file roughly the place, with a
// file of networks whose they are.
// What it tells is a guess that a VPN changes: a sign, never a proof.
package geo

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// maxFile is far more than the largest of such files has.
const maxFile = 1 << 30

// Reader looks addresses up. A nil Reader knows none. It is safe for use by many.
type Reader struct{ db *maxminddb.Reader }

// Open reads a file into memory: were it mapped, whoever writes over it would end the process.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening it: %w", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading it: %w", err)
	}
	if len(raw) > maxFile {
		return nil, errors.New("it is over 1 GiB")
	}
	db, err := maxminddb.OpenBytes(raw)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return &Reader{db}, nil
}

// Country is the ISO 3166 code of the country that the address is in, upper case; "" where it is not known.
func (r *Reader) Country(ip netip.Addr) string {
	if r == nil || !ip.IsValid() {
		return ""
	}
	var code string
	if err := r.db.Lookup(ip).DecodePath(&code, "country", "iso_code"); err != nil || !isCode(code) {
		return ""
	}
	return code
}

// Network is the autonomous system that announces the address: its number and who runs it; 0 where it is not known. It takes a file of networks
// (GeoLite2-ASN or another's).
func (r *Reader) Network(ip netip.Addr) (number uint32, organization string) {
	if r == nil || !ip.IsValid() {
		return 0, ""
	}
	found := r.db.Lookup(ip)
	if found.DecodePath(&number, "autonomous_system_number") != nil || number == 0 {
		return 0, ""
	}
	if found.DecodePath(&organization, "autonomous_system_organization") != nil {
		organization = ""
	}
	return number, organization
}

func isCode(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// Place is somewhere on earth.
type Place struct {
	Latitude, Longitude float64 // degrees
	Radius              float64 // kilometres around it, where it may as well be
}

// Place is where the address roughly is; false where it is not known, and with a file that has countries only.
func (r *Reader) Place(ip netip.Addr) (p Place, ok bool) {
	if r == nil || !ip.IsValid() {
		return p, false
	}
	found := r.db.Lookup(ip)
	if !found.Found() {
		return p, false
	}
	var lat, lon *float64
	var radius uint16
	if found.DecodePath(&lat, "location", "latitude") != nil || found.DecodePath(&lon, "location", "longitude") != nil || lat == nil || lon == nil {
		return p, false
	}
	if found.DecodePath(&radius, "location", "accuracy_radius") != nil {
		return p, false
	}
	p = Place{*lat, *lon, float64(radius)}
	return p, math.Abs(p.Latitude) <= 90 && math.Abs(p.Longitude) <= 180
}

const (
	earth     = 6371.0 // kilometres, its radius
	fastest   = 1000.0 // kilometres an hour: airliners reach 950
	nearby    = 300.0  // kilometres within which nothing is said: such files err by as much
	halfEarth = 20_020 // kilometres to the other side
)

// Distance is how many kilometres two places are apart at least.
func Distance(a, b Place) float64 {
	rad := func(deg float64) float64 { return deg * math.Pi / 180 }
	dLat, dLon := rad(b.Latitude-a.Latitude), rad(b.Longitude-a.Longitude)
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(rad(a.Latitude))*math.Cos(rad(b.Latitude))*math.Pow(math.Sin(dLon/2), 2)
	return max(0, 2*earth*math.Asin(math.Min(1, math.Sqrt(h)))-a.Radius-b.Radius)
}

// Impossible tells whether nobody can have travelled from one place to the other in that time.
func Impossible(a, b Place, in time.Duration) bool {
	if in > time.Duration(halfEarth/fastest*float64(time.Hour)) {
		return false
	}
	d := Distance(a, b)
	return d > nearby && d > fastest*max(0, in.Hours())
}
