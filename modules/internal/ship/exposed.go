package ship

import (
	"net/netip"
	"net/url"
	"slices"
)

// Exposed tells whether what is sent to the address crosses a network in the clear.
func Exposed(address string) bool {
	u, err := url.Parse(address)
	if err != nil || !slices.Contains([]string{"http", "tcp", "udp", "redis"}, u.Scheme) {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !ip.Unmap().IsLoopback())
}
