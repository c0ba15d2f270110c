package author

import (
	"fmt"
	"maps"
	"strings"

	"github.com/convosphere/gateway/modules/internal/terminal"
	"github.com/convosphere/gateway/modules/policy/engine"
)

// Attempts prints what was tried and where it did not hold, each line after indent. Of rules that stand beside each other, those that got
// further than their first line are told; the others are most often about something else, and are only counted.
func Attempts(b *strings.Builder, s terminal.Style, folder string, list []engine.Attempt, indent string) {
	attempts(b, s, folder, list, indent, map[engine.Value]bool{})
}

// shown are the values that were printed further out: said once is enough.
func attempts(b *strings.Builder, s terminal.Style, folder string, list []engine.Attempt, indent string, shown map[engine.Value]bool) {
	further := false
	for _, a := range list {
		further = further || a.Held || !a.Failed.First
	}
	left := 0
	for _, a := range list {
		if further && !a.Held && a.Failed.First {
			left++
			continue
		}
		attempt(b, s, folder, a, indent, maps.Clone(shown))
	}
	if left > 0 {
		fmt.Fprintf(b, "%s%s\n", indent, s.In(terminal.Dim, fmt.Sprintf("(%d more did not hold from their first line on)", left)))
	}
}

func attempt(b *strings.Builder, s terminal.Style, folder string, a engine.Attempt, indent string, shown map[engine.Value]bool) {
	name := terminal.Clean(strings.TrimPrefix(a.Name, "data."))
	if a.Title != "" {
		name += s.In(terminal.Dim, "  "+terminal.Clean(a.Title))
	}
	if a.Held {
		fmt.Fprintf(b, "%s%s  %s %s\n", indent, Place(folder, a.File, a.Line), name, s.In(terminal.Red, "holds"))
		return
	}
	fmt.Fprintf(b, "%s%s  %s\n", indent, Place(folder, a.File, a.Line), name)
	inner := indent + "    "
	fmt.Fprintf(b, "%s%s %s  %s\n", inner, s.In(terminal.Red, "✗"), Place(folder, a.Failed.File, a.Failed.Line), terminal.Clean(a.Failed.Expression))
	for _, v := range a.Failed.Values {
		if shown[v] {
			continue
		}
		shown[v] = true
		fmt.Fprintf(b, "%s  %s = %s\n", inner, terminal.Clean(v.Name), s.In(terminal.Yellow, terminal.Clean(v.Value)))
	}
	attempts(b, s, folder, a.Tried, inner+"  ", shown)
}
