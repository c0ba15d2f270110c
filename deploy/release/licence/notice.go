package licence

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Write writes what the parts ask for: who wrote what under which licence, and each text once.
func Write(w io.Writer, parts []Part) error {
	var out strings.Builder
	fmt.Fprintf(&out, "What others wrote and the gateway's programs hold, %d parts, each with its licences and the texts that it asks to be passed on.\n\n", len(parts))
	numbers, texts := map[string]int{}, []string{}
	for _, p := range parts {
		refs := []string{}
		for _, t := range p.Texts {
			n, ok := numbers[t.Content]
			if !ok {
				texts = append(texts, t.Content)
				n = len(texts)
				numbers[t.Content] = n
			}
			refs = append(refs, fmt.Sprintf("%s [%d]", t.File, n))
		}
		fmt.Fprintf(&out, "%s %s\n    %s: %s\n", p.Name, p.Version, strings.Join(p.IDs, " AND "), strings.Join(refs, ", "))
	}
	for i, t := range texts {
		fmt.Fprintf(&out, "\n%s\n[%d]\n\n%s\n", strings.Repeat("=", 100), i+1, strings.TrimRight(strings.ReplaceAll(t, "\r\n", "\n"), "\n"))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// Merge returns the parts of several programs, each once.
func Merge(lists ...[]Part) []Part {
	all := slices.Concat(lists...)
	slices.SortStableFunc(all, func(a, b Part) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version)) })
	var merged []Part
	for _, p := range all {
		if n := len(merged); n > 0 && merged[n-1].Name == p.Name && merged[n-1].Version == p.Version {
			merged[n-1] = union(merged[n-1], p)
			continue
		}
		merged = append(merged, p)
	}
	return merged
}

// union adds what only b knows: another platform may link other folders of a module.
func union(a, b Part) Part {
	for _, t := range b.Texts {
		if !slices.ContainsFunc(a.Texts, func(has Text) bool { return has.File == t.File }) {
			a.Texts = append(slices.Clone(a.Texts), t)
		}
	}
	a.IDs = slices.Concat(a.IDs, b.IDs)
	slices.Sort(a.IDs)
	a.IDs = slices.Compact(a.IDs)
	return a
}
