package waf

import (
	"os"
	"strings"
	"testing"

	"github.com/convosphere/gateway/test/golden"
)

// What is wrong in a file of rules is said with the file and the line, beside the option that names it.
func TestWrongRulesArePlaced(t *testing.T) {
	dir := t.TempDir()
	good := "# fine\nSecRule ARGS:a \"@rx b\" \\\n\t\"id:10001,phase:2,pass,nolog\"\n"
	write(t, dir+"/good.conf", good)
	write(t, dir+"/wrong.conf", good[:7]+"\nSecDebugLogLevel 0\nSecRule ARGS \\\n\t\"@nosuch x\" \\\n\t\"id:10002,phase:2,deny\"\n")
	write(t, dir+"/outer.conf", "\nInclude wrong.conf\n")
	write(t, dir+"/twice.conf", strings.Replace(good, "10001", "942100", 1))
	if err := os.Mkdir(dir+"/plugin", 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/plugin/x-before.conf", "SecRule ARGS \"@rx (\" \"id:10003,phase:2,deny\"\n")
	for options, want := range map[string]string{
		"rules_file DIR/good.conf\n\trules_file DIR/wrong.conf":            "rules_file: DIR/wrong.conf:4: failed to compile the directive \"secrule\": operator nosuch not found, at Caddyfile:4",
		"rules_file DIR/good.conf DIR/outer.conf\n\tmode detect":           "DIR/wrong.conf:4: failed to compile the directive \"secrule\": operator nosuch not found, at Caddyfile:3",
		"rules_after DIR/wrong.conf\n\trules_file DIR/good.conf":           "rules_after: DIR/wrong.conf:4: ",
		"mode detect\n\trules_file DIR/twice.conf\n\tparanoia 1":           "REQUEST-942-APPLICATION-ATTACK-SQLI.conf:",
		"mode detect\n\tplugin DIR/plugin\n\tparanoia 1":                   "plugin: DIR/plugin/x-before.conf:1: ",
		"mode detect\n\trules_file DIR/good.conf\n\trules_after none.conf": "rules_after: failed to readfile: open none.conf: no such file or directory, at Caddyfile:5",
	} {
		_, err := golden.Adapt(":80 {\n\tgw_waf {\n\t" + strings.ReplaceAll(options, "DIR", dir) + "\n\t}\n}\n")
		want = strings.ReplaceAll(want, "DIR", dir)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n%v\nwant %s", options, err, want)
		}
	}
}

// An option that can't be read is said to be wrong with the way to write it.
func TestOptionsSayHowTheyAreWritten(t *testing.T) {
	for name := range syntax {
		line := name
		if name == "capture" || name == "responses" {
			line = name + " {\n" + map[string]string{"capture": "keep", "responses": "limit"}[name] + "\n}"
		}
		_, err := golden.Adapt(":80 {\n\tgw_waf {\n\t" + line + "\n\t}\n}\n")
		if err == nil || !strings.Contains(err.Error(), "it is written "+syntax[name]) || !strings.Contains(err.Error(), "at Caddyfile:") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for line, want := range map[string]string{
		"paranoia 1 2 3":     syntax["paranoia"],
		"exclude_field /x":   syntax["exclude_field"],
		"screen on off":      "screen on off: it is on or off",
		"capture {\nx\n}":    "it knows sample, keep and max_size",
		"responses {\nx\n}":  "responses knows types, limit and stream",
		"queue_timeout 1s 2": syntax["queue_timeout"],
	} {
		if _, err := golden.Adapt(":80 {\n\tgw_waf {\n\t" + line + "\n\t}\n}\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
}
