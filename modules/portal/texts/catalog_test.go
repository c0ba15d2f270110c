package texts

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func catalog(t *testing.T, files ...File) *Catalog {
	t.Helper()
	c, err := Load(files...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Every message is there in every language, and fills in the same names.
func TestLanguagesSayTheSame(t *testing.T) {
	c := catalog(t)
	for _, lang := range c.Languages() {
		if got, want := len(c.messages[lang]), len(c.messages[base]); got != want {
			t.Errorf("%s has %d messages, not %d", lang, got, want)
		}
		for key, english := range c.messages[base] {
			text, ok := c.messages[lang][key]
			if !ok || text == "" {
				t.Errorf("%s: %s is missing", lang, key)
				continue
			}
			a, b := placeholders(english), placeholders(text)
			slices.Sort(a)
			slices.Sort(b)
			if !slices.Equal(a, b) {
				t.Errorf("%s: %s fills in %q, not %q", lang, key, b, a)
			}
			if strings.ContainsAny(text, "<>") || text != strings.TrimSpace(text) || strings.Contains(text, "'") {
				t.Errorf("%s: %s is no plain text with typographic apostrophes: %q", lang, key, text)
			}
		}
	}
}

func TestChoose(t *testing.T) {
	c := catalog(t, File{Name: "/etc/x/pt-BR.json", Body: []byte(`{"common.language":"Português"}`)})
	for _, test := range []struct{ remembered, accept, want string }{
		{"", "", "en"},
		{"", "de", "de"},
		{"", "de-AT,de;q=0.9,en;q=0.5", "de"},
		{"", "fr, de;q=0.4, en;q=0.2", "de"},
		{"", "fr", "en"},
		{"", "en;q=0.1, de;q=0.9", "de"},
		{"", "pt", "pt-BR"},
		{"", "*", "en"},
		{"", "de;q=x", "en"},
		{"", "xx-yy-zz, ;;;,,", "en"},
		{"", strings.Repeat("de,", 100), "en"},
		{"de", "en", "de"},
		{"DE", "en", "en"},
		{"../../etc/passwd", "de", "de"},
	} {
		if got := c.Choose(test.remembered, test.accept); got != test.want {
			t.Errorf("%q, %q: %s, want %s", test.remembered, test.accept, got, test.want)
		}
	}
}

func TestFiles(t *testing.T) {
	c := catalog(t,
		File{Name: "de.json", Body: []byte(`{"login.lead":"in den Hörsaal von {brand}"}`)},
		File{Name: "nl.json", Body: []byte(`{"common.language":"Nederlands","login.title":"Inloggen"}`)})
	if got := c.Languages(); !slices.Equal(got, []string{"en", "de", "nl"}) {
		t.Error(got)
	}
	for key, want := range map[string]string{"de login.lead": "in den Hörsaal von {Acme}", "de login.title": "Anmelden", "nl login.title": "Inloggen", "nl login.lead": "to continue to {Acme}"} {
		lang, key, _ := strings.Cut(key, " ")
		// What is filled in is not filled in again.
		if got, err := c.Text(lang, key, "brand", "{Acme}"); err != nil || got != want {
			t.Errorf("%s %s: %q %v", lang, key, got, err)
		}
	}
	if g := c.Group("nl", "login"); g["login.title"] != "Inloggen" || g["login.or"] != "or" || g["common.language"] != "" {
		t.Errorf("%q", slices.Sorted(maps.Keys(g)))
	}
	for name, f := range map[string]File{
		"there is no message \"login.ttle\"": {"de.json", []byte(`{"login.ttle":"x"}`)},
		"nothing stands for {user}":          {"de.json", []byte(`{"login.lead":"{user}"}`)},
		"must be that of a language":         {"texts.json", []byte(`{}`)},
		"needs \"common.language\"":          {"fr.json", []byte(`{}`)},
		"one JSON object of texts":           {"de.json", []byte(`{"login.title":1}`)},
		"is no UTF-8":                        {"de.json", []byte("{\"login.title\":\"\xff\"}")},
		"at most 256 KiB":                    {"de.json", make([]byte, MaxFile+1)},
	} {
		if _, err := Load(f); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzChoose(f *testing.F) {
	c, err := Load()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("de", "de-DE,de;q=0.9")
	f.Fuzz(func(t *testing.T, remembered, accept string) {
		if got := c.Choose(remembered, accept); !c.Has(got) {
			t.Errorf("%q", got)
		}
	})
}
