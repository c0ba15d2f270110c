package chaos

import (
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/convosphere/gateway/test/kit"
	"github.com/convosphere/gateway/test/redisfleet"
)

const (
	nodes   = 3
	clients = 64
)

// Two limits for every request: all clients together, and each by itself. Together the clients want more than there is for all.
var (
	forAll  = rate{600, time.Second, 100}
	forEach = rate{10, time.Second, 5}
)

// zones of both. They refuse what can't be counted, so that nothing passes uncounted; and they are patient, so that a busy machine is not taken
// for a Redis in trouble.
func zones(more string) string {
	return fmt.Sprintf(`			store_timeout 5s
			zone all {
				key global
				%s
				on_failure closed
				%s
			}
			zone each {
				key client
				%s
				on_failure closed
				%s
			}`, forAll.lines(), more, forEach.lines(), more)
}

// Exact has gateways count in one Redis, each request there.
func Exact(t kit.T, lasting time.Duration) Count {
	t.Helper()
	r := kit.StartRedis(t)
	all := startNodes(t, nodes, "redis "+r.URL(), zones("mode exact"))
	return count(t, "one Redis, exact", all, r.Client(t), lasting)
}

// ExactOnCluster has them count in a Cluster of three masters, where the limit for all and the one for each client lie in different slots.
func ExactOnCluster(t kit.T, lasting time.Duration) Count {
	t.Helper()
	c := redisfleet.StartCluster(t, 3)
	all := startNodes(t, nodes, "redis "+c.URL(), zones("mode exact"))
	count := count(t, "Cluster of 3 masters, exact", all, c.Client(), lasting)
	count.Scripts = c.Scripts()
	return count
}

// count lets the clients loose, and reads Redis's clock before and after.
func count(t kit.T, title string, all []*Node, c redis.UniversalClient, lasting time.Duration) Count {
	t.Helper()
	start := clock(t, c)
	seen := load{nodes: all, clients: clients}.lasting(lasting)
	elapsed := clock(t, c).Sub(start)
	r := Count{
		Title: title, Clients: clients, Nodes: len(all), Elapsed: elapsed,
		Sent: seen.sent(), Admitted: seen.admitted, Refused: seen.refused, Other: seen.unavailable + seen.failed,
		Allowed: forAll.allows(elapsed), BusiestMay: forEach.allows(elapsed),
		Scripts: int(metrics(t, all, "gateway_rate_limit_store_seconds_count")),
	}
	for _, n := range seen.byClient {
		r.Busiest = max(r.Busiest, n)
	}
	r.Breaches = max(0, r.Admitted-r.Allowed) + max(0, r.Busiest-r.BusiestMay)
	for _, err := range seen.errs[:min(3, len(seen.errs))] {
		t.Errorf("%s: a request was not answered: %v", title, err)
	}
	return r
}
