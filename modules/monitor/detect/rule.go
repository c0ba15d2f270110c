package detect

import (
	"time"

	"github.com/convosphere/gateway/modules/monitor/finding"
)

// Rule is one Sigma rule, or the head of a correlation. It is never changed once it is loaded.
type Rule struct {
	ID             string // a rule without one has its name or its title
	Name           string
	Title          string
	Status         string // stable, test, experimental, deprecated, unsupported; "" is none
	Description    string
	References     []string
	FalsePositives []string
	Level          finding.Level
	Tags           []string // attack.t1110.003, …
	File           string   // where it came from, with the line

	// Whom findings are about: fields, each of whose values is a subject. Default: those of group-by, else source.ip and user.id.
	Subject []string

	// How long further hits on one subject are only counted. Default 1h.
	Suppress time.Duration

	// What may be done about it: a word and at most a duration, "ban 1h". See respond.
	Respond []string

	// For people. It may hold {count}, {distinct} and {timespan}, and nothing of what came in.
	Explain string

	// Nil for a rule that single events match.
	Correlation *Correlation

	// Alone tells whether a hit is a finding: not for rules that are only there for correlations.
	Alone bool

	// Digest is the same for two rules that mean the same, however their files look: what counts for one goes on for the other.
	Digest [32]byte

	source logsource
	rename func(string) string // what fields are called in events
	expr   *expr
}

// Type of a correlation.
type Type uint8

// Types.
const (
	EventCount Type = iota
	ValueCount
	ValueSum
	ValueAvg
	ValueMin
	ValueMax
	ValuePercentile
	Temporal
	TemporalOrdered
)

var types = []string{
	"event_count", "value_count", "value_sum", "value_avg", "value_min", "value_max", "value_percentile", "temporal", "temporal_ordered",
}

func (t Type) String() string { return types[t] }

// Correlation is what must come together within a time.
type Correlation struct {
	Type     Type
	Rules    []*Rule // those that are correlated; correlations among them are chained
	GroupBy  []string
	Timespan time.Duration
	Bounds   []Bound  // of what is counted; all hold. Of a temporal correlation see Holds
	Fields   []string // what value_* look at; value_count counts distinct tuples of them
	Percent  float64  // value_percentile: which percentile
	Generate bool     // its rules are findings on their own, too

	aliases map[string]map[*Rule]string
	holds   func(seen func(rule int) bool) bool
}

// Bound of a condition.
type Bound struct {
	Op    string // gt, gte, lt, lte, eq, neq
	Value float64
}

// Met tells whether a count, or a sum, an average, …, is what the condition asks for.
func (c *Correlation) Met(n float64) bool {
	for _, b := range c.Bounds {
		ok := false
		switch b.Op {
		case "gt":
			ok = n > b.Value
		case "gte":
			ok = n >= b.Value
		case "lt":
			ok = n < b.Value
		case "lte":
			ok = n <= b.Value
		case "eq":
			ok = n == b.Value
		case "neq":
			ok = n != b.Value
		}
		if !ok {
			return false
		}
	}
	return true
}

// Holds tells whether a temporal correlation's condition is fulfilled, where seen tells which of Rules (by index) matched. Without a condition all must
// have; with bounds, as many as they say.
func (c *Correlation) Holds(seen func(rule int) bool) bool {
	if c.holds != nil {
		return c.holds(seen)
	}
	n := 0
	for i := range c.Rules {
		if seen(i) {
			n++
		}
	}
	if len(c.Bounds) > 0 {
		return c.Met(float64(n))
	}
	return n == len(c.Rules)
}

// Field gives the field of r's events that a name of GroupBy or Fields stands for.
func (c *Correlation) Field(name string, r *Rule) string {
	if of, ok := c.aliases[name]; ok {
		name = of[r]
	}
	if r.rename != nil {
		return r.rename(name)
	}
	return name
}
