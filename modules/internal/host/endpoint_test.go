package host

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Routes of the admin endpoint that other machines reach are closed, but to those whose certificates were verified.
func TestOnlyTheTrustedAreServed(t *testing.T) {
	verified := &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{}}}}
	for _, c := range []struct {
		at    net.Addr
		state *tls.ConnectionState
		want  bool
	}{
		{&net.UnixAddr{Name: "/run/admin.sock", Net: "unix"}, nil, true},
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2019}, nil, true},
		{&net.TCPAddr{IP: net.IPv6loopback, Port: 2019}, nil, true},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 2019}, nil, false},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 2019}, &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}, false},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 2021}, verified, true},
		{&net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 2021}, nil, false},
		{nil, nil, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/gateway/views", nil)
		r.TLS = c.state
		if c.at != nil {
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, c.at))
		}
		if got := trusted(r); got != c.want {
			t.Errorf("at %v, %v: %v", c.at, c.state != nil, got)
		}
	}
}
