package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

// crowd is how many ask at once, and how many rooms there are: as many in each fleet, so that what they ask takes as much in each.
const crowd = 12

// measure does all of it.
func measure(t kit.T, lasting time.Duration) Results {
	r := Results{Measured: time.Now().UTC().Format("2006-01-02"), Machine: machine(), Cores: runtime.NumCPU(), Kinds: map[string]Use{}, Rates: map[string]float64{}}
	var three Use
	with(t, 3, func(s *site) {
		three = s.unasked(2 * lasting)
		r.Bans, r.BanBytes = s.bans()
	})
	with(t, 1, func(s *site) {
		r.ResidentMiB = s.resident()
		one := s.unasked(2 * lasting)
		r.Idle = three.plus(one.times(-1)).times(.5)
		r.Shared = one.plus(r.Idle.times(-1))
		workers := s.people(crowd / len(s.Nodes))
		r.Quota = s.limited()
		for name, do := range kinds {
			r.Kinds[name], r.Rates[name] = s.cost(name, do, workers, lasting, one)
		}
		r.Kinds[delivery] = s.deliveries(workers, lasting, one, r.Kinds["socket message"])
		r.Sockets, r.SocketKiB = s.sockets(workers)
	})
	for _, n := range []int{1, 2, 3} {
		with(t, n, func(s *site) { r.Checks = append(r.Checks, s.check(n, 2*lasting)) })
	}
	return r
}

// machine is what it is measured on.
func machine() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	_, rest, _ := strings.Cut(string(b), "model name")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimLeft(line, "\t :")
}

// with runs a fleet for as long as do takes.
func with(t kit.T, gateways int, do func(*site)) {
	t.Helper()
	own := kit.NewSuite(fmt.Sprintf("scale-%d", gateways))
	own.Run(func() { do(newSite(own, gateways)) })
	own.Close()
	if own.Failed() {
		t.Fatalf("the fleet of %d failed", gateways)
	}
}

// unasked is what the fleet takes in a second by itself, once what it does at its start is over.
func (s *site) unasked(lasting time.Duration) Use {
	time.Sleep(lasting / 2)
	u, elapsed := s.during(func() { time.Sleep(lasting) })
	return u.times(1 / elapsed.Seconds())
}

// people are workers for each gateway, each with an account, a session, a room and an address.
func (s *site) people(each int) (all []*worker) {
	var places atomic.Uint32
	for i := range each {
		u := s.AddUser(s.t, fmt.Sprintf("person%02d", i), "premium")
		for j := range s.Nodes {
			c := *s.Via[j]
			w := &worker{t: s.t, c: &c, user: u, places: &places, from: fmt.Sprintf("203.0.113.%d", 1+len(all))}
			if err := w.login(); err != nil {
				s.t.Fatalf("%v", err)
			}
			c.User = u.Username
			w.room = c.NewRoom(s.t, fmt.Sprintf("Room %d %d", i, j), "public").ID
			for range 20 { // what "read messages" reads
				if err := kinds["post a message"](w); err != nil {
					s.t.Fatalf("%v", err)
				}
			}
			all = append(all, w)
		}
	}
	if code, out := s.Nodes[0].Exec(s.t, "", "ban", "add", banned, "--address", "unix/"+s.Nodes[0].Data+"/admin.sock"); code != 0 {
		s.t.Fatalf("ban add: %s", out)
	}
	for _, w := range all {
		kit.Eventually(s.t, time.Minute, "the ban", func() bool { return kinds["banned client"](w) == nil })
	}
	return all
}

// each has all workers do something for a while, and tells how often they did.
func (s *site) each(workers []*worker, lasting time.Duration, do func(*worker) error) float64 {
	ctx, cancel := context.WithTimeout(context.Background(), lasting)
	defer cancel()
	var done atomic.Int64
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := do(w); err != nil {
					s.t.Errorf("%v", err)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	return float64(done.Load())
}

// cost is what one request of a kind takes, beside what the gateways take anyhow, and how many a second there were.
func (s *site) cost(name string, do func(*worker) error, workers []*worker, lasting time.Duration, unasked Use) (Use, float64) {
	for _, w := range workers { // tokens live for minutes; sockets are opened beforehand
		if err := w.renew(); err != nil {
			s.t.Fatalf("%v", err)
		}
		if err := do(w); err != nil {
			s.t.Fatalf("%s: %v", name, err)
		}
	}
	var n float64
	u, elapsed := s.during(func() { n = s.each(workers, lasting, do) })
	if n == 0 {
		s.t.Fatalf("%s: nothing was done", name)
	}
	return u.plus(unasked.times(-elapsed.Seconds())).times(1 / n).atLeastNothing(), n / elapsed.Seconds()
}

// delivery is a message that reaches one more member of its room.
const delivery = "delivery on a socket"

const listeners = 20

// deliveries has others listen, and takes off what sending itself takes.
func (s *site) deliveries(workers []*worker, lasting time.Duration, unasked, sending Use) Use {
	speaker := workers[0]
	var reading sync.WaitGroup
	for range listeners {
		conn, err := speaker.dial(speaker.place())
		if err != nil {
			s.t.Fatalf("a listener: %v", err)
		}
		reading.Go(func() {
			for {
				if _, _, err := conn.Read(context.Background()); err != nil { // ends with the socket
					return
				}
			}
		})
		defer conn.CloseNow()
	}
	// Slower than a listener reads, so that none is cut for being too slow.
	calm := func(w *worker) error {
		time.Sleep(10 * time.Millisecond)
		return w.say()
	}
	u, _ := s.cost(delivery, calm, workers[:1], lasting, unasked)
	return u.plus(sending.times(-1)).times(1. / listeners).atLeastNothing()
}

// check loads the fleet with the mix, as much as it takes.
func (s *site) check(n int, lasting time.Duration) Check {
	c := Check{Gateways: n}
	workers := s.people(crowd / len(s.Nodes))
	s.limited()
	mixed := func(w *worker) error {
		at := rand.Float64()
		for _, share := range Mix {
			if at -= share.Share; at < 0 {
				return kinds[share.Kind](w)
			}
		}
		return nil
	}
	for range 50 {
		for _, w := range workers {
			if err := mixed(w); err != nil {
				s.t.Fatalf("%v", err)
			}
		}
	}
	var requests float64
	u, elapsed := s.during(func() { requests = s.each(workers, lasting, mixed) })
	c.Seconds, c.Requests = elapsed.Seconds(), requests/elapsed.Seconds()
	c.Measured = u.times(1 / elapsed.Seconds())
	return c
}

// quota of a processor is what each gateway has while requests are counted: so little that three of them, their clients and all that is behind them fit
// into two processors.
const quota = .2

// limited gives each gateway its quota, and says what that is: 0 where this user can't.
func (s *site) limited() float64 {
	var pids []int
	for _, n := range s.Nodes {
		pids = append(pids, n.Process.PID())
	}
	if err := limit(s.t, quota, pids...); err != nil {
		fmt.Fprintf(os.Stderr, "no limits of processor time here (%v): the gateways share what there is\n", err)
		return 0
	}
	return quota
}
