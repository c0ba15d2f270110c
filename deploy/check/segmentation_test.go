package check

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

const (
	outside   = "203.0.113.1" // the Docker host, as the internet sees it
	patience  = 30 * time.Second
	forbidden = 2 * time.Second // what a packet that is dropped is waited for; one that is not takes microseconds
)

// docker is a Docker host with compose's networks and containers, wired as Docker wires them: a bridge for each network, no forwarding between bridges, none in
// and out of internal ones, published ports by address translation.
type docker struct {
	*world
	project *types.Project
	host    *space
	spaces  map[string]*space // by service; "edge" is a container in public, "internet" a machine outside
	addr    map[string]string // by space and network, as "gateway-a public"
}

func newDocker(t *testing.T) *docker {
	t.Helper()
	p, err := loadCompose(read(t, "deploy", "compose", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d := &docker{world: newWorld(t), project: p, spaces: map[string]*space{}, addr: map[string]string{}}
	d.host = d.space("host")
	d.host.sysctl("net.ipv4.ip_forward", "1")
	for name, n := range p.Networks {
		prefix := netip.MustParsePrefix(n.Ipam.Config[0].Subnet)
		d.host.ip("link", "add", "br-"+name, "type", "bridge")
		d.host.ip("addr", "add", netip.PrefixFrom(prefix.Addr().Next(), prefix.Bits()).String(), "dev", "br-"+name)
		d.host.ip("link", "set", "br-"+name, "up")
	}
	for name, s := range p.Services {
		if s.NetworkMode == "none" {
			continue
		}
		d.spaces[name] = d.space(name)
		for network, n := range s.Networks {
			d.join(name, network, n.Ipv4Address)
		}
		d.spaces[name].sysctl("net.ipv4.ip_forward", forwarding(s))
	}
	d.spaces["edge"] = d.space("edge")
	d.join("edge", "public", "10.89.1.50")
	d.connectInternet()
	d.host.rules(d.dockerRules())
	return d
}

// forwarding is what the container's setting is: the host's, where compose does not set it.
func forwarding(s types.ServiceConfig) string {
	if v, ok := s.Sysctls["net.ipv4.ip_forward"]; ok {
		return v
	}
	return "1"
}

// join plugs a container into a network. Only networks that are not internal have a way out.
func (d *docker) join(name, network, address string) {
	d.t.Helper()
	s := d.spaces[name]
	here, there := d.cable(d.host, s)
	d.host.ip("link", "set", here, "master", "br-"+network)
	s.ip("addr", "add", address+"/24", "dev", there)
	d.addr[name+" "+network] = address
	if !d.project.Networks[network].Internal {
		s.ip("route", "add", "default", "via", d.bridge(network))
	}
}

func (d *docker) bridge(network string) string {
	return netip.MustParsePrefix(d.project.Networks[network].Ipam.Config[0].Subnet).Addr().Next().String()
}

// connectInternet puts a machine outside that knows the host and, as an attacker on the same wire would, the way to its bridges.
func (d *docker) connectInternet() {
	d.t.Helper()
	s := d.space("internet")
	d.spaces["internet"] = s
	here, there := d.cable(d.host, s)
	d.host.ip("link", "set", here, "down")
	d.host.ip("link", "set", here, "name", "eth0")
	d.host.ip("link", "set", "eth0", "up")
	d.host.ip("addr", "add", outside+"/24", "dev", "eth0")
	s.ip("addr", "add", "203.0.113.9/24", "dev", there)
	s.ip("route", "add", "10.89.0.0/16", "via", outside)
	d.addr["internet "] = "203.0.113.9"
}

// dockerRules are those of Docker's own chains for such a project, in nft's words.
func (d *docker) dockerRules() string {
	var nat, open, closed, within strings.Builder
	for name, s := range d.project.Services {
		for _, p := range s.Ports {
			to := d.addr[name+" public"]
			fmt.Fprintf(&nat, "iif != \"br-public\" ip daddr %s tcp dport %s dnat to %s:%d\n", outside, p.Published, to, p.Target)
			fmt.Fprintf(&open, "oif \"br-public\" iif != \"br-public\" ip daddr %s tcp dport %d ct status dnat accept\n", to, p.Target)
		}
	}
	for name, n := range d.project.Networks {
		// What a bridge passes on comes by here too, where the kernel filters bridges.
		fmt.Fprintf(&within, "iif \"br-%s\" oif \"br-%s\" accept\n", name, name)
		if n.Internal {
			fmt.Fprintf(&closed, "iif \"br-%s\" oif != \"br-%s\" drop\noif \"br-%s\" iif != \"br-%s\" drop\n", name, name, name, name)
		}
	}
	return "table ip docker {\n" +
		"chain prerouting { type nat hook prerouting priority dstnat;\n" + nat.String() + "}\n" +
		"chain postrouting { type nat hook postrouting priority srcnat; iif != \"eth0\" oif \"eth0\" masquerade\n}\n" +
		"chain forward { type filter hook forward priority filter; policy drop;\n" + within.String() + closed.String() + "ct state established,related accept\n" + open.String() + "iif \"br-public\" oif \"eth0\" accept\n}\n" +
		"}\n"
}

// targets are where the party may be found by who looks for it: all addresses of its containers; for the internet, the published port.
func (d *docker) targets(s segments, from, to string, port int) []string {
	if to == "internet" {
		return []string{net.JoinHostPort(d.addr["internet "], strconv.Itoa(port))}
	}
	var all []string
	for _, name := range s.Parties[to].Compose.Services {
		for network := range d.project.Services[name].Networks {
			all = append(all, net.JoinHostPort(d.addr[name+" "+network], strconv.Itoa(port)))
		}
		for _, p := range d.project.Services[name].Ports {
			if from == "internet" && int(p.Target) == port {
				all = append(all, net.JoinHostPort(outside, p.Published))
			}
		}
	}
	return all
}

// listenAll has each container take connections: the gateways where compose binds them, all others at every port that the table knows, which is
// more than they do.
func (d *docker) listenAll(s segments) {
	d.t.Helper()
	for name, c := range d.project.Services {
		if d.spaces[name] == nil {
			continue
		}
		if bind := c.Environment["GW_BIND"]; bind != nil {
			for addresses, ports := range map[string][]int{*bind: {8080, 8443}, *c.Environment["GW_BIND_INTERNAL"]: {8444}, *c.Environment["GW_BIND_HEALTH"]: {9180}} {
				for _, address := range strings.Fields(addresses) {
					for _, p := range ports {
						d.spaces[name].listen(net.JoinHostPort(address, strconv.Itoa(p)))
					}
				}
			}
			continue
		}
		for _, p := range s.ports() {
			d.spaces[name].listen(net.JoinHostPort("0.0.0.0", strconv.Itoa(p)))
		}
	}
	for _, p := range s.ports() {
		d.spaces["internet"].listen(net.JoinHostPort("0.0.0.0", strconv.Itoa(p)))
	}
}

// from are the spaces of a party.
func (d *docker) from(s segments, party string) []*space {
	if sp := d.spaces[party]; sp != nil {
		return []*space{sp}
	}
	var all []*space
	for _, name := range s.Parties[party].Compose.Services {
		all = append(all, d.spaces[name])
	}
	return all
}

// TestSegmentationOfCompose connects from everywhere to everywhere, at every port of the table.
func TestSegmentationOfCompose(t *testing.T) {
	s, d := loadSegments(t), newDocker(t)
	d.listenAll(s)

	// The attack first: with a network of data that is not internal, and a host that only routes, the edge is at Redis at once.
	redis := net.JoinHostPort(d.addr["redis data"], "6379")
	d.host.rules("")
	d.spaces["redis"].ip("route", "add", "default", "via", d.bridge("data"))
	if !d.spaces["edge"].reaches(redis, patience) {
		t.Error("without any segmentation the edge does not reach Redis: this test could not see it")
	}
	d.spaces["redis"].ip("route", "del", "default")
	d.host.rules(d.dockerRules())

	var asked tried
	var all sync.WaitGroup
	few := make(chan struct{}, 32)
	for from, a := range s.Parties {
		for to, b := range s.Parties {
			neighbours := from == "redis" && to == "postgres" || from == "postgres" && to == "redis" // one network of data
			if from == to || a.Compose == nil || b.Compose == nil || to == "edge" || neighbours || from == "edge" && to == "internet" {
				continue
			}
			for _, port := range s.ports() {
				want := s.allows("compose", from, to, port)
				if from == "gateway" && !want {
					continue // Docker does not look at ports between neighbours, nor on the way out: what listens there decides
				}
				for _, sp := range d.from(s, from) {
					all.Go(func() {
						few <- struct{}{}
						defer func() { <-few }()
						asked.note(from, to, port, want, reachesAny(sp, d.targets(s, from, to, port), want))
					})
				}
			}
		}
	}
	all.Wait()
	asked.report(t)
}

func reachesAny(s *space, addresses []string, want bool) bool {
	within := forbidden
	if want {
		within = patience
	}
	// An address that may not be reached must not hold up the one that may.
	found := make(chan bool, len(addresses))
	for _, a := range addresses {
		go func() { found <- s.reaches(a, within) }()
	}
	got := false
	for range addresses {
		if <-found {
			got = true
			if want {
				return true
			}
		}
	}
	return got
}

// tried is what came of the attempts.
type tried struct {
	sync.Mutex
	open, shut int
	pairs      map[string]bool
	bad        []string
}

func (r *tried) note(from, to string, port int, want, got bool) {
	r.Lock()
	defer r.Unlock()
	if r.pairs == nil {
		r.pairs = map[string]bool{}
	}
	if got {
		r.open++
	} else {
		r.shut++
	}
	pair := from + " → " + to
	r.pairs[pair] = r.pairs[pair] || got
	if got != want {
		r.bad = append(r.bad, fmt.Sprintf("%s → %s:%d: reached: %v, in the table: %v", from, to, port, got, want))
	}
}

func (r *tried) report(t *testing.T) {
	t.Helper()
	slices.Sort(r.bad)
	for _, b := range r.bad {
		t.Error(b)
	}
	var lines []string
	for pair, open := range r.pairs {
		lines = append(lines, map[bool]string{true: "  ", false: "✗ "}[open]+pair)
	}
	slices.Sort(lines)
	t.Logf("%d ways open, %d shut, each as the table says; nothing at all passes where ✗ stands:\n%s", r.open, r.shut, strings.Join(lines, "\n"))
}

// A container of the public network that takes a gateway for a router does not come through to the data, not even one way, since
// compose turns forwarding off; a Docker host leaves it on.
func TestGatewayForwardsNothing(t *testing.T) {
	d := newDocker(t)
	edge, redis, gateway := d.spaces["edge"], d.spaces["redis"], d.spaces["gateway-a"]
	edge.ip("route", "add", d.project.Networks["data"].Ipam.Config[0].Subnet, "via", d.addr["gateway-a public"])
	address := net.JoinHostPort(d.addr["redis data"], "5353")
	var heard net.PacketConn
	if err := redis.within(func() (err error) {
		heard, err = net.ListenPacket("udp", address)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer heard.Close()
	arrives := func(within time.Duration) bool {
		conn, err := edge.dial(t.Context(), "udp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		b := make([]byte, 16)
		for end := time.Now().Add(within); time.Now().Before(end); {
			_, _ = conn.Write([]byte("through")) // what the kernel refuses has not arrived either
			if err := heard.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if n, _, err := heard.ReadFrom(b); err == nil && n > 0 {
				return true
			}
		}
		return false
	}
	gateway.sysctl("net.ipv4.ip_forward", "1")
	if !arrives(patience) {
		t.Error("with forwarding on, nothing comes through: this test could not see it")
	}
	gateway.sysctl("net.ipv4.ip_forward", forwarding(d.project.Services["gateway-a"]))
	for _, err := heard, error(nil); err == nil; { // what was under way
		if err = heard.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err == nil {
			_, _, err = heard.ReadFrom(make([]byte, 16))
		}
	}
	if arrives(forbidden) {
		t.Error("the gateway forwards from the edge to the data")
	}
}

// TestSegmentationOfTheChart has every pod at one flat network, as a cluster has, and a router between them that lets through what the
// chart's policies do.
func TestSegmentationOfTheChart(t *testing.T) {
	s, policies, w := loadSegments(t), policiesOf(t), newWorld(t)
	router := w.space("router")
	router.sysctl("net.ipv4.ip_forward", "1")
	spaces, addr, n := map[string]*space{}, map[string]string{}, 0
	for name := range s.Parties {
		n++
		sp := w.space(name)
		here, there := w.cable(router, sp)
		router.ip("addr", "add", fmt.Sprintf("10.90.%d.1/24", n), "dev", here)
		addr[name] = fmt.Sprintf("10.90.%d.2", n)
		sp.ip("addr", "add", addr[name]+"/24", "dev", there)
		sp.ip("route", "add", "default", "via", fmt.Sprintf("10.90.%d.1", n))
		for _, p := range s.ports() {
			sp.listen(net.JoinHostPort("0.0.0.0", strconv.Itoa(p)))
		}
		spaces[name] = sp
	}
	if !spaces["edge"].reaches(addr["redis"]+":6379", patience) {
		t.Error("without any policy the edge does not reach Redis: this test could not see it")
	}
	var accept strings.Builder
	ours := func(from, to string) bool {
		return s.Parties[from].Kubernetes.ours() || s.Parties[to].Kubernetes.ours()
	}
	for from, a := range s.Parties {
		for to, b := range s.Parties {
			for _, port := range s.ports() {
				if from != to && ours(from, to) && passes(t, policies, a.Kubernetes, b.Kubernetes, port) {
					fmt.Fprintf(&accept, "ip saddr %s ip daddr %s tcp dport %d accept\n", addr[from], addr[to], port)
				}
			}
		}
	}
	router.rules("table ip policies { chain forward { type filter hook forward priority filter; policy drop;\nct state established,related accept\n" + accept.String() + "}\n}\n")

	var asked tried
	var all sync.WaitGroup
	few := make(chan struct{}, 32)
	for from := range s.Parties {
		for to := range s.Parties {
			if from == to || !ours(from, to) {
				continue
			}
			for _, port := range s.ports() {
				want := s.allows("kubernetes", from, to, port)
				all.Go(func() {
					few <- struct{}{}
					defer func() { <-few }()
					asked.note(from, to, port, want, reachesAny(spaces[from], []string{net.JoinHostPort(addr[to], strconv.Itoa(port))}, want))
				})
			}
		}
	}
	all.Wait()
	asked.report(t)
}
