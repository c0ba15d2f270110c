// Package terminal is how commands write for people: in colour where the terminal takes it, and nothing that came from outside speaks
// to the terminal itself.
package terminal

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// SGR codes (ECMA-48).
const (
	Bold   = "1"
	Dim    = "2"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Cyan   = "36"
)

// Style is how words are shown.
type Style struct{ Colour bool }

// In is the text in a colour, where there are colours.
func (s Style) In(code, text string) string {
	if !s.Colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Verdict colours a word that tells of something refused, or of something let through.
func (s Style) Verdict(word string, refused bool) string {
	if refused {
		return s.In(Red, word)
	}
	return s.In(Green, word)
}

// For is the style for a writer: colours on a terminal whose owner has nothing against them (https://no-color.org).
func For(w io.Writer) Style {
	f, ok := w.(*os.File)
	return Style{ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))}
}

const widest = 160 // runes of a value on a line

// Quote shows a value with every control character and invalid byte escaped.
func Quote(v string) string {
	if r := []rune(v); len(r) > widest {
		return strconv.Quote(string(r[:widest])) + "…"
	}
	return strconv.Quote(v)
}

// Clean is the text without what a terminal would obey.
func Clean(v string) string {
	q := Quote(v)
	q = strings.TrimPrefix(q, `"`)
	if rest, ok := strings.CutSuffix(q, `"…`); ok {
		q = rest + "…"
	} else {
		q = strings.TrimSuffix(q, `"`)
	}
	return strings.ReplaceAll(q, `\"`, `"`)
}
