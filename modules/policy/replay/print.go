package replay

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/terminal"
)

// Text prints the report for people.
func (r *Report) Text(w io.Writer, style terminal.Style) error {
	var b strings.Builder
	for _, ch := range r.Changes {
		fmt.Fprintf(&b, "%s  %d × %s\n", style.Verdict(ch.Change, ch.Change != Allowed), ch.Count, terminal.Clean(ch.Permission))
		fmt.Fprintf(&b, "    before  %s\n    after   %s\n", ch.Before, ch.After)
		if ch.Change == Obligations {
			fmt.Fprintf(&b, "    obligations %s → %s\n", terminal.Clean(fmt.Sprint(ch.Before.Obligations)), terminal.Clean(fmt.Sprint(ch.After.Obligations)))
		}
		for _, e := range ch.Examples {
			fmt.Fprintf(&b, "    as %s  %s  %s", e.Time.Format("2006-01-02T15:04:05Z07:00"), e.ID, terminal.Clean(e.Request))
			if e.Subject != "" {
				fmt.Fprintf(&b, "  by %s", terminal.Clean(e.Subject))
			}
			b.WriteString("\n")
			if len(e.Removed) > 0 {
				fmt.Fprintf(&b, "       taken out when it was captured, so the policy no longer sees it: %s\n", terminal.Clean(strings.Join(e.Removed, ", ")))
			}
		}
	}
	if len(r.Changes) > 0 {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d replayed against %s (revision %s):", r.Replayed, r.Policy, r.Revision)
	for _, kind := range order {
		fmt.Fprintf(&b, " %d %s,", r.Counts[kind], kind)
	}
	fmt.Fprintf(&b, " %d the same\n", r.Same)
	for _, why := range slices.Sorted(maps.Keys(r.Left)) {
		fmt.Fprintf(&b, "%d left out: %s\n", r.Left[why], why)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// String is the outcome on a line.
func (o Outcome) String() string {
	s := o.Verdict + ": " + terminal.Clean(o.Reason)
	if o.Failure != "" {
		s += " (" + o.Failure + ")"
	}
	if o.Rule != "" {
		s += "  " + terminal.Clean(o.Rule)
	}
	return s
}
