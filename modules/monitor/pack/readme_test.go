package pack

import (
	"flag"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/monitor/detect"
)

var update = flag.Bool("update", false, "write the README's list of rules")

const marker = "<!-- rules -->\n"

// The README lists the rules that make findings.
func TestReadmeListsTheRules(t *testing.T) {
	var b strings.Builder
	folder, total := "", 0
	rules := slices.Clone(load(t).All())
	slices.SortStableFunc(rules, func(a, b *detect.Rule) int { return strings.Compare(fileOf(a), fileOf(b)) })
	for _, r := range rules {
		if !r.Alone {
			continue
		}
		total++
		if at := path.Dir(r.File); at != folder {
			folder = at
			fmt.Fprintf(&b, "\n### %s\n| rule | level | ATT&CK | finds |\n|---|---|---|---|\n", folder)
		}
		var ids []string
		for _, tag := range r.Tags {
			if technique.MatchString(tag) {
				ids = append(ids, strings.ToUpper(strings.TrimPrefix(tag, "attack.")))
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Name, r.Level, strings.Join(ids, " "), r.Description)
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(text), marker)
	if !ok {
		t.Fatal("no marker")
	}
	want := before + marker + fmt.Sprintf("%d rules make findings.\n", total) + b.String()
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Error("the list is not what the rules are: go test ./modules/monitor/pack -run Readme -update")
	}
}

// fileOf is the rule's file, without the line.
func fileOf(r *detect.Rule) string {
	name, _, _ := strings.Cut(r.File, ":")
	return name
}
