package explain

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// style is how a terminal shows a word: SGR codes (ECMA-48), or nothing.
type style struct{ colour bool }

const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (s style) in(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// verdict is the answer in the colour of its kind.
func (s style) verdict(l Level) string {
	switch l.Verdict {
	case Passes:
		return s.in(green, l.answer())
	case Blocked:
		return s.in(red, l.answer())
	}
	return s.in(yellow, l.answer())
}

const widest = 160 // runes of a value on a line

// Text prints the report for people. Values are quoted, so that none of them speaks to the terminal.
func (r *Report) Text(w io.Writer, colour bool) error {
	s, b := style{colour}, new(strings.Builder)
	fmt.Fprintf(b, "%s\n", s.in(bold, Clean(r.Request)))
	fmt.Fprintf(b, "rules: %s, mode %s, paranoia %d\n", r.Config, r.Mode, r.Paranoia)
	for _, n := range r.Notes {
		fmt.Fprintf(b, "%s %s\n", s.in(yellow, "note:"), Clean(n))
	}
	b.WriteString("\n")
	if len(r.Hits) == 0 {
		b.WriteString("No rule hit.\n")
	}
	for _, h := range r.Hits {
		h.text(b, s)
	}
	fmt.Fprintf(b, "\n%s\n", s.in(bold, "paranoia  verdict       score  rules"))
	for _, l := range r.Levels {
		here := ""
		if l.Paranoia == r.Paranoia {
			here = s.in(cyan, "  ← configured")
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
	id := s.in(cyan, strconv.Itoa(h.ID))
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
	fmt.Fprintf(b, "%s  %s\n", id, Clean(h.Message))
	fmt.Fprintf(b, "        %s\n", s.in(dim, strings.Join(about, " · ")))
	for _, m := range h.Matches {
		fmt.Fprintf(b, "        %s = %s\n", Clean(m.Variable), s.in(yellow, quote(m.Value)))
		if m.Data != "" {
			fmt.Fprintf(b, "          %s\n", s.in(dim, Clean(m.Data)))
		}
	}
}

// quote shows a value with every control character and invalid byte escaped.
func quote(v string) string {
	if r := []rune(v); len(r) > widest {
		return strconv.Quote(string(r[:widest])) + "…"
	}
	return strconv.Quote(v)
}

// Clean is the text without what a terminal would obey.
func Clean(v string) string {
	q := quote(v)
	q = strings.TrimPrefix(q, `"`)
	if rest, ok := strings.CutSuffix(q, `"…`); ok {
		q = rest + "…"
	} else {
		q = strings.TrimSuffix(q, `"`)
	}
	return strings.ReplaceAll(q, `\"`, `"`)
}

// Paint colours a word that tells of something refused, or of something let through.
func Paint(colour bool, word string, refused bool) string {
	if refused {
		return style{colour}.in(red, word)
	}
	return style{colour}.in(green, word)
}
