package waf

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// Bounds of a verdict, which becomes part of an event.
const (
	maxRules     = 64
	maxVariables = 8       // of a rule
	maxNames     = 8 << 10 // bytes of variable names, of all rules together: a client chooses them
	maxMessage   = 128
)

// verdict collects the rules that matched and say so in a log: set-up rules and counters don't.
func verdict(tx types.Transaction, state plugintypes.TransactionState, known map[int]string) *reqctx.Verdict {
	set := state.Variables().TX()
	number := func(name string) int {
		if s := set.Get(name); len(s) > 0 {
			n, _ := strconv.Atoi(s[0]) // a rule of the operator may have written anything: 0
			return n
		}
		return 0
	}
	v := &reqctx.Verdict{
		Score: number("blocking_inbound_anomaly_score"), Detection: number("detection_inbound_anomaly_score"),
		Outbound: number("blocking_outbound_anomaly_score"),
		Paranoia: number("blocking_paranoia_level"), DetectionParanoia: number("detection_paranoia_level"),
	}
	names := maxNames
	for _, m := range tx.MatchedRules() {
		if l, ok := m.(interface{ Log() bool }); ok && !l.Log() {
			continue
		}
		r := m.Rule()
		if r.ID() == 0 || slices.Contains(v.Rules, r.ID()) {
			continue
		}
		match := reqctx.Match{Rule: r.ID(), Message: known[r.ID()], Score: points(m, number)}
		if r.Severity() != types.RuleSeverityUnset {
			match.Severity = r.Severity().String()
		}
		match.Variables, match.Excerpt = matched(m.MatchedDatas(), &names)
		v.Rules, v.Matches = append(v.Rules, r.ID()), append(v.Matches, match)
		if len(v.Rules) == maxRules {
			break
		}
	}
	return v
}

// matched names the variables that a rule matched, and shows the first that may be shown.
func matched(all []types.MatchData, budget *int) (names []string, shape string) {
	for _, m := range all {
		name := variable(m.Variable().Name(), m.Key())
		if m.Variable().Name() == "UNKNOWN" || slices.Contains(names, name) {
			continue // an action without a condition
		}
		if len(names) < maxVariables && len(name) <= *budget {
			names = append(names, name)
			*budget -= len(name)
		}
		if shape == "" && showable(m.Variable().Name(), m.Key()) {
			shape = excerpt(m.Value(), m.Data())
		}
	}
	return names, shape
}

// points is what a rule of the Core Rule Set added to a score: its severity's points, once for each value that it matched, in a chain
// for each that the last link matched.
func points(m types.MatchedRule, number func(string) int) int {
	name, ok := map[types.RuleSeverity]string{
		types.RuleSeverityCritical: "critical_anomaly_score", types.RuleSeverityError: "error_anomaly_score",
		types.RuleSeverityWarning: "warning_anomaly_score", types.RuleSeverityNotice: "notice_anomaly_score",
	}[m.Rule().Severity()]
	counts := slices.ContainsFunc(m.Rule().Tags(), func(t string) bool { return strings.HasPrefix(t, "paranoia-level/") })
	if !ok || !counts {
		return 0
	}
	last, n := 0, 0
	for _, d := range m.MatchedDatas() {
		switch level := d.ChainLevel(); {
		case level > last:
			last, n = level, 1
		case level == last:
			n++
		}
	}
	return n * number(name)
}

var messageText = regexp.MustCompile(`msg:'((?:[^'\\]|\\.)*)'`)

// message takes a rule's message out of its text. Macros stay as they are written: filled in, they may hold what a client sent.
func message(raw string) string {
	m := messageText.FindStringSubmatch(raw)
	if m == nil {
		return ""
	}
	return clean(m[1], maxMessage)
}
