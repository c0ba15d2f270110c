package seclang_test

import (
	"strings"
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

// Whatever a configuration says: what is read of it without an error is what Coraza compiles, or Same tells.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		everything[:31],
		"SecRule ARGS|!ARGS:/^a/|&REQUEST_HEADERS:'/x|y/' \"!@rx a\\\"b\" \"id:1,phase:2,t:none,t:lowercase,setvar:'tx.a=b,c',chain\"\nSecRule TX:a \"@eq 1\" \"t:none\"",
		"SecAction \"id:2,phase:request,pass,nolog\"\nSecMarker END\nSecRuleRemoveById 1-3 \"9\"\nSecRuleRemoveByTag x",
		"SecRule ARGS \\\n  \"x\" \\\n# comment\n \"id:3,deny\"", "SecDataset a `\nb\nc\n`\n", "Include x\ninclude \"y\"", "SecRule XML:/*|XML://@* \"@pm a b\" \"id:4\"", "SecRule A", "SecRule \"\" \"", "SecRule ! \"!\" \"\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 {
			return
		}
		p, err := seclang.Parse(text, coreruleset.FS)
		var ids []int
		var raws []string
		cfg := experimental.WAFConfigWithRuleObserver(coraza.NewWAFConfig(), func(r types.RuleMetadata) {
			ids, raws = append(ids, r.ID()), append(raws, r.Raw())
		})
		w, werr := coraza.NewWAF(cfg.WithRootFS(coreruleset.FS).WithDirectives(text))
		if err != nil || werr != nil || !p.Same(ids, raws) {
			return
		}
		left := 0
		for _, r := range p.Rules {
			if !r.Removed {
				left++
			}
		}
		if n := w.(experimental.WAFWithRules).RulesCount(); n != left && !strings.Contains(strings.ToLower(text), "secruleremovebymsg") {
			t.Errorf("%d rules are left, not %d", n, left)
		}
	})
}
