package explain

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/convosphere/gateway/modules/internal/terminal"
)

// style is how the report's terminal shows words.
type style struct{ terminal.Style }

// verdict is the answer in the colour of its kind.
func (s style) verdict(l Level) string {
	switch l.Verdict {
	case Passes:
		return s.In(terminal.Green, l.answer())
	case Blocked:
		return s.In(terminal.Red, l.answer())
	}
	return s.In(terminal.Yellow, l.answer())
}

// Text prints the report for people. Values are quoted, so that none of them speaks to the terminal.
func (r *Report) Text(w io.Writer, colour bool) error {
	s, b := style{terminal.Style{Colour: colour}}, new(strings.Builder)
	fmt.Fprintf(b, "%s\n", s.In(terminal.Bold, terminal.Clean(r.Request)))
	fmt.Fprintf(b, "rules: %s, mode %s, paranoia %d\n", r.Config, r.Mode, r.Paranoia)
	for _, n := range r.Notes {
		fmt.Fprintf(b, "%s %s\n", s.In(terminal.Yellow, "note:"), terminal.Clean(n))
	}
	b.WriteString("\n")
	if len(r.Hits) == 0 {
		b.WriteString("No rule hit.\n")
	}
	for _, h := range r.Hits {
		h.text(b, s)
	}
	fmt.Fprintf(b, "\n%s\n", s.In(terminal.Bold, "paranoia  verdict       score  rules"))
	for _, l := range r.Levels {
		here := ""
		if l.Paranoia == r.Paranoia {
			here = s.In(terminal.Cyan, "  ← configured")
		}
		pad := strings.Repeat(" ", max(0, 12-len(l.answer())))
		fmt.Fprintf(b, "%8d  %s%s  %5s  %d%s\n", l.Paranoia, s.verdict(l), pad, strconv.Itoa(l.Score)+"/"+strconv.Itoa(l.Threshold), len(l.Rules), here)
	}
	fmt.Fprintf(b, "\n%s\n", r.sentence(s))
	_, err := io.WriteString(w, b.String())
	return err
}

func (l Level) answer() string {
	if !l.Stops() {
		return l.Verdict
	}
	return fmt.Sprintf("%s %d", l.Verdict, max(l.Status, l.Close))
}

func (r *Report) sentence(s style) string {
	v := r.Verdict
	said := s.verdict(v) + " at paranoia " + strconv.Itoa(v.Paranoia)
	if !v.Stops() {
		return said
	}
	switch {
	case v.By != 0:
		said += ", by rule " + strconv.Itoa(v.By)
	case v.Status != 0:
		said += ": " + http.StatusText(v.Status) // a limit, which is no rule
	}
	switch r.Mode {
	case "block":
		if v.Close != 0 {
			said += "; it closes the socket"
		}
	case "detect":
		said += "; mode detect records it and passes it on"
	case "off":
		said += "; mode off passes it on uninspected"
	}
	return said
}

func (h Hit) text(b *strings.Builder, s style) {
	id := s.In(terminal.Cyan, strconv.Itoa(h.ID))
	about := []string{"paranoia " + strconv.Itoa(h.Paranoia), h.Severity, "score " + strconv.Itoa(h.Score)}
	if h.Class != "" {
		about = append([]string{h.Class}, about...)
	}
	if h.Denies {
		about = append(about, "refuses by itself")
	}
	if h.File != "" {
		about = append(about, h.File)
	}
	if !h.Active {
		about = append(about, "not at the configured level")
	}
	fmt.Fprintf(b, "%s  %s\n", id, terminal.Clean(h.Message))
	fmt.Fprintf(b, "        %s\n", s.In(terminal.Dim, strings.Join(about, " · ")))
	for _, m := range h.Matches {
		fmt.Fprintf(b, "        %s = %s\n", terminal.Clean(m.Variable), s.In(terminal.Yellow, terminal.Quote(m.Value)))
		if m.Data != "" {
			fmt.Fprintf(b, "          %s\n", s.In(terminal.Dim, terminal.Clean(m.Data)))
		}
	}
}
