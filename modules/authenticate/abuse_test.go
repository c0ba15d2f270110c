package authenticate

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/abuse"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Forged tokens count against their client; who is late, who can't be checked and who has another scheme is no attacker; and who is signed in
// speaks for the address.
func TestForgedTokensCount(t *testing.T) {
	p := newPeople()
	h := newHandler(t, p)
	now := time.Unix(1e9, 0)
	h.ground.Abuse = abuse.New(abuse.Rules{Config: abuse.Defaults()}, func() time.Time { return now })
	bad := netip.MustParseAddr("192.0.2.66")
	send := func(credential string) {
		now = now.Add(time.Second)
		r, rc := reqctx.Ensure(request("GET", "/x", "Authorization", credential))
		rc.Client.IP = bad
		do(t, h, r)
	}
	score := func() float64 { return h.ground.Abuse.Score(bad) }
	p.err = token.ErrStale
	send("Bearer expired")
	p.err = fmt.Errorf("no database: %w", http.ErrServerClosed)
	send("Bearer unchecked")
	p.err = nil
	send("Basic dXNlcjpwYXNz")
	send("Bearer good-mona")
	if s := score(); s != 0 {
		t.Fatal(s)
	}
	for range 12 {
		send("Bearer forged")
	}
	alone := score() // mona is there: two heads
	if alone < 11 || alone > 12.1 {
		t.Error(alone)
	}
	if s := h.ground.Abuse.Client(bad); s.People != 1 {
		t.Errorf("%+v", s)
	}
}
