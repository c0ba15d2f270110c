package author

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/terminal"
)

// Text prints the report for people, the files as below folder; with all, the tests that passed too.
func (rep *TestReport) Text(w io.Writer, s terminal.Style, folder string, all bool) error {
	var b strings.Builder
	for _, c := range rep.Cases {
		if c.Outcome == Passed && !all {
			continue
		}
		word := s.Verdict(strings.ToUpper(c.Outcome), c.Outcome == Failed || c.Outcome == Errored)
		fmt.Fprintf(&b, "%s  %s  %s\n", word, Place(folder, c.File, c.Line), terminal.Clean(c.Name))
		if c.Error != "" {
			fmt.Fprintf(&b, "      %s\n", terminal.Clean(c.Error))
		}
		for _, l := range strings.Split(strings.TrimRight(c.Output, "\n"), "\n") {
			if l != "" {
				fmt.Fprintf(&b, "      | %s\n", terminal.Clean(l))
			}
		}
		Attempts(&b, s, folder, c.Tried, "      ")
	}
	if rep.Coverage != nil {
		rep.Coverage.text(&b, s, folder)
	}
	fmt.Fprintf(&b, "%d passed, %d failed", rep.Passed, rep.Failed)
	if rep.Skipped > 0 {
		fmt.Fprintf(&b, ", %d left out (todo_test_…)", rep.Skipped)
	}
	fmt.Fprintf(&b, ", in %s", (time.Duration(rep.Micros) * time.Microsecond).Round(time.Millisecond))
	if rep.Coverage != nil {
		fmt.Fprintf(&b, "; %.1f%% of the policy is covered", rep.Coverage.Percent)
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Coverage) text(b *strings.Builder, s terminal.Style, folder string) {
	for _, f := range c.Files {
		for _, r := range f.NotCovered {
			lines := fmt.Sprint(r.From)
			if r.To > r.From {
				lines += fmt.Sprintf("–%d", r.To)
			}
			fmt.Fprintf(b, "%s  %s:%s\n", s.In(terminal.Yellow, "NOT COVERED"), terminal.Clean(filepath.Join(folder, f.File)), lines)
		}
	}
}

// Place is "folder/file:line", for people.
func Place(folder, file string, line int) string {
	return terminal.Clean(fmt.Sprintf("%s:%d", filepath.Join(folder, file), line))
}
