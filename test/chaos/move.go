package chaos

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/convosphere/gateway/test/kit"
	"github.com/convosphere/gateway/test/redisfleet"
)

// roomy are two limits of one subject, which no load here reaches: any refusal is a wrong one. Their keys lie in one slot, and are charged by one
// script, which a Cluster runs on neither master while one key has moved and the other has not.
const roomy = `			zone one {
				key global
				rate 100000/1s
				burst 1000000
				on_failure closed
			}
			zone two {
				key global
				rate 90000/1s
				burst 1000000
				on_failure closed
			}`

// Moved is what became of requests while a slot moved between masters under load.
type Moved struct {
	Count
	Moves int
}

// SlotMoves moves the slot of the limit for all to and fro while clients ask, and tells how many were admitted; pause is how long each step of a
// move lasts.
func SlotMoves(t kit.T, lasting, pause time.Duration) Moved {
	t.Helper()
	c := redisfleet.StartCluster(t, 3)
	all := startNodes(t, nodes, "redis "+c.URL(), zones("mode exact"))
	m := Moved{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Moves = moving(t, c, ":all", lasting, pause)
	}()
	m.Count = count(t, "Cluster, a slot moving, exact", all, c.Client(), lasting)
	<-done
	m.Scripts = c.Scripts()
	return m
}

// WrongRefusals moves a slot while clients ask for what there is enough of. All that is not admitted is wrong.
func WrongRefusals(t kit.T, lasting, pause time.Duration) Moved {
	t.Helper()
	c := redisfleet.StartCluster(t, 3)
	all := startNodes(t, nodes, "redis "+c.URL(), "\t\t\tstore_timeout 5s\n"+roomy)
	m := Moved{Count: Count{Title: "Cluster, a slot moving, enough for all", Nodes: nodes, Clients: clients}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Moves = moving(t, c, ":one", lasting, pause)
	}()
	start := time.Now()
	seen := load{nodes: all, clients: clients}.lasting(lasting)
	m.Elapsed = time.Since(start)
	<-done
	m.Sent, m.Admitted, m.Refused, m.Other = seen.sent(), seen.admitted, seen.refused, seen.unavailable+seen.failed
	m.Allowed, m.Scripts = m.Sent, c.Scripts()
	return m
}

// moving moves the slot that the key lies in, whose name ends so, from master to master, and returns how often.
func moving(t kit.T, c *redisfleet.Cluster, suffix string, lasting, pause time.Duration) (moves int) {
	end := time.Now().Add(lasting - lasting/6)
	slot := c.Slot(keyOf(t, c, suffix, end))
	for ; time.Now().Before(end); moves++ {
		i := slices.Index(c.Masters, c.Owner(slot))
		c.Move(slot, c.Masters[(i+1)%len(c.Masters)], func() { time.Sleep(pause) })
		time.Sleep(3 * pause)
	}
	return moves
}

// keyOf looks for the limit's key, which is there once the first request was counted.
func keyOf(t kit.T, c *redisfleet.Cluster, suffix string, end time.Time) string {
	for time.Now().Before(end) {
		for _, m := range c.Masters {
			keys, err := m.Client().Keys(context.Background(), "gw:*").Result()
			if err != nil {
				t.Errorf("looking for the key %s: %v", suffix, err)
				return suffix
			}
			if i := slices.IndexFunc(keys, func(k string) bool { return strings.HasSuffix(k, suffix) }); i >= 0 {
				return keys[i]
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("no key ends in %s", suffix)
	return suffix
}
