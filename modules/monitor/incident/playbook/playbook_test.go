package playbook

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

const one = `id: own
title: Own
about: One of our own.
for: {techniques: [t1110]}
steps:
  - {id: a, phase: triage, title: Look}
  - {id: b, phase: learn, title: Learn, run: "convosphere ban add {client} --reason {incident}"}
`

// subcommand is what a command line begins with.
var subcommand = regexp.MustCompile(`^convosphere [a-z]+( [a-z-]+)?`)

func builtIn(t testing.TB) *Set {
	t.Helper()
	s, err := Load(BuiltIn())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What comes with the gateway is whole: each has each phase that ends an incident, and names commands that there are.
func TestBuiltIn(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"convosphere restore": true} // written as `backup\|restore FILE`
	for _, row := range regexp.MustCompile("(?m)^\\| `convosphere ([a-z]+) ?([^`]*)`").FindAllStringSubmatch(string(page), -1) {
		known["convosphere "+row[1]] = true
		first, _, _ := strings.Cut(row[2], " ")
		for _, sub := range strings.FieldsFunc(first+` `+strings.ReplaceAll(row[2], `\|`, " "), func(r rune) bool { return r == ' ' || r == '|' || r == '\\' }) {
			known["convosphere "+row[1]+" "+sub] = true
		}
	}
	s := builtIn(t)
	if len(s.All()) < 12 {
		t.Fatal(len(s.All()))
	}
	for _, p := range s.All() {
		has := map[string]bool{}
		for _, step := range p.Steps {
			has[step.Phase] = true
			if step.Run == "" {
				continue
			}
			if command := subcommand.FindString(step.Run); !known[command] {
				t.Errorf("%s/%s: there is no command %q", p.ID, step.ID, command)
			}
		}
		for _, phase := range []string{Triage, Learn} {
			if !has[phase] {
				t.Errorf("%s has nothing to %s", p.ID, phase)
			}
		}
	}
}

func TestFor(t *testing.T) {
	s := builtIn(t)
	for want, m := range map[string]Matter{
		"account-takeover":  {Techniques: []string{"T1078"}, Source: "detection"},
		"credential-attack": {Techniques: []string{"T1110.003"}},
		"web-attack":        {Techniques: []string{"T1190"}},
		"malicious-upload":  {Techniques: []string{"T1204.002"}},
		"data-leak":         {Techniques: []string{"T1213"}},
		"denial-of-service": {Techniques: []string{"T1499.003"}},
		"user-report":       {Techniques: []string{"T1566"}, Source: "report"},
		"general":           {},
		"scanning":          {Techniques: []string{"T1190"}, Ticked: []string{"scanning"}},
	} {
		if all := s.For(m); len(all) == 0 || all[0].ID != want {
			t.Errorf("%+v: %v", m, all)
		}
	}
	if all := s.For(Matter{Techniques: []string{"T9999"}}); len(all) != 1 || all[0].ID != "general" {
		t.Error(all)
	}
	// One's own stands in place of another, and one for a rule before all others.
	s, err := Load(BuiltIn(), fstest.MapFS{
		"a.yml": {Data: []byte(strings.ReplaceAll(one, "id: own", "id: general"))}, "b.yaml": {Data: []byte(strings.ReplaceAll(one, "{techniques: [t1110]}", "{rules: [r1]}"))}, "readme.md": {Data: []byte("x")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if p, _ := s.Get("general"); p.Title != "Own" {
		t.Error(p)
	}
	if all := s.For(Matter{Techniques: []string{"T1110.001"}, Rules: []string{"r1"}}); all[0].ID != "own" {
		t.Error(all[0].ID)
	}
}

// What clients chose does not become part of a command that people copy.
func TestCommand(t *testing.T) {
	p, err := Parse("x", []byte(one))
	if err != nil {
		t.Fatal(err)
	}
	for client, want := range map[string]string{
		"192.0.2.7": "convosphere ban add 192.0.2.7 --reason I1", "2001:db8::/64": "convosphere ban add 2001:db8::/64 --reason I1", "": "convosphere ban add {client} --reason I1",
		"$(rm -rf /)": "convosphere ban add {client} --reason I1", "--force": "convosphere ban add {client} --reason I1", "a;b": "convosphere ban add {client} --reason I1", "a\nb": "convosphere ban add {client} --reason I1",
	} {
		if got := p.Steps[1].Command(map[string]string{"client": client, "incident": "I1"}); got != want {
			t.Errorf("%q: %s", client, got)
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct{ old, new string }{
		"unknown field": {"about:", "abuot:"}, "no id": {"id: own\n", ""}, "bad id": {"id: own", "id: ../own"}, "no title": {"title: Own\n", ""},
		"technique": {"t1110", "x1110"}, "phase": {"phase: triage", "phase: panic"}, "order": {"phase: learn", "phase: triage, how: x}\n  - {id: c, phase: contain, title: y}\n  - {id: d, phase: triage"},
		"twice": {"id: b", "id: a"}, "two": {"title: Look}", "title: Look}\n---\nid: x"}, "lines": {`{incident}"`, `{incident}\nx"`}, "source": {"{techniques: [t1110]}", "{source: rumour}"},
		"large": {"One of", strings.Repeat("x", mostFile)}, "no steps": {"steps:", "steps: []\nx:"}, "silent": {"title: Look", "title: ' '"},
	} {
		if p, err := Parse("own.yml", []byte(strings.Replace(one, c.old, c.new, 1))); err == nil || !strings.HasPrefix(err.Error(), "own.yml: ") {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if _, err := Load(fstest.MapFS{"a.yml": {Data: []byte(one)}, "b.yml": {Data: []byte(one)}}); err == nil {
		t.Error("two have one id")
	}
	if _, err := Load(os.DirFS("/nowhere")); err == nil {
		t.Error("no folder")
	}
}

// FuzzParse holds that whatever stands in a file is a playbook that can be shown and ticked, or an error.
func FuzzParse(f *testing.F) {
	f.Add([]byte(one))
	f.Add([]byte("id: a\nsteps: [{id: &a b, phase: *a}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse("x", text)
		if err != nil {
			return
		}
		for _, s := range p.Steps {
			if got, ok := p.Step(s.ID); !ok || got != s {
				t.Fatalf("step %q is not found again", s.ID)
			}
			s.Command(map[string]string{"client": "x"})
		}
	})
}
