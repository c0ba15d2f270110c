package main

import (
	"fmt"
	"os"
	"text/tabwriter"
)

func table() *tabwriter.Writer {
	return tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
}

// printRules prints what was refused without and with the profile, and by which rules.
func printRules(before, after []answer) {
	w := table()
	fmt.Fprintln(w, "\tCRS alone\tchat profile\t")
	fmt.Fprintf(w, "refused\t%d\t%d\t\n", refused(before), refused(after))
	fmt.Fprintf(w, "share\t%.2f%%\t%.2f%%\t\n", share(before)*100, share(after)*100)
	b, a := byRule(before), byRule(after)
	for _, id := range most(b) {
		fmt.Fprintf(w, "rule %d\t%d\t%d\t\n", id, b[id], a[id])
	}
	for _, id := range most(a) {
		if b[id] == 0 {
			fmt.Fprintf(w, "rule %d\t0\t%d\t\n", id, a[id])
		}
	}
	w.Flush()
}
