package waf

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A reload provisions the new handler before the old one is cleaned up.
func TestReloadSharesUnchangedRules(t *testing.T) {
	dir := t.TempDir()
	rules, words := filepath.Join(dir, "local.conf"), filepath.Join(dir, "words.data")
	more := filepath.Join(dir, "more.conf")
	write(t, rules, "SecRule ARGS \"@pmFromFile words.data\" \"id:1001,phase:2,deny,log,msg:'word'\"\nInclude more.conf\nInclude "+dir+"/extra-*.conf\n")
	write(t, words, "forbidden\n")
	write(t, more, "SecAction \"id:1002,phase:1,pass,nolog\"\n")
	write(t, filepath.Join(dir, "extra-1.conf"), "SecAction \"id:1003,phase:1,pass,nolog\"\n")
	load := func() *Handler { return provision(t, &Handler{RulesFiles: []string{rules}}) }
	status := func(h *Handler, q string) int { return do(t, h, request("GET", "/x?q="+q, "", "")).status }

	first := load()
	if status(first, "forbidden") != 403 || status(first, "fine") != 200 {
		t.Fatal("the rules file does not act")
	}
	if again := load(); again.rules != first.rules {
		t.Error("the same files were compiled again")
	}
	other := provision(t, &Handler{RulesFiles: []string{rules}, Paranoia: 2})
	if other.rules == first.rules {
		t.Error("another configuration shares the rules")
	}

	write(t, words, "forbidden\nfine\n")
	second := load()
	if second.rules == first.rules || status(second, "fine") != 403 || status(first, "fine") != 200 {
		t.Error("an edited data file did not take effect, or did on the running configuration")
	}
	write(t, more, "SecAction \"id:1002,phase:1,pass,nolog\"\nSecRule ARGS:q \"@streq nested\" \"id:1004,phase:2,deny,log\"\n")
	if third := load(); status(third, "nested") != 403 || third.rules == second.rules {
		t.Error("an edited included file did not take effect")
	}
	write(t, filepath.Join(dir, "extra-2.conf"), "SecRule ARGS:q \"@streq new\" \"id:1005,phase:2,deny,log\"\n")
	if fourth := load(); status(fourth, "new") != 403 {
		t.Error("a new file under a glob did not take effect")
	}
	if err := os.Remove(filepath.Join(dir, "extra-2.conf")); err != nil {
		t.Fatal(err)
	}
	write(t, more, "SecAction \"id:1002,phase:1,pass,nolog\"\n")
	if fifth := load(); fifth.rules != second.rules {
		t.Error("files that were changed back were compiled again")
	}
}

func TestFailedReloadChangesNothing(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "local.conf")
	write(t, rules, "SecRule ARGS:q \"@streq forbidden\" \"id:1001,phase:2,deny,log\"\n")
	running := provision(t, &Handler{RulesFiles: []string{rules}})
	sets := gauge(t, ruleSets)

	write(t, rules, "SecRule ARGS:q \"@nonsense\" \"id:1001,phase:2,deny\"\n")
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	bad := &Handler{RulesFiles: []string{rules}}
	if err := bad.Provision(ctx); err == nil {
		t.Fatal("nonsense was accepted")
	}
	if err := bad.Cleanup(); err != nil { // Caddy cleans up after a failed Provision
		t.Fatal(err)
	}
	if do(t, running, request("GET", "/x?q=forbidden", "", "")).status != 403 {
		t.Error("the running configuration lost its rule")
	}
	if got := gauge(t, ruleSets); got != sets {
		t.Errorf("%v rule sets, were %v", got, sets)
	}
}

