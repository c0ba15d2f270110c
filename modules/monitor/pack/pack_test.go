package pack

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

func load(t testing.TB) *detect.Rules {
	t.Helper()
	rules, problems := detect.Load(FS())
	for _, p := range problems {
		t.Error(p)
	}
	return rules
}

var (
	uuid      = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	technique = regexp.MustCompile(`^attack\.t\d{4}(\.\d{3})?$`)
)

// tactics of MITRE ATT&CK (Enterprise).
var tactics = []string{
	"attack.reconnaissance", "attack.resource-development", "attack.initial-access", "attack.execution", "attack.persistence", "attack.privilege-escalation",
	"attack.defense-evasion", "attack.credential-access", "attack.discovery", "attack.lateral-movement", "attack.collection", "attack.command-and-control",
	"attack.exfiltration", "attack.impact",
}

// Whoever gets a finding reads what it is, what else it may be, and what may be done.
func TestRulesSayWhatPeopleNeed(t *testing.T) {
	rules, names := load(t), map[string]bool{}
	if n := len(rules.All()); n < 45 {
		t.Fatalf("%d rules", n)
	}
	for _, r := range rules.All() {
		wrong := func(what string) { t.Errorf("%s %s: %s", r.File, r.Name, what) }
		if !uuid.MatchString(r.ID) {
			wrong("its id is no UUID of version 4")
		}
		if r.Name == "" || names[r.Name] {
			wrong("its name is missing, or another rule's")
		}
		names[r.Name] = true
		if r.Alone != (r.Level > finding.Informational) {
			wrong("what is a finding has a level above informational, what others count has not")
		}
		if strings.Contains(r.Name, "chat") != strings.HasPrefix(r.File, "chat/chat_") {
			wrong("rules about the chat stand in files of their own")
		}
		if !r.Alone {
			continue
		}
		if r.Description == "" || r.Explain == "" || len(r.FalsePositives) == 0 || len(r.References) == 0 || len(r.Subject) == 0 {
			wrong("it lacks a description, an explanation, false positives, references, or a subject")
		}
		if !slices.ContainsFunc(r.Tags, technique.MatchString) || !slices.ContainsFunc(r.Tags, func(tag string) bool { return slices.Contains(tactics, tag) }) {
			wrong("it lacks a technique or a tactic of ATT&CK")
		}
		for _, tag := range r.Tags {
			if !technique.MatchString(tag) && !slices.Contains(tactics, tag) {
				wrong("no tag of ATT&CK: " + tag)
			}
		}
		if r.Level >= finding.Medium && len(r.Respond) == 0 {
			wrong("it says nothing of what may be done")
		}
	}
}

// Nothing but the rules about the chat may know its routes.
func TestRulesKnowNoApplication(t *testing.T) {
	err := fs.WalkDir(FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(name, "chat/") {
			return err
		}
		text, err := fs.ReadFile(FS(), name)
		for _, word := range []string{"/api/rooms", "/api/files", "/api/ws", "{room}"} {
			if strings.Contains(string(text), word) {
				t.Errorf("%s speaks of %s", name, word)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
