package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// row is what came of the campaigns of a kind.
type row struct {
	found, all [3]int // by speed
	after      [3]time.Duration
	findings   int
}

func (r *row) add(c *scored) {
	i := slices.Index(speeds, c.Speed)
	r.all[i]++
	r.findings += c.Findings
	if c.Detected {
		r.found[i]++
		r.after[i] += time.Duration(c.After * float64(time.Second))
	}
}

func (r *row) rate(i int) string { return fmt.Sprintf("%d/%d", r.found[i], r.all[i]) }

// mean is how long it took, of those that were found.
func (r *row) mean(i int) string {
	if r.found[i] == 0 {
		return "-"
	}
	d := r.after[i] / time.Duration(r.found[i])
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0fm", d.Minutes())
	}
	return fmt.Sprintf("%.1fh", d.Hours())
}

// write prints the report for people.
func (r *report) write(out io.Writer) error {
	rows, total := map[string]*row{}, &row{}
	for _, c := range r.Campaigns {
		if rows[c.Kind] == nil {
			rows[c.Kind] = &row{}
		}
		rows[c.Kind].add(c)
		total.add(c)
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "%d events of %d people in %d days, seed %d.\n%s\n\n", r.Events, r.Users, r.Days, r.Seed, synthetic)
	fmt.Fprintln(w, "campaign\tfound: fast\tmedium\tslow\tmean time to detect: fast\tmedium\tslow\tfindings per campaign")
	line := func(name string, r *row) {
		n := max(1, r.all[0]+r.all[1]+r.all[2])
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1f\n", name, r.rate(0), r.rate(1), r.rate(2), r.mean(0), r.mean(1), r.mean(2), float64(r.findings)/float64(n))
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		line(name, rows[name])
	}
	line("all", total)
	found, all := total.found[0]+total.found[1]+total.found[2], total.all[0]+total.all[1]+total.all[2]
	fmt.Fprintf(w, "\nFound: %d of %d campaigns (%.1f %%).\n", found, all, 100*float64(found)/float64(max(1, all)))
	r.missed(w)
	fmt.Fprintf(w, "False alerts (medium and above, about nobody's campaign): %d in %d user-days, %.3f per 1,000.\n", r.False, r.Users*r.Days, r.FalseRate)
	for _, name := range byCount(r.FalseByRule) {
		fmt.Fprintf(w, "  %d × %s\n", r.FalseByRule[name], name)
	}
	for _, e := range r.Examples {
		fmt.Fprintf(w, "    %s\n", e)
	}
	fmt.Fprintf(w, "Findings in all: %d; about the scanning that every site gets: %d; below medium, about nobody's campaign: %d; about somebody in a campaign, but not of it: %d.\n", r.Findings, r.Background, r.Quiet, r.Beside)
	return w.Flush()
}

// missed names the campaigns that were not found.
func (r *report) missed(w io.Writer) {
	lines := map[string]string{}
	for _, c := range r.Campaigns {
		if !c.Detected {
			lines[c.Kind] += " " + c.Speed + "/" + c.Spread
		}
	}
	if len(lines) > 0 {
		fmt.Fprintln(w, "Missed:")
	}
	for _, kind := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(w, "  %s:%s\n", kind, lines[kind])
	}
}

func byCount(m map[string]int) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(m[b]-m[a], strings.Compare(a, b)) })
}
