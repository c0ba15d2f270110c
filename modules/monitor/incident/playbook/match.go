package playbook

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Matter is what an incident is, as far as playbooks go by it.
type Matter struct {
	Techniques []string
	Rules      []string
	Source     string
	Ticked     []string // playbooks that somebody ticks already: they stay
}

// mostFor bounds how many are proposed.
const mostFor = 3

// For are the playbooks for a matter, the one that fits best first: by its rules, then its source, then its techniques. Those for all come last, and only where nothing else fits.
func (s *Set) For(m Matter) []*Playbook {
	type fit struct {
		*Playbook
		points int
	}
	var all []fit
	for _, p := range s.all {
		n := p.For.fits(m)
		if slices.Contains(m.Ticked, p.ID) {
			n += 10_000
		}
		if n > 0 {
			all = append(all, fit{p, n})
		}
	}
	slices.SortStableFunc(all, func(a, b fit) int { return cmp.Compare(b.points, a.points) })
	var out []*Playbook
	for _, f := range all {
		if len(out) < mostFor || f.points >= 10_000 {
			out = append(out, f.Playbook)
		}
	}
	if out != nil {
		return out
	}
	for _, p := range s.all {
		if p.For.all() && len(out) < mostFor {
			out = append(out, p)
		}
	}
	return out
}

func (f *For) all() bool { return len(f.Techniques) == 0 && len(f.Rules) == 0 && f.Source == "" }

func (f *For) fits(m Matter) (points int) {
	for _, r := range f.Rules {
		if slices.Contains(m.Rules, r) {
			points += 1000
		}
	}
	if f.Source != "" && f.Source == m.Source {
		points += 100
	}
	for _, t := range f.Techniques {
		for _, has := range m.Techniques {
			switch {
			case t == has:
				points += 3
			case strings.HasPrefix(has, t+"."):
				points += 2
			}
		}
	}
	return points
}

var (
	placeholder = regexp.MustCompile(`\{[a-z]+\}`)
	harmless    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.:/_-]{0,127}$`)
)

// Command is a step's command for an incident. What is not known, or is not harmless in a shell, stays a placeholder: some of it was chosen by clients.
func (s *Step) Command(of map[string]string) string {
	return placeholder.ReplaceAllStringFunc(s.Run, func(p string) string {
		if v := of[strings.Trim(p, "{}")]; harmless.MatchString(v) {
			return v
		}
		return p
	})
}