func TestRuleSetsAreClosed(t *testing.T) {
	before := gauge(t, ruleSets)
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	h := &Handler{Paranoia: 3}
	if err := h.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	x := h.inspect(nil, request("GET", "/", "", ""), new(reqctx.Request))
	if err := h.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if got := gauge(t, ruleSets); got != before+1 {
		t.Errorf("%v rule sets while a request runs, want %v", got, before+1)
	}
	x.end()
	x.end()
	if got := gauge(t, ruleSets); got != before {
		t.Errorf("%v rule sets after it, want %v", got, before)
	}
	// A request that a reload overtook: it is still inspected.
	if o := do(t, h, request("GET", "/x?q=%27%20OR%20%271%27=%271", "", "")); o.status != 403 {
		t.Errorf("status %d", o.status)
	}
	if got := gauge(t, ruleSets); got != before {
		t.Errorf("%v rule sets at last, want %v", got, before)
	}
}

// Coraza's own logs hold bodies, so a rules file can't turn them on, nor the engine off.
func TestRulesFileCannotLogBodies(t *testing.T) {
	dir := t.TempDir()
	rules, log := filepath.Join(dir, "local.conf"), filepath.Join(dir, "audit.log")
	write(t, rules, "SecAuditEngine On\nSecAuditLogParts ABCIJDEFHZ\nSecAuditLogType Serial\nSecAuditLog "+log+"\nSecDebugLog "+log+".debug\nSecDebugLogLevel 9\nSecRuleEngine Off\n")
	h := provision(t, &Handler{RulesFiles: []string{rules}})
	if o := do(t, h, request("POST", "/x", js, jsonText(sqli))); o.status != 403 {
		t.Errorf("status %d", o.status)
	}
	for _, name := range []string{log, log + ".debug"} {
		if b, err := os.ReadFile(name); err == nil && strings.Contains(string(b), "general") {
			t.Errorf("%s holds the body", name)
		}
	}
}

func TestExclude(t *testing.T) {
	h := provision(t, &Handler{Exclusions: []Exclusion{{Rules: []string{"920350"}}}})
	r := request("GET", "/", "", "")
	r.Host = "192.0.2.1"
	if o := do(t, h, r); len(o.verdict.Rules) != 0 {
		t.Errorf("%+v", o.verdict)
	}
}

// Whoever connects from this machine is inspected like all others (CRS 905100, 905110).
func TestLoopbackIsNotTrusted(t *testing.T) {
	h := provision(t, &Handler{})
	r := request("GET", "/", "", "")
	r.RemoteAddr = "127.0.0.1:1234"
	r.Header.Set("User-Agent", "x (internal dummy connection)")
	r.Header.Set("Cookie", "a=<script>alert(1)</script>")
	rc := new(reqctx.Request)
	x := h.inspect(nil, r, rc)
	defer x.end()
	if x.status != 403 {
		t.Errorf("status %d, %+v", x.status, rc.Verdict)
	}
}

func gauge(t *testing.T, g prometheus.Gauge) float64 {
	t.Helper()
	var m dto.Metric
	if err := g.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetGauge().GetValue()
}

// Coraza loads such a rule, and panics whenever it is run: every request would get 503.
func TestSetvarWithoutAValueIsRefused(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "local.conf")
	sets := gauge(t, ruleSets)
	for action, good := range map[string]bool{"setvar:tx.a": false, "setvar:!tx.a": false, "setvar:tx.a=1": true, "setvar:'!tx.a=1'": true} {
		write(t, rules, "SecRule ARGS:q \"@streq x\" \"id:1001,phase:2,pass,nolog,"+action+"\"\n")
		ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
		h := &Handler{RulesFiles: []string{rules}}
		err := h.Provision(ctx)
		switch {
		case good && err != nil:
			t.Errorf("%s: %v", action, err)
		case good:
			if got := do(t, h, request("GET", "/x?q=x", "", "")).status; got != 200 {
				t.Errorf("%s: status %d", action, got)
			}
		case err == nil || !strings.Contains(err.Error(), "rule 1001: "+action+" has no value"):
			t.Errorf("%s: %v", action, err)
		}
		if err := h.Cleanup(); err != nil {
			t.Error(err)
		}
		cancel()
	}
	if got := gauge(t, ruleSets); got != sets {
		t.Errorf("%v rule sets, were %v", got, sets)
	}
}
