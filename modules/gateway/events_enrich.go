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
	country string
	network event.Network
}

// enricher adds to events what their writers need not know: the node, and where their address is. It runs beside requests, in the one goroutine that
// writes events. What the files say they say until the next load, which makes another enricher.
func enricher(g *ground.Ground) func(*event.Event) {
	node, places, networks := g.Node, g.Places, g.Networks
	if places == nil && networks == nil {
		return func(e *event.Event) { e.Node = node }
	}
	known := make(map[string]origin)
	return func(e *event.Event) {
		e.Node = node
		if e.SourceIP == "" {
			return
		}
		o, ok := known[e.SourceIP]
		if !ok {
			if addr, err := netip.ParseAddr(e.SourceIP); err == nil {
				o.country = places.Country(addr)
				o.network.Number, o.network.Organization = networks.Network(addr)
			}
			if len(known) >= mostOrigins {
				clear(known)
			}
			known[e.SourceIP] = o
		}
		e.Network = o.network
		if e.Country == "" {
			e.Country = o.country
		}
	}
}
