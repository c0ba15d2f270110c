package compliance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/convosphere/gateway/modules/internal/inforce"
)

// Result is what a check, or a control, comes to.
type Result string

// Results.
const (
	Met           Result = "met"
	NotMet        Result = "not met"
	NotApplicable Result = "not applicable"
	Unknown       Result = "unknown"
)

// Results are all, the gravest first.
var Results = []Result{NotMet, Unknown, Met, NotApplicable}

// Outcome is what a check saw.
type Outcome struct {
	Result   Result   `json:"result"`
	Evidence []string `json:"evidence"`
}

// Check is one thing that is looked at.
type Check struct {
	ID    string // of a-z and -
	Title string // what is so where it is met
	Mend  string // what to do where it is not
	Look  func(*Facts) Outcome
}

// Checks are all of them.
func Checks() []Check {
	return slices.Concat(edgeChecks, inputChecks, identityChecks, accountChecks, dataChecks, keyChecks, recordChecks, watchChecks)
}

func met(format string, args ...any) Outcome {
	return Outcome{Met, []string{fmt.Sprintf(format, args...)}}
}

func notMet(format string, args ...any) Outcome {
	return Outcome{NotMet, []string{fmt.Sprintf(format, args...)}}
}

func notApplicable(format string, args ...any) Outcome {
	return Outcome{NotApplicable, []string{fmt.Sprintf(format, args...)}}
}

func unknown(format string, args ...any) Outcome {
	return Outcome{Unknown, []string{fmt.Sprintf(format, args...)}}
}

// gather makes one outcome of several: not met where one is not, else unknown where one is, else met where one is.
func gather(all []Outcome, none string) Outcome {
	if len(all) == 0 {
		return notApplicable("%s", none)
	}
	out := Outcome{}
	for _, r := range Results {
		for _, o := range all {
			if o.Result != r {
				continue
			}
			if out.Result == "" {
				out.Result = r
			}
			out.Evidence = append(out.Evidence, o.Evidence...)
		}
	}
	return out
}

// each looks at several sites.
func each(places []place, none string, look func(place) Outcome) Outcome {
	all := make([]Outcome, 0, len(places))
	for _, p := range places {
		o := look(p)
		for i, e := range o.Evidence {
			o.Evidence[i] = p.site.Name() + ": " + e
		}
		all = append(all, o)
	}
	return gather(all, none)
}

const noApplication = "no site stands in front of an application"

// before looks whether a handler stands before the applications of all sites, and at each of them.
func before(f *Facts, module string, look func(inforce.Handler) Outcome) Outcome {
	return each(f.applications(), noApplication, func(p place) Outcome {
		guards, bare := p.guards(module, "reverse_proxy")
		switch {
		case len(guards) == 0:
			return notMet("%s is not there", module)
		case bare:
			return notMet("the application can be reached past %s", module)
		case look == nil:
			return met("%s stands before the application", module)
		}
		all := make([]Outcome, 0, len(guards))
		for _, g := range guards {
			all = append(all, look(g))
		}
		return gather(all, "")
	})
}

// from is the setting of an app. Where the app does not run, a check that asks for it can't be met by it.
func from(f *Facts, app string, look func(inforce.Tree) Outcome) Outcome {
	t := f.app(app)
	if t == nil {
		return notMet("the app %s does not run", app)
	}
	return look(t)
}

// lacking are the words of a list that another does not have.
func lacking(wanted, there []string) []string {
	var all []string
	for _, w := range wanted {
		if !slices.Contains(there, w) {
			all = append(all, w)
		}
	}
	return all
}

func comma(all []string) string { return strings.Join(all, ", ") }

// list is a list of trees.
func list(t any, path string) []inforce.Tree {
	values, _ := inforce.Get(t, path).([]any)
	var all []inforce.Tree
	for _, v := range values {
		if m, ok := v.(inforce.Tree); ok {
			all = append(all, m)
		}
	}
	return all
}
