package incident

import (
	"regexp"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// mostTechniques bounds what is kept of one incident.
const mostTechniques = 20

var technique = regexp.MustCompile(`^T[0-9]{4}(\.[0-9]{3})?$`)

// ParseTechnique reads an id of MITRE ATT&CK, as T1110 or t1110.003.
func ParseTechnique(text string) (string, bool) {
	text = strings.ToUpper(text)
	return text, technique.MatchString(text)
}

// parentOf is the technique of a sub-technique, itself for others.
func parentOf(technique string) string {
	parent, _, _ := strings.Cut(technique, ".")
	return parent
}

// techniquesOf are those that a finding's tags name: attack.t1110.003.
func techniquesOf(f *finding.Finding) (all []string) {
	for _, tag := range f.Tags {
		name, ok := strings.CutPrefix(strings.ToLower(tag), "attack.")
		if !ok {
			continue
		}
		if t, ok := ParseTechnique(name); ok && len(all) < mostTechniques {
			all = append(all, t)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// alike tells whether what attackers did there is of one kind: they share a technique, whichever of its sub-techniques. Where nothing is known of one, it may be.
func alike(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return parentOf(x) == parentOf(y) })
	})
}

// about are the subjects that join findings. Which node it was on says nothing of what it is about.
func about(f *finding.Finding) []finding.Subject {
	return slices.DeleteFunc(slices.Clone(f.Subjects), func(s finding.Subject) bool { return s.Kind == finding.Node || s.ID == "" })
}
