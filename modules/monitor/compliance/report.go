package compliance

import (
	"cmp"
	"slices"
	"time"
)

// Report is what the checks came to.
type Report struct {
	At         time.Time          `json:"at"`
	Node       string             `json:"node,omitempty"`
	Frameworks []FrameworkReport  `json:"frameworks"`
	Checks     map[string]Checked `json:"checks"`
}

// FrameworkReport is one standard.
type FrameworkReport struct {
	ID       string          `json:"id"`
	Title    string          `json:"title"`
	Short    string          `json:"short"`
	Count    map[Result]int  `json:"count"`
	Controls []ControlReport `json:"controls"`
}

// ControlReport is one control.
type ControlReport struct {
	ID     string   `json:"id"`
	Title  string   `json:"title"`
	Result Result   `json:"result"`
	Checks []string `json:"checks"`
}

// Checked is one check, looked at.
type Checked struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Outcome
	Mend string `json:"mend,omitempty"` // where it is not met
}

// Assess looks at everything.
func Assess(f *Facts, frameworks []Framework) Report {
	r := Report{At: f.At, Checks: map[string]Checked{}}
	wanted := map[string]bool{}
	for _, w := range frameworks {
		for _, c := range w.Controls {
			for _, id := range c.Checks {
				wanted[id] = true
			}
		}
	}
	for _, c := range Checks() {
		if !wanted[c.ID] {
			continue
		}
		done := Checked{ID: c.ID, Title: c.Title, Outcome: c.Look(f)}
		if done.Result == NotMet || done.Result == Unknown {
			done.Mend = c.Mend
		}
		r.Checks[c.ID] = done
	}
	for _, w := range frameworks {
		r.Frameworks = append(r.Frameworks, r.framework(w))
	}
	return r
}

func (r *Report) framework(w Framework) FrameworkReport {
	out := FrameworkReport{ID: w.ID, Title: w.Title, Short: w.Short, Count: map[Result]int{}}
	for _, c := range w.Controls {
		one := ControlReport{ID: c.ID, Title: c.Title, Checks: c.Checks, Result: r.of(c.Checks)}
		out.Count[one.Result]++
		out.Controls = append(out.Controls, one)
	}
	return out
}

// of is what a control comes to: the gravest of its checks. What does not apply says nothing, unless none does. A check that is not there can't be claimed.
func (r *Report) of(checks []string) Result {
	var results []Result
	for _, id := range checks {
		c, ok := r.Checks[id]
		if !ok {
			return Unknown
		}
		results = append(results, c.Result)
	}
	if len(results) == 0 {
		return Unknown
	}
	return slices.MinFunc(results, func(a, b Result) int { return cmp.Compare(slices.Index(Results, a), slices.Index(Results, b)) })
}

// Evidence are the checks of a control.
func (r *Report) Evidence(c ControlReport) []Checked {
	var all []Checked
	for _, id := range c.Checks {
		all = append(all, r.Checks[id])
	}
	return all
}

// Gap is a check that is not met, with the controls that ask for it: what a register of risks takes.
type Gap struct {
	Check    Checked
	Controls []string // "ISO 27001 A.8.5", …
}

// Gaps are all of them, in the order of Checks.
func (r *Report) Gaps() []Gap {
	var all []Gap
	for _, c := range Checks() {
		done, ok := r.Checks[c.ID]
		if !ok || done.Result != NotMet {
			continue
		}
		g := Gap{Check: done}
		for _, f := range r.Frameworks {
			for _, control := range f.Controls {
				if slices.Contains(control.Checks, c.ID) {
					g.Controls = append(g.Controls, f.Short+" "+control.ID)
				}
			}
		}
		all = append(all, g)
	}
	return all
}
