package waf

import (
	"slices"
	"strconv"

	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const maxRules = 64 // in a verdict

// verdict collects the rules that matched and say so in a log: set-up rules and counters don't.
func verdict(tx types.Transaction, state plugintypes.TransactionState) *reqctx.Verdict {
	v := new(reqctx.Verdict)
	for _, m := range tx.MatchedRules() {
		if l, ok := m.(interface{ Log() bool }); ok && !l.Log() {
			continue
		}
		if id := m.Rule().ID(); id != 0 && !slices.Contains(v.Rules, id) {
			v.Rules = append(v.Rules, id)
		}
		if len(v.Rules) == maxRules {
			break
		}
	}
	if s := state.Variables().TX().Get("blocking_inbound_anomaly_score"); len(s) > 0 {
		v.Score, _ = strconv.Atoi(s[0]) // a rule of the operator may have written anything: 0
	}
	return v
}
