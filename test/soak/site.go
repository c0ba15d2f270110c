package main

import (
	"sync"

	"github.com/convosphere/gateway/test/fleet"
	"github.com/convosphere/gateway/test/kit"
)

// site is a fleet whose processes are watched.
type site struct {
	*fleet.Fleet

	mu    sync.Mutex
	lives []*life
}

// configuration is what the soak adds to the demo's.
//
// Clients come through a load balancer, so that they have addresses that can be banned. How fast the machine is decides nothing: no caller is refused
// because it is busy, and no decision of the policy is one of lateness. A dozen people stand for many: one who signs in every minute, or deletes all day, is
// seen as strange, rightly; what monitoring would do about that, it proposes.
var configuration = fleet.Options{
	Gateways: 2,
	Servers:  "\t\ttrusted_proxies static 127.0.0.0/8\n",
	App:      "\t\tpolicy {\n\t\t\ttimeout 10s\n\t\t}\n\t\tmonitor {\n\t\t\trespond propose\n\t\t}\n",
	Secure:   "\t\trate_limit {\n\t\t\tshed off\n\t\t}\n",
	Postgres: []string{"autovacuum=on"}, // it runs for an hour
}

// startSite starts everything.
func startSite(t kit.T) *site {
	t.Helper()
	s := &site{Fleet: fleet.Start(t, configuration)}
	for _, n := range s.Nodes {
		s.began(n.Name, n.Process, n)
	}
	s.began("chat", s.Chat, nil)
	s.began("redis", s.Redis.Process, nil)
	return s
}

// restart ends a gateway as end does, and starts it again.
func (s *site) restart(t kit.T, i int, end func(*kit.Process)) {
	t.Helper()
	s.ended(s.Nodes[i].Process)
	s.Restart(t, i, end)
	s.began(s.Nodes[i].Name, s.Nodes[i].Process, s.Nodes[i])
}
