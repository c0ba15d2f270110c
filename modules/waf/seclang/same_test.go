package seclang_test

import (
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/types"

	"github.com/convosphere/gateway/modules/waf/seclang"
)

const everything = "Include @crs-setup.conf.example\nInclude @owasp_crs/*.conf\n"

// What is read of the Core Rule Set is what Coraza compiles of it.
func TestSame(t *testing.T) {
	p, err := seclang.Parse(everything, coreruleset.FS)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int
	var raws []string
	cfg := experimental.WAFConfigWithRuleObserver(coraza.NewWAFConfig(), func(r types.RuleMetadata) {
		ids, raws = append(ids, r.ID()), append(raws, r.Raw())
	})
	if _, err := coraza.NewWAF(cfg.WithRootFS(coreruleset.FS).WithDirectives(everything)); err != nil {
		t.Fatal(err)
	}
	for i := range min(len(ids), len(p.Rules)) {
		if p.Rules[i].ID != ids[i] {
			t.Fatalf("rule %d is %d %q, not %d %q", i, ids[i], raws[i], p.Rules[i].ID, p.Rules[i].Raw)
		}
	}
	if !p.Same(ids, raws) {
		t.Fatalf("read %d rules, Coraza compiled %d", len(p.Rules), len(ids))
	}
	if p.Same(ids[1:], raws[1:]) {
		t.Error("a missing rule is not noticed")
	}
}
