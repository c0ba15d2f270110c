package authenticate

import (
	"errors"
	"net/http"
	"net/netip"

	"github.com/convosphere/gateway/modules/identity/session"
)

// peer is the direct peer's address; zero where it has none.
func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().WithZone("").Unmap()
}

// isEnded tells a session that is no more from one that could not be asked for.
func isEnded(err error) bool { return errors.Is(err, session.ErrSession) }
