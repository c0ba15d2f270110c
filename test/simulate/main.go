// Command simulate writes what the gateway of a busy site would tell in some days: ten thousand people who chat, machines, and attacks, as event
// lines, with the truth beside them. Then it scores what detection found in them. The traffic is synthetic: what it shows is whether attacks
// of these kinds are seen beside ordinary life of this kind, not how a site of yours would fare.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}
