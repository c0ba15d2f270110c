// Command scale measures what single requests take of a gateway, of Redis and of PostgreSQL, says from that what larger fleets need, and holds what it says
// against one, two and three gateways here. docs/scale.md is made of its results.
//
//	go run ./test/scale [-seconds 8] [-results test/scale/results.json] [-page docs/scale.md]
//	go run ./test/scale -seconds 0 -page docs/scale.md     # the page alone, from the results that are there
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/convosphere/gateway/test/kit"
)

func main() {
	var results, page string
	var seconds int
	flag.IntVar(&seconds, "seconds", 8, "how long each kind of request is sent, and each fleet is loaded twice as long; 0: nothing is measured")
	flag.StringVar(&results, "results", "test/scale/results.json", "where the results are")
	flag.StringVar(&page, "page", "docs/scale.md", "the page to write from them")
	flag.Parse()
	t := kit.NewSuite("scale")
	t.Run(func() {
		if seconds > 0 {
			write(t, results, encoded(t, measure(t, time.Duration(seconds)*time.Second)))
		}
		text, err := rendered(results)
		if err != nil {
			t.Fatalf("the page: %v", err)
		}
		write(t, page, text)
		fmt.Printf("%s", text)
	})
	t.Close()
	if t.Failed() {
		os.Exit(1)
	}
}

func encoded(t kit.T, r Results) []byte {
	t.Helper()
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		t.Fatalf("the results: %v", err)
	}
	return append(b, '\n')
}

func write(t kit.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatalf("%v", err)
	}
}
