// Command soak runs two gateways with a real Redis, a real PostgreSQL and the chat behind them for as long as it is told, under everything that
// happens to them in an hour: people who read, write, upload and sign in, sockets, attacks, reloads, good ones and bad ones, and parts that go away
// and come back. Then it judges: nothing grew, nobody got an answer that the table of what may be does not have, every message that was acknowledged
// is there, once, and no error was logged that can't be explained.
//
//	go run ./test/soak [-for 1h] [-sockets 50] [-people 12] [-out DIR]
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

type options struct {
	lasting time.Duration
	sockets int
	people  int
	pace    float64       // of the traffic: 1 is some 30 requests a second
	every   time.Duration // from the end of a fault to the next one
	sample  time.Duration
	out     string
}

func main() {
	o := options{}
	flag.DurationVar(&o.lasting, "for", time.Hour, "how long there is traffic, at least; every fault happens at least once")
	flag.IntVar(&o.sockets, "sockets", 50, "open sockets, each of which says something every few seconds")
	flag.IntVar(&o.people, "people", 12, "people, every third of whom has a second factor")
	flag.Float64Var(&o.pace, "pace", 1, "how much traffic: 1 is some 30 requests a second")
	flag.DurationVar(&o.every, "every", 2*time.Minute, "time between two faults")
	flag.DurationVar(&o.sample, "sample", 10*time.Second, "time between two looks at the processes")
	flag.StringVar(&o.out, "out", "", "a folder for samples, profiles, logs and the table; default: none are kept")
	flag.Parse()
	t := kit.NewSuite("soak")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() { // until the program ends: what it has started ends with it
		<-stop
		t.Close()
		os.Exit(1)
	}()
	t.Run(func() {
		r := soak(t, o)
		fmt.Print(r.table())
		for _, f := range r.faulty() {
			t.Errorf("%s", f)
		}
	})
	t.Close()
	if t.Failed() {
		os.Exit(1)
	}
}
