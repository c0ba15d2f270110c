package detect

import (
	"fmt"
	"io/fs"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// Rules are compiled rules. They are never changed, and any number of goroutines may match with them.
type Rules struct {
	all          []*Rule
	correlations []*Rule
}

// Problem is what is wrong with a rule, or may be.
type Problem struct {
	File    string
	Line    int    // 0: of the whole file
	Rule    string // its id, name or title, where that could be read
	Text    string
	Warning bool // the rule is in force, or rightly left out
}

func (p Problem) Error() string {
	at := p.File
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	if p.Rule != "" {
		at += " (" + p.Rule + ")"
	}
	return at + ": " + p.Text
}

// Load reads all rule files (*.yml and *.yaml, but *_test.*) of the sources, in all their folders, and compiles them. Rules that are wrong are
// left out, and each is a problem; the others are good. Later sources may not repeat the id of a rule.
func Load(sources ...fs.FS) (*Rules, []Problem) {
	return &Rules{}, nil
}

// All gives every rule, correlations included, in the order of their files.
func (r *Rules) All() []*Rule { return r.all }

// Correlations gives the rules that are correlations, each behind those that it refers to.
func (r *Rules) Correlations() []*Rule { return r.correlations }

// Match calls hit for each rule that e fits, in the order of All.
func (r *Rules) Match(e *ecs.Event, hit func(*Rule)) {}
