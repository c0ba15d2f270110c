package gateway

import (
	"net/netip"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
)

// mostOrigins is how many addresses an enricher remembers.
const mostOrigins = 8192

// origin is what files tell of an address.
type origin struct {
	addr    netip.Addr
	country string
	network event.Network
}

// enricher adds to events what their writers need not know: the node, where their address is, and how unusual its client or the account behaves. It runs beside requests, in the one goroutine that
// writes events. What the files say they say until the next load, which makes another enricher.
func enricher(g *ground.Ground) func(*event.Event) {
	node, places, networks, scores := g.Node, g.Places, g.Networks, g.Risk
	known := make(map[string]origin)
	return func(e *event.Event) {
		e.Node = node
		if e.SourceIP == "" {
			e.Risk = scores.Of(netip.Addr{}, e.UserID)
			return
		}
		o, ok := known[e.SourceIP]
		if !ok {
			if addr, err := netip.ParseAddr(e.SourceIP); err == nil {
				o.addr, o.country = addr, places.Country(addr)
				o.network.Number, o.network.Organization = networks.Network(addr)
			}
			if len(known) >= mostOrigins {
				clear(known)
			}
			known[e.SourceIP] = o
		}
		e.Network, e.Risk = o.network, scores.Of(o.addr, e.UserID)
		if e.Country == "" {
			e.Country = o.country
		}
	}
}
