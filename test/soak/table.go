package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// faulty is everything that may not be.
func (r *run) faulty() (all []string) {
	y := r.load.tally
	for _, kind := range slices.Sorted(maps.Keys(y.surprised)) {
		all = append(all, fmt.Sprintf("%s: %d outcomes that nothing explains", kind, y.surprised[kind]))
	}
	for _, s := range y.surprises[:min(20, len(y.surprises))] {
		all = append(all, s.String())
	}
	for _, l := range r.site.lives {
		for _, g := range l.growths() {
			if g.judged && !g.flat {
				all = append(all, fmt.Sprintf("%s: %s grew from %.0f to %.0f", g.life, g.measure, g.from, g.to))
			}
		}
		for _, name := range never {
			if l.last[name] > 0 {
				all = append(all, fmt.Sprintf("%s: %s is %.0f", l.name, name, l.last[name]))
			}
		}
	}
	for _, d := range r.drained {
		all = append(all, d.faults()...)
	}
	all = append(all, r.audit.faults()...)
	for _, l := range r.unlogged[:min(20, len(r.unlogged))] {
		all = append(all, fmt.Sprintf("an error that nothing explains (%v): %.600s", y.faultsAt(l.at()), l.text))
	}
	return all
}

// soFar is what there is of it while it runs.
func (r *run) soFar() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "after %s\n\n", time.Since(r.began).Round(time.Second))
	r.tableTraffic(&b)
	r.tableFaults(&b)
	r.tableProcesses(&b)
	return b.String()
}

// table is what is shown of it all.
func (r *run) table() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\nSoak of %s: 2 gateways, Redis, PostgreSQL, the chat; %d people, %d sockets\n\n", r.lasted.Round(time.Second), len(r.load.people), r.o.sockets)
	r.tableTraffic(&b)
	r.tableFaults(&b)
	r.tableProcesses(&b)
	a := r.audit
	fmt.Fprintf(&b, "Messages: %d sent, %d acknowledged (%d on sockets): %d present once, %d deleted as asked, %d lost, %d twice, %d back from deletion; %d never acknowledged, of which %d are there\n",
		a.sent, a.acknowledged, a.bySocket, a.present, a.deleted, len(a.lost), len(a.doubled), len(a.undead), a.unanswered, a.stored)
	fmt.Fprintf(&b, "Errors logged: %s; not explained: %d\n", orNone(list(r.logged)), len(r.unlogged))
	all := r.faulty()
	if len(all) == 0 {
		fmt.Fprintf(&b, "Verdict: nothing grew, nothing was lost, every outcome is explained.\n")
	} else {
		fmt.Fprintf(&b, "Verdict: %d faults:\n  %s\n", len(all), strings.Join(all, "\n  "))
	}
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func columns(b *bytes.Buffer) *tabwriter.Writer { return tabwriter.NewWriter(b, 0, 0, 2, ' ', 0) }

func (r *run) tableTraffic(b *bytes.Buffer) {
	y := r.load.tally
	y.mu.Lock()
	defer y.mu.Unlock()
	w := columns(b)
	fmt.Fprintln(w, "traffic\toutcomes as expected\tof faults\tnot explained")
	for _, kind := range slices.Sorted(maps.Keys(expected)) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", kind, orNone(list(y.counts[kind])), orNone(list(y.excused[kind])), y.surprised[kind])
	}
	w.Flush()
	fmt.Fprintln(b)
}

func (r *run) tableFaults(b *bytes.Buffer) {
	w := columns(b)
	fmt.Fprintln(w, "fault\ttimes\tuntil all was well, median\tlongest")
	for _, f := range faults {
		took := slices.Sorted(slices.Values(r.suffered[f.name]))
		if len(took) > 0 {
			fmt.Fprintf(w, "%s\t%d\t%.1f s\t%.1f s\n", f.name, len(took), took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
		}
	}
	w.Flush()
	fmt.Fprintln(b)
}

func (r *run) tableProcesses(b *bytes.Buffer) {
	r.site.mu.Lock()
	defer r.site.mu.Unlock()
	w := columns(b)
	fmt.Fprintln(w, "process\tlasted\tmeasure\tonce warm\tat the end\tat most\t")
	for _, l := range r.site.lives {
		for _, g := range l.growths() {
			verdict := "too short to tell"
			switch {
			case g.judged && g.flat:
				verdict = "flat"
			case g.judged:
				verdict = "GREW"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t%s\n", g.life, g.lasted.Round(time.Second), g.measure, g.from, g.to, g.most, verdict)
		}
	}
	w.Flush()
	fmt.Fprintln(b)
	w = columns(b)
	fmt.Fprintln(w, "without clients\tmeasure\tbefore\tafter")
	for _, d := range r.drained {
		for _, m := range []string{goroutines, descriptors, heap, resident} {
			fmt.Fprintf(w, "%s\t%s\t%.0f\t%.0f\n", d.node, m, d.before[m], d.after[m])
		}
	}
	w.Flush()
	fmt.Fprintln(b)
}
