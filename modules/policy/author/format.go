package author

import (
	"fmt"
	"strings"

	"github.com/aryann/difflib"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// Format lays out a file of Rego as `opa fmt` does.
func Format(name string, text []byte) ([]byte, error) {
	out, err := format.SourceWithOpts(name, text, format.Opts{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, fmt.Errorf("formatting: %w", err)
	}
	return out, nil
}

// around is how many lines that stay are shown about those that do not.
const around = 3

// Diff shows what becomes of a text, as lines with "-" and "+" before them. "" where nothing does.
func Diff(name, from, to string) string {
	if from == to {
		return ""
	}
	records := difflib.Diff(strings.Split(from, "\n"), strings.Split(to, "\n"))
	show := make([]bool, len(records))
	for i, r := range records {
		if r.Delta != difflib.Common {
			for j := max(0, i-around); j <= min(len(records)-1, i+around); j++ {
				show[j] = true
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s, formatted\n", name, name)
	line := 0 // of the old text
	for i, r := range records {
		if r.Delta != difflib.RightOnly {
			line++
		}
		if !show[i] {
			continue
		}
		if i == 0 || !show[i-1] {
			fmt.Fprintf(&b, "@@ line %d @@\n", max(1, line))
		}
		b.WriteString(map[difflib.DeltaType]string{difflib.Common: " ", difflib.LeftOnly: "-", difflib.RightOnly: "+"}[r.Delta] + r.Payload + "\n")
	}
	return b.String()
}
