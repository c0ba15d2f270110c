package client

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/convosphere/gateway/modules/internal/wsframe"
)

// Hop-by-hop headers that mean something to the gateway's own connection at most. Transfer-Encoding and Trailer are
// net/http's business and have left the map already; they are named for servers that are not.
var hopByHop = []string{
	"Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
	"Http2-Settings", "Transfer-Encoding", "Trailer", "Alt-Svc",
}

// hops leaves of the hop-by-hop headers what the gateway stands for: nothing, or the WebSocket handshake. It returns false
// for an upgrade that another reader could take for a WebSocket though the tap would not.
//
// A header that Connection names is kept, against RFC 9110 section 7.6.1: the proxy would delete it, and a client must not choose
// what the back end doesn't get.
func hops(r *http.Request) bool {
	h := r.Header
	for _, name := range hopByHop {
		delete(h, name)
	}
	if te, ok := h["Te"]; ok {
		if httpguts.HeaderValuesContainsToken(te, "trailers") {
			h["Te"] = []string{"trailers"}
		} else {
			delete(h, "Te")
		}
	}
	upgrade, asked := h["Upgrade"]
	if !asked {
		delete(h, "Connection")
		return true
	}
	if !strings.Contains(strings.ToLower(strings.Join(upgrade, ",")), "websocket") {
		// An Upgrade may be ignored (RFC 9110 section 7.8), and programs offer h2c with an ordinary request.
		delete(h, "Upgrade")
		delete(h, "Connection")
		return true
	}
	if !wsframe.IsHandshake(r) {
		return false
	}
	h["Upgrade"] = []string{"websocket"}
	h["Connection"] = []string{"Upgrade"}
	return true
}
