package check

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	networking "k8s.io/api/networking/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// segments is deploy/segments.yaml: who may reach whom.
type segments struct {
	Parties map[string]struct {
		Compose *struct {
			Network  string
			Address  string
			Services []string
		}
		Kubernetes place
	}
	Flows    []flow
	Metadata []struct{ Address, Why string } // of clouds, which no gateway asks
}

// place is where a party is in a cluster: pods of our namespace, pods of another, or an address outside.
type place struct {
	Labels, Namespace map[string]string
	Address           string
}

type flow struct {
	From, To string
	Ports    []int
	Only     string // compose or kubernetes; "" is both
	Why      string
}

func loadSegments(t *testing.T) segments {
	t.Helper()
	var s segments
	parseYAML(t, read(t, "deploy", "segments.yaml"), &s)
	return s
}

// ports are all that any flow names: each is tried between any two.
func (s segments) ports() []int {
	var all []int
	for _, f := range s.Flows {
		all = append(all, f.Ports...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// allows tells whether the flow is in the table, in compose or in kubernetes.
func (s segments) allows(in, from, to string, port int) bool {
	return slices.ContainsFunc(s.Flows, func(f flow) bool {
		return f.From == from && f.To == to && slices.Contains(f.Ports, port) && (f.Only == "" || f.Only == in)
	})
}

// networksOf are the networks of compose that the party stands in.
func (s segments) networksOf(p *types.Project, party string) []string {
	c := s.Parties[party].Compose
	if c == nil {
		return nil
	}
	if c.Network != "" {
		return []string{c.Network}
	}
	var all []string
	for _, name := range c.Services {
		all = append(all, slices.Collect(maps.Keys(p.Services[name].Networks))...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// In compose, who may talk shares a network, and who may not shares none. (Which ports are open there, the gateway's addresses
// decide; by connecting, TestSegmentation proves it.)
func TestSegmentsAreComposes(t *testing.T) {
	s := loadSegments(t)
	p, err := loadCompose(read(t, "deploy", "compose", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for from := range s.Parties {
		for to := range s.Parties {
			a, b := s.networksOf(p, from), s.networksOf(p, to)
			if from == to || a == nil || b == nil {
				continue
			}
			shared := slices.ContainsFunc(a, func(n string) bool { return slices.Contains(b, n) })
			wanted := slices.ContainsFunc(s.Flows, func(f flow) bool { return f.From == from && f.To == to || f.From == to && f.To == from })
			if tier := from == "redis" && to == "postgres" || from == "postgres" && to == "redis"; tier {
				continue // one network of data: they are neighbours there
			}
			if shared != wanted {
				t.Errorf("%s and %s: in one network: %v, in the table: %v", from, to, shared, wanted)
			}
		}
	}
	for _, name := range []string{"app", "data", "monitoring"} {
		if !p.Networks[name].Internal {
			t.Errorf("the network %s leads outside", name)
		}
	}
}

// The chart's policies let through what the table says and nothing else, at any of its ports.
func TestSegmentsAreTheCharts(t *testing.T) {
	s := loadSegments(t)
	policies := policiesOf(t)
	n := 0
	for from, a := range s.Parties {
		for to, b := range s.Parties {
			for _, port := range s.ports() {
				if from == to || a.Kubernetes.ours() == b.Kubernetes.ours() && !a.Kubernetes.ours() {
					continue // pods of one kind, or a way that is not through any of ours
				}
				n++
				if got, want := passes(t, policies, a.Kubernetes, b.Kubernetes, port), s.allows("kubernetes", from, to, port); got != want {
					t.Errorf("%s → %s:%d: the policies say %v, the table %v", from, to, port, got, want)
				}
			}
		}
	}
	t.Logf("%d ways asked about", n)
	for _, m := range s.Metadata {
		for _, port := range []int{80, 443} {
			if passes(t, policies, s.Parties["gateway"].Kubernetes, place{Address: m.Address}, port) {
				t.Errorf("the gateway reaches a cloud's metadata at %s:%d", m.Address, port)
			}
		}
	}
}

// The unit refuses each metadata service of the table, and nothing else.
func TestUnitRefusesMetadata(t *testing.T) {
	var want, got []string
	for _, m := range loadSegments(t).Metadata {
		want = append(want, m.Address)
	}
	for line := range strings.Lines(read(t, "deploy", "systemd", "convosphere.service")) {
		if list, is := strings.CutPrefix(strings.TrimSpace(line), "IPAddressDeny="); is {
			got = append(got, strings.Fields(list)...)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 3 || !slices.Equal(got, want) {
		t.Errorf("the unit refuses %q, the table has %q", got, want)
	}
}

func policiesOf(t *testing.T) []*networking.NetworkPolicy {
	t.Helper()
	return policiesBy(t, loadValues(t, "chat"))
}

func policiesBy(t *testing.T, values map[string]any) []*networking.NetworkPolicy {
	t.Helper()
	var all []*networking.NetworkPolicy
	for _, o := range objectsOf(t, values) {
		if p, ok := o.(*networking.NetworkPolicy); ok {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		t.Fatal("the chart has no policies")
	}
	return all
}

func (p place) ours() bool { return p.Labels != nil }

// passes tells what the policies say of a connection, as https://kubernetes.io/docs/concepts/services-networking/network-policies/ has it: a pod that some
// policy selects takes and opens only what one of those lets through.
func passes(t *testing.T, policies []*networking.NetworkPolicy, from, to place, port int) bool {
	t.Helper()
	return direction(t, policies, from, to, port, networking.PolicyTypeEgress) && direction(t, policies, to, from, port, networking.PolicyTypeIngress)
}

func direction(t *testing.T, policies []*networking.NetworkPolicy, pod, peer place, port int, kind networking.PolicyType) bool {
	t.Helper()
	if !pod.ours() {
		return true // no policies of ours hold there
	}
	isolated := false
	for _, p := range policies {
		if !slices.Contains(p.Spec.PolicyTypes, kind) || !matches(t, &p.Spec.PodSelector, pod.Labels) {
			continue
		}
		isolated = true
		if kind == networking.PolicyTypeEgress {
			for _, r := range p.Spec.Egress {
				if atPort(r.Ports, port) && atPeer(t, r.To, peer) {
					return true
				}
			}
			continue
		}
		for _, r := range p.Spec.Ingress {
			if atPort(r.Ports, port) && atPeer(t, r.From, peer) {
				return true
			}
		}
	}
	return !isolated
}

func matches(t *testing.T, s *meta.LabelSelector, of map[string]string) bool {
	t.Helper()
	selector, err := meta.LabelSelectorAsSelector(s)
	if err != nil {
		t.Fatal(err)
	}
	return selector.Matches(labels.Set(of))
}

func atPort(ports []networking.NetworkPolicyPort, port int) bool {
	return len(ports) == 0 || slices.ContainsFunc(ports, func(p networking.NetworkPolicyPort) bool {
		return (p.Protocol == nil || *p.Protocol == "TCP") && (p.Port == nil || *p.Port == intstr.FromInt32(int32(port)))
	})
}

func atPeer(t *testing.T, peers []networking.NetworkPolicyPeer, who place) bool {
	t.Helper()
	if len(peers) == 0 {
		return true
	}
	for _, p := range peers {
		switch {
		case p.IPBlock != nil:
			if who.Address != "" && within(t, p.IPBlock, who.Address) {
				return true
			}
		case p.NamespaceSelector != nil:
			if who.Namespace != nil && matches(t, p.NamespaceSelector, who.Namespace) {
				return true
			}
		case p.PodSelector != nil:
			if who.ours() && matches(t, p.PodSelector, who.Labels) {
				return true
			}
		}
	}
	return false
}

func within(t *testing.T, b *networking.IPBlock, address string) bool {
	t.Helper()
	in := func(cidr string) bool {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			t.Fatal(fmt.Errorf("a policy's prefix: %w", err))
		}
		return prefix.Contains(netip.MustParseAddr(address))
	}
	return in(b.CIDR) && !slices.ContainsFunc(b.Except, in)
}
