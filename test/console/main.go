// Command console fills the demo with some days of a busy site (made by test/simulate: their events, the people in them, the incidents that detection finds),
// does what people and attackers do on it now, and then looks at every view of its console: how long the gateway takes for it, and how it looks.
//
//	go run ./test/console [-seed 1] [-events 1000000] [-runs 5] [-out DIR] [-only VIEW,…]
//
// With -out every view is captured on a phone, a desktop and a wide screen, light and dark, and its accessibility is checked.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/convosphere/gateway/test/kit"
)

type options struct {
	seed   uint64
	events int
	runs   int
	out    string
	only   []string
	hold   bool
}

func main() {
	var o options
	flag.Uint64Var(&o.seed, "seed", 1, "what the chances of the simulated days are made from")
	flag.IntVar(&o.events, "events", 1_000_000, "how many events")
	flag.IntVar(&o.runs, "runs", 5, "how often each view is asked for: the fastest counts")
	flag.StringVar(&o.out, "out", "", "a folder for pictures of every view; default: none are made")
	only := flag.String("only", "", "views to look at, with commas; default: all")
	flag.BoolVar(&o.hold, "hold", false, "say where the console is, and keep it running until the standard input ends")
	flag.Parse()
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	t := kit.NewSuite("console")
	t.Run(func() { run(t, o) })
	t.Close()
	if t.Failed() {
		os.Exit(1)
	}
}

func run(t kit.T, o options) {
	n := filled(t, o)
	live(t, n)
	c := signIn(t, n, n.Users["ada"])
	views := c.views(t, o.only)
	timings := c.measure(t, views, o.runs)
	printTimings(os.Stdout, o.events, timings)
	if o.out != "" {
		pictures(t, n, n.Users["ada"], views, screens, o.out)
	}
	if o.hold {
		fmt.Printf("%s/console/ as %s, password %s, second factor %s\n", n.URL, "ada", n.Users["ada"].Password, n.Users["ada"].TOTPSecret)
		var line string
		for {
			if _, err := fmt.Scanln(&line); err != nil && err.Error() != "unexpected newline" {
				return
			}
		}
	}
}
