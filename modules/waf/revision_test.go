package waf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// An edited rule file makes the configuration another one: Caddy passes over a reload that changes nothing. So does one that it includes.
func TestAnEditedRuleFileChangesTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	revision := func() string {
		t.Helper()
		var h Handler
		if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_waf {\n rules_file " + filepath.Join(dir, "a.conf") + "\n}")); err != nil {
			t.Fatal(err)
		}
		return h.RulesRevision
	}
	rule := func(id int) string {
		return fmt.Sprintf("SecRule ARGS:q \"@streq x\" \"id:%d,phase:1,deny,status:403\"\n", id)
	}
	write("b.conf", rule(90001))
	write("a.conf", "Include "+filepath.Join(dir, "b.conf")+"\n")
	first := revision()
	if again := revision(); first == "" || again != first {
		t.Fatalf("unedited: %q, then %q", first, again)
	}
	write("b.conf", rule(90002))
	if revision() == first {
		t.Error("an edit of the included file goes unseen")
	}
	write("b.conf", "SecRule nonsense\n")
	var h Handler
	err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("gw_waf {\n rules_file " + filepath.Join(dir, "a.conf") + "\n}"))
	if err == nil || !strings.Contains(err.Error(), "rules_file") || !strings.Contains(err.Error(), "Testfile:") {
		t.Errorf("a broken rule: %v", err)
	}
}
