package chaos

import (
	"fmt"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// lease is the most tokens that a gateway takes at once.
const lease = 20

// Leased is what was admitted while gateways took tokens in advance: from the start on, and in a stretch that begins where they hold some.
type Leased struct {
	First, Second           Count
	Admitted, Allowed       int     // in all, by the time of both
	Ahead                   int     // the most tokens that all of them hold
	Taken, Returned, Wasted float64 // tokens
}

// String is the lines of a table.
func (l Leased) String() string {
	return fmt.Sprintf("%s\n%s\nin all %d of %d; in a stretch at most %d more than is allowed; tokens taken %.0f, returned %.0f, wasted %.0f",
		l.First, l.Second, l.Admitted, l.Allowed, l.Ahead, l.Taken, l.Returned, l.Wasted)
}

// Lease has the same clients ask the same gateways twice in a row.
func Lease(t kit.T, lasting time.Duration) Leased {
	t.Helper()
	r := kit.StartRedis(t)
	all := startNodes(t, nodes, "redis "+r.URL(), zones(fmt.Sprintf("mode leased %d", lease)))
	l := Leased{Ahead: nodes * lease}
	start := clock(t, r.Client(t))
	l.First = count(t, "one Redis, leased, from the start", all, r.Client(t), lasting/2)
	l.Second = count(t, "one Redis, leased, right after", all, r.Client(t), lasting/2)
	l.Admitted, l.Allowed = l.First.Admitted+l.Second.Admitted, forAll.allows(clock(t, r.Client(t)).Sub(start))
	l.Second.Scripts -= l.First.Scripts
	fate := func(name string) float64 {
		return metrics(t, all, "gateway_rate_limit_tokens_total", `fate="`+name+`"`)
	}
	l.Taken, l.Returned, l.Wasted = fate("taken"), fate("returned"), fate("wasted")
	return l
}

// Plenty is what there is when leases pay: nobody is refused, and few requests need to ask.
func Plenty(t kit.T, mode string, lasting time.Duration) Count {
	t.Helper()
	r := kit.StartRedis(t)
	all := startNodes(t, nodes, "redis "+r.URL(), fmt.Sprintf(`			store_timeout 5s
			zone plenty {
				key global
				rate 100000/1s
				burst 100000
				on_failure closed
				mode %s
			}`, mode))
	start := time.Now()
	seen := load{nodes: all, clients: clients}.lasting(lasting)
	return Count{
		Title: "one Redis, enough for all, " + mode, Nodes: nodes, Clients: clients, Elapsed: time.Since(start), Sent: seen.sent(), Admitted: seen.admitted,
		Refused: seen.refused, Other: seen.unavailable + seen.failed, Allowed: seen.sent(), Scripts: int(metrics(t, all, "gateway_rate_limit_store_seconds_count")),
	}
}
