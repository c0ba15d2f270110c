package waf

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// A plugin as the template of the Core Rule Set has it: its config tells what its rules ask, its before part acts ahead of the rules, its
// after part behind them, its data lies beside it.
func TestPlugin(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) { write(t, filepath.Join(dir, name), text) }
	file("fake-config.conf", "SecRule &TX:fake-plugin_enabled \"@eq 0\" \"id:9500010,phase:1,pass,nolog,setvar:'tx.fake-plugin_enabled=1'\"\n")
	file("fake-before.conf", "SecRule TX:fake-plugin_enabled \"@eq 1\" \"id:9500110,phase:1,pass,nolog,ctl:ruleRemoveTargetById=942100;ARGS:sql\"\n"+
		"SecRule ARGS:word \"@pmFromFile fake.data\" \"id:9500120,phase:2,block,t:none,msg:'word',tag:'paranoia-level/1',severity:'CRITICAL',setvar:'tx.inbound_anomaly_score_pl1=+%{tx.critical_anomaly_score}'\"\n")
	file("fake-after.conf", "SecRule TX:inbound_anomaly_score_pl1 \"@eq 3\" \"id:9500900,phase:2,deny,status:418,log,msg:'after'\"\n")
	file("fake.data", "forbidden\n")

	revision := func() string {
		t.Helper()
		h := new(Handler)
		if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_waf {\n plugin " + dir + "\n}")); err != nil {
			t.Fatal(err)
		}
		return h.RulesRevision
	}
	load := func() *Handler { return provision(t, &Handler{Plugins: []string{dir}}) }
	status := func(h *Handler, query string) int { return do(t, h, request("GET", "/x?"+query, "", "")).status }

	one, before := load(), revision()
	for query, want := range map[string]int{
		"sql=1'%20or%201=1--%20-": 200, "other=1'%20or%201=1--%20-": 403, "word=forbidden": 403, "word=fine": 200,
	} {
		if got := status(one, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	warning := request("GET", "/", "", "")
	warning.Host = "192.0.2.1" // 3 points, which only a rule behind the others sees
	if o := do(t, one, warning); o.status != 418 {
		t.Errorf("the after part: %+v %+v", o, o.verdict)
	}

	if again := load(); again.rules != one.rules || revision() != before {
		t.Error("an unedited plugin was compiled again")
	}
	file("fake.data", "forbidden\nfine\n")
	two := load()
	if two.rules == one.rules || revision() == before || status(two, "word=fine") != 403 || status(one, "word=fine") != 200 {
		t.Error("edited data took no effect, or took it in the running configuration")
	}
	middle := revision()
	file("second-before.conf", "SecRule ARGS:q \"@streq second\" \"id:9600110,phase:2,deny,log\"\n")
	if three := load(); revision() == middle || status(three, "q=second") != 403 {
		t.Error("a second plugin in the folder took no effect")
	}
	if err := os.Remove(filepath.Join(dir, "second-before.conf")); err != nil {
		t.Fatal(err)
	}
	file("fake-after.conf", "SecRule nonsense\n")
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	bad := &Handler{Plugins: []string{dir}}
	if err := bad.Provision(ctx); err == nil {
		t.Error("nonsense was accepted")
	}
	if err := bad.Cleanup(); err != nil {
		t.Error(err)
	}
	if status(two, "word=fine") != 403 {
		t.Error("the running configuration lost its rules")
	}
}

func TestRulesAfter(t *testing.T) {
	name := filepath.Join(t.TempDir(), "after.conf")
	write(t, name, "SecRuleRemoveById 920350\nSecRule ARGS:q \"@streq late\" \"id:1001,phase:2,deny,log\"\n")
	h := provision(t, &Handler{RulesAfter: []string{name}, Mode: Detect})
	r := request("GET", "/x?q=late", "", "")
	r.Host = "192.0.2.1"
	if o := do(t, h, r); fmt.Sprint(o.verdict.Rules) != "[1001]" {
		t.Errorf("%v", o.verdict.Rules)
	}
	// Over a limit, mode detect matches nothing more, also not what comes after.
	if o := do(t, h, request("GET", "/x?q=late&"+repeat(300, "k%d=x&"), "", "")); fmt.Sprint(o.verdict.Rules) != "[200004 200005]" {
		t.Errorf("%v", o.verdict.Rules)
	}
}

func TestMistakesInPlugins(t *testing.T) {
	for _, folder := range []string{"testdata", "/nowhere", "a@b", "a*", "a\\", "a`", " a", ""} {
		err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_waf {\n mode detect\n plugin \"" + folder + "\"\n}"))
		if err == nil || !strings.Contains(err.Error(), "plugin") || !strings.Contains(err.Error(), "Testfile:3") {
			t.Errorf("%q: %v", folder, err)
		}
	}
	for _, name := range []string{"a\\", "a`", "a\"b", " a"} {
		if err := filled(&Handler{RulesAfter: []string{name}}).Validate(); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}
