package detect

import (
	"fmt"
	"strings"
	"sync"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// Rules are compiled rules. They are never changed, and any number of goroutines may match with them. The zero value has none.
type Rules struct {
	all          []*Rule
	correlations []*Rule

	atoms            []*atom
	indexed          []bool  // of an atom: a pass over the event's values answers it
	fieldOf, otherOf []int32 // of an atom: the slots of what it asks about
	fields           []*field
	slots            map[string]int32
	byHash           []int32
	made             [3]int32  // the slots of fields that are made of others; 0: no rule asks
	gates            [][]int32 // of an atom: rules to look at where it holds
	open             []int32   // rules that are always looked at
	looks            sync.Pool
}

// Problem is what is wrong with a rule, or may be.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // 0: of the whole file
	Rule    string `json:"rule,omitempty"` // its id, name or title, where that could be read
	Text    string `json:"text"`
	Warning bool   `json:"warning,omitempty"` // the rule is in force, or rightly left out
}

func (p Problem) Error() string {
	at := p.File
	if p.Line > 0 {
		at = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	if p.Rule != "" {
		at = strings.TrimSpace(at + " (" + p.Rule + ")")
	}
	return at + ": " + p.Text
}

// All gives every rule, correlations included, in the order of their files.
func (r *Rules) All() []*Rule { return r.all }

// Correlations gives the rules that are correlations, each behind those that it refers to.
func (r *Rules) Correlations() []*Rule { return r.correlations }

// Match calls hit for each rule that e fits, in the order of All.
func (r *Rules) Match(e *ecs.Event, hit func(*Rule)) { r.match(e, hit) }
