package monitor

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/convosphere/gateway/modules/internal/terminal"
)

// print writes an incident for a terminal. What clients chose is made harmless there.
func (i *incidentJSON) print(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%s\n", terminal.Clean(i.Title), i.ID)
	state := i.State
	if i.Closer != "" {
		state += " by " + terminal.Clean(i.Closer)
	}
	if i.Merged != "" {
		state += ", part of " + i.Merged
	}
	fmt.Fprintf(w, "level\t%s\nstate\t%s\nassignee\t%s\nverdict\t%s\nversion\t%d\nopened\t%s\nevents\t%s to %s\nabout\t%s\nfindings\t%d\n",
		i.Level, state, cmp.Or(terminal.Clean(i.AssignedTo), "nobody"), cmp.Or(verdicts[i.Verdict], "none yet"), i.Version, stamp(i.Opened), stamp(i.First), stamp(i.Last), about(i.Subjects, 20), i.Count)
	for _, one := range []struct {
		name string
		all  []string
	}{{"techniques", i.Techniques}, {"tags", i.Tags}} {
		if len(one.all) > 0 {
			fmt.Fprintf(w, "%s\t%s\n", one.name, strings.Join(one.all, " "))
		}
	}
	i.printSteps(w)
	fmt.Fprintln(w, "\ntimeline")
	for _, m := range i.Timeline {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", stamp(m.At), cmp.Or(terminal.Clean(m.Who), "-"), terminal.Clean(m.Title), terminal.Clean(m.Text))
	}
	if len(i.Responses) > 0 {
		fmt.Fprintln(w, "\nresponses")
	}
	for _, r := range i.Responses {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\n", stamp(r.Created), r.Action, r.State, terminal.Clean(r.Subject.String()), r.ID, terminal.Clean(r.Detail))
	}
	for _, t := range []struct{ title, text string }{{"recovery", i.Recovery}, {"lessons learned", i.Lessons}} {
		if t.text != "" {
			fmt.Fprintf(w, "\n%s\n", t.title)
			for line := range strings.SplitSeq(t.text, "\n") {
				fmt.Fprintf(w, "  %s\n", terminal.Clean(line))
			}
		}
	}
	return w.Flush()
}

// printSteps are the checklists.
func (i *incidentJSON) printSteps(w io.Writer) {
	done, of := map[string]string{}, stands(&i.Incident)
	for _, s := range i.Steps {
		done[s.Playbook+"/"+s.Step] = s.Who
	}
	for _, p := range i.Playbooks {
		fmt.Fprintf(w, "\nto do: %s\n", terminal.Clean(p.Title))
		for _, s := range p.Steps {
			mark := "[ ]"
			if done[p.ID+"/"+s.ID] != "" {
				mark = "[x]"
			}
			fmt.Fprintf(w, "  %s %s\t%s\t%s\n", mark, p.ID+"/"+s.ID, terminal.Clean(s.Title), terminal.Clean(s.Command(of)))
		}
	}
}
