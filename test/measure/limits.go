package main

import (
	"fmt"
	"time"

	"github.com/convosphere/gateway/test/chaos"
	"github.com/convosphere/gateway/test/kit"
)

// limits prints what was admitted against what the limits allow, and what became of clients in each trouble.
func limits(t kit.T, lasting time.Duration) {
	fmt.Printf("\nLimits, for %s each: what was admitted, and what is allowed in the time that passed on Redis's clock\n", lasting)
	for _, run := range []func(kit.T, time.Duration) chaos.Count{chaos.Exact, chaos.ExactOnCluster} {
		c := run(t, lasting)
		fmt.Println(c)
		verdict("never one too many", c.Breaches == 0 && c.Other == 0, c.Breaches)
	}
	const step = 10 * time.Millisecond
	moved := chaos.SlotMoves(t, lasting, step)
	fmt.Printf("%s; %d moves\n", moved.Count, moved.Moves)
	verdict("never one too many", moved.Breaches == 0, moved.Breaches)
	moved = chaos.WrongRefusals(t, lasting, step)
	fmt.Printf("%s; %d moves\n", moved.Count, moved.Moves)
	verdict("nobody refused", moved.Admitted == moved.Sent, moved.Sent-moved.Admitted)

	l := chaos.Lease(t, lasting)
	fmt.Println(l)
	verdict("never more ahead than leases", l.Admitted <= l.Allowed && l.Second.Admitted <= l.Second.Allowed+l.Ahead, l.Second.Admitted-l.Second.Allowed)
	for _, mode := range []string{"exact", "leased"} {
		fmt.Println(chaos.Plenty(t, mode, lasting/6))
	}

	fmt.Println("\nFail-over by Sentinels: a master that freezes under load, whose replicas lag")
	for _, lag := range []time.Duration{0, 50 * time.Millisecond, 300 * time.Millisecond} {
		f := chaos.FailOver(t, lag)
		fmt.Printf("lag %s: admitted %d before and %d after, of %d; the old master had charged %d, the new one knew of %d, lost %d (%d bytes); named after %s, counted by after %s; 503 %d\n",
			f.Lag, f.Before, f.After, f.Burst, f.Charged, f.Known, f.Lost(), f.LostBytes, f.Named.Round(100*time.Millisecond), f.Outage.Round(100*time.Millisecond), f.Unavailable)
		verdict("no more too many than were lost", f.Over() <= f.Lost() && f.Withheld == 0, f.Over())
	}

	const each = 5 * time.Second
	fmt.Printf("\nRedis in trouble for %s each: three gateways, and for each way to go on 8 clients of at most 100 requests a second against a limit of 100/s, burst 20\n", each)
	w := table()
	fmt.Fprintln(w, chaos.Heading)
	for _, o := range chaos.Faults(t, each) {
		fmt.Fprintln(w, o)
	}
	w.Flush()
}

// verdict prints whether an aim was met.
func verdict(aim string, met bool, by int) {
	word := "met"
	if !met {
		word = "missed"
	}
	fmt.Printf("aim, %s: %s (%d)\n", aim, word, by)
}
