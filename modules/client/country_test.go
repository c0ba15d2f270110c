package client

import (
	"net/http/httptest"
	"testing"

	"github.com/convosphere/gateway/modules/internal/geo"
	"github.com/convosphere/gateway/modules/internal/geo/geotest"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func TestCountry(t *testing.T) {
	places, err := geo.Open(geotest.Write(t, geotest.Cities))
	if err != nil {
		t.Fatal(err)
	}
	h := newHandler()
	for _, c := range []struct {
		ip, want string
		ground   *ground.Ground
	}{
		{"192.0.2.1", "", nil},
		{"192.0.2.1", "", ground.New(&ground.Ground{}, func() {})},
		{"192.0.2.1", "DE", ground.New(&ground.Ground{Places: places}, func() {})},
		{"2001:db8::1", "FR", ground.New(&ground.Ground{Places: places}, func() {})},
		{"127.0.0.1", "", ground.New(&ground.Ground{Places: places}, func() {})},
		{"", "", ground.New(&ground.Ground{Places: places}, func() {})},
	} {
		h.ground = c.ground
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Country", "US") // what a client says of it is nothing
		r.RemoteAddr = "@"
		got, _, err := pass(h, withVars(r, c.ip, false))
		if err != nil || reqctx.From(got.Context()).Client.Country != c.want {
			t.Errorf("%q: %q, want %q", c.ip, reqctx.From(got.Context()).Client.Country, c.want)
		}
	}
}
