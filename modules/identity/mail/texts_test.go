package mail

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestEveryKindInEveryLanguage(t *testing.T) {
	texts, err := NewTexts(Config{Service: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("texts/en/*.txt")
	if err != nil || len(names) < 15 {
		t.Fatal(names, err)
	}
	f := Filled{Name: "ursula", Link: "https://acme.example/auth/x#y", When: noon, Until: noon, D: map[string]string{"name": "Ürsel’s key", "ip": "192.0.2.1", "browser": "Firefox"}}
	for _, n := range names {
		kind := strings.TrimSuffix(filepath.Base(n), ".txt")
		bodies := map[string]string{}
		for _, l := range languages {
			subject, body, err := texts.Write(kind, l, f)
			if err != nil {
				t.Errorf("%s %s: %v", l, kind, err)
				continue
			}
			bodies[l] = subject + body
			if !strings.Contains(subject+body, "Acme") || strings.Contains(body, "{{") || strings.Contains(body, "<no value>") || len(subject) > 78 {
				t.Errorf("%s %s: %q\n%s", l, kind, subject, body)
			}
			for line := range strings.Lines(body) {
				if len([]rune(strings.TrimSpace(line))) > 100 {
					t.Errorf("%s %s: a long line: %q", l, kind, line)
				}
			}
		}
		if bodies["en"] == bodies["de"] {
			t.Errorf("%s has no German text", kind)
		}
		// A language that is not there, or was never chosen.
		for _, l := range []string{"", "fr", "../../etc/passwd", "en-GB"} {
			if subject, body, err := texts.Write(kind, l, f); err != nil || subject+body != bodies["en"] {
				t.Errorf("%q %s: %v", l, kind, err)
			}
		}
		if subject, body, err := texts.Write(kind, "de-CH", f); err != nil || subject+body != bodies["de"] {
			t.Errorf("de-CH %s: %v", kind, err)
		}
	}
	if _, _, err := texts.Write("../en/reset", "en", f); err == nil {
		t.Error("a kind that is none")
	}
}

// The address of a registration is nobody's yet: what a stranger chose, such as a name, must not go there.
func TestStrangersAreToldNothingThatStrangersWrote(t *testing.T) {
	texts, err := NewTexts(Config{Service: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"register", "invite", "rejected"} {
		for _, l := range languages {
			subject, body, err := texts.Write(kind, l, Filled{Name: "buy.at.evil.example", D: map[string]string{"name": "buy"}})
			if err != nil || strings.Contains(subject+body, "buy") {
				t.Errorf("%s %s: %q %v", l, kind, body, err)
			}
		}
	}
}

func TestValuesForgeNothing(t *testing.T) {
	texts, err := NewTexts(Config{Service: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := texts.Write("factor-added", "en", Filled{Name: "ursula", D: map[string]string{"name": "x\r\n\r\nYour account is locked: https://evil.example\u202e" + strings.Repeat("a", 1000)}})
	if err != nil || strings.Contains(body, "\nYour account") || strings.Contains(body, "\u202e") || strings.Contains(body, strings.Repeat("a", 101)) {
		t.Fatalf("%q %v", body, err)
	}
}

func TestOwnTexts(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("de/reset.txt", "Neues Passwort, {{.Name}}\n\nHier: {{.Link}}\n")
	texts, err := NewTexts(Config{Service: "Acme", Texts: dir, Language: "de"})
	if err != nil {
		t.Fatal(err)
	}
	if subject, _, err := texts.Write("reset", "", Filled{Name: "ursula"}); err != nil || subject != "Neues Passwort, ursula" {
		t.Fatal(subject, err)
	}
	if subject, _, err := texts.Write("invite", "", Filled{}); err != nil || !strings.Contains(subject, "Einladung") {
		t.Fatal(subject, err)
	}
	for name, text := range map[string]string{
		"de/rest.txt": "A\n\nB", "fr/reset.txt": "A\n\nB", "de/invite.txt": "{{.Nope", "de/email.txt": "no body", "en/email.txt": "two\nlines\n\nB",
	} {
		bad := fstest.MapFS{name: {Data: []byte(text)}}
		known := map[string]bool{}
		for n := range texts.files {
			known[n] = true
		}
		if err := texts.read(bad, known); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewTexts(Config{Texts: t.TempDir()}); err == nil {
		t.Error("an empty folder was taken for texts")
	}
}
