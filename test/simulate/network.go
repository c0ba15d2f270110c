package main

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// kinds of networks.
const (
	home    = "home"    // a household each
	mobile  = "mobile"  // hundreds of phones behind one IPv4 address (RFC 6269), or a /64 each
	office  = "office"  // an address for all who work there
	hotel   = "hotel"   // as office, with strangers
	tunnel  = "tunnel"  // exits of a VPN service
	hosting = "hosting" // servers for rent
	bots    = "bots"    // crawlers and monitors, which say who they are
)

// network is an autonomous system in a country. Names and numbers are made up (numbers of RFC 5398 and RFC 6996): no real network is
// made to look good or bad.
type network struct {
	kind, country string
	number        int
	v4            uint32 // the first address of a /16
	v6            uint64 // of a /32
	next          uint32
	geo           string // what the gateway tells of it
	exits         []string
}

type networks struct {
	all       []*network
	countries []*country
	weights   int
}

// country is where people live.
type country struct {
	code   string
	offset time.Duration // from UTC
	weight int
	homes  []*network
	mobile []*network
	office *network
	hotel  *network
}

// Where the people of a European service might be; the weights are an assumption.
var countryList = []struct {
	code    string
	minutes int
	weight  int
}{
	{"DE", 120, 30}, {"FR", 120, 10}, {"GB", 60, 10}, {"NL", 120, 8}, {"PL", 120, 7}, {"ES", 120, 6}, {"IT", 120, 6}, {"SE", 120, 4},
	{"US", -240, 10}, {"BR", -180, 4}, {"IN", 330, 4}, {"JP", 540, 1},
}

// first octets of addresses that belong to no special range of RFC 6890.
var octets = []uint32{23, 31, 37, 46, 62, 77, 78, 80, 81, 84, 87, 91, 93, 109, 151, 176, 178, 188, 212, 217}

func newNetworks(w *world) *networks {
	n := &networks{}
	for _, l := range countryList {
		c := &country{code: l.code, offset: time.Duration(l.minutes) * time.Minute, weight: l.weight}
		n.weights += l.weight
		for range 3 {
			c.homes = append(c.homes, n.add(w, home, c.code))
		}
		for range 2 {
			c.mobile = append(c.mobile, n.add(w, mobile, c.code))
		}
		c.office, c.hotel = n.add(w, office, c.code), n.add(w, hotel, c.code)
		n.countries = append(n.countries, c)
	}
	for _, code := range []string{"NL", "US", "DE", "CH", "RO", "SG"} {
		n.add(w, tunnel, code)
	}
	for _, code := range []string{"US", "NL", "DE", "FR", "SG", "RU", "CN", "VN"} {
		n.add(w, hosting, code)
	}
	for _, code := range []string{"US", "US", "IE"} {
		n.add(w, bots, code)
	}
	return n
}

func (n *networks) add(w *world, kind, code string) *network {
	i := len(n.all)
	m := &network{
		kind: kind, country: code, number: 4_200_000_000 + i*37,
		v4: octets[i%len(octets)]<<24 | uint32(16+i)<<16, v6: 0x2a10_0000_0000_0000 + uint64(i)<<36,
	}
	if w.o.geo {
		m.geo = `,"source.geo.country_iso_code":"` + code + `","source.as.number":` + strconv.Itoa(m.number) +
			`,"source.as.organization.name":"Example ` + strings.ToUpper(kind[:1]) + kind[1:] + ` ` + code + ` ` + strconv.Itoa(i) + `"`
	}
	n.all = append(n.all, m)
	return m
}

// country takes one by its weight.
func (n *networks) country(a *actor) *country {
	at := a.IntN(n.weights)
	for _, c := range n.countries {
		if at -= c.weight; at < 0 {
			return c
		}
	}
	return n.countries[0]
}

// other is a country that is not c.
func (n *networks) other(a *actor, c *country) *country {
	for {
		if o := n.countries[a.IntN(len(n.countries))]; o != c {
			return o
		}
	}
}

// of takes one of a kind.
func (n *networks) of(a *actor, kind string) *network {
	for {
		if m := n.all[a.IntN(len(n.all))]; m.kind == kind {
			return m
		}
	}
}

// fresh is the network's next IPv4 address. Networks are as large as they need be for nobody to share one by accident.
func (m *network) fresh() string {
	m.next++
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], m.v4+m.next%65000+256)
	return netip.AddrFrom4(b).String()
}

// exit is one of a few addresses that all of the network's people share.
func (m *network) exit(a *actor, of int) string {
	for len(m.exits) < of {
		m.exits = append(m.exits, m.fresh())
	}
	return m.exits[a.IntN(of)]
}

// prefix64 is a /64 of its own.
func (m *network) prefix64(a *actor) uint64 { return m.v6 | a.Uint64N(1<<32) }

// within is an address in a /64: privacy extensions (RFC 8981) choose another every day.
func within(a *actor, prefix uint64) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], prefix)
	binary.BigEndian.PutUint64(b[8:], a.Uint64()|1)
	return netip.AddrFrom16(b).String()
}

// caller is who sends requests, as the gateway sees it before it knows more.
type caller struct {
	ip     string
	key    string // who counts as one client: the address, or the /64
	net    *network
	agent  string
	from   string // source.ip and what is known of it
	solves bool   // computes the puzzles that the gateway sets: browsers do, and some attackers' programs
	header bool   // a proxy of the office adds a header that is not its own to send
}

func newCaller(net *network, ip, agent string) *caller {
	c := &caller{ip: ip, key: ip, net: net, agent: agent, from: `,"source.ip":"` + ip + `"` + net.geo}
	if addr := netip.MustParseAddr(ip); addr.Is6() {
		p, _ := addr.Prefix(64) // 64 fits
		c.key = p.String()
	}
	return c
}

// as is the same caller with another program.
func (c *caller) as(agent string) *caller {
	d := *c
	d.agent = agent
	return &d
}

// crowd is how many people the gateway knows of at the address; it counts up to seven.
func (c *caller) crowd() float64 {
	switch c.net.kind {
	case office, hotel, tunnel:
		return 7
	case mobile:
		if !strings.Contains(c.ip, ":") {
			return 7
		}
	}
	return 1
}
