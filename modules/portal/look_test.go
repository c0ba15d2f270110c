package portal

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/identity/account"
)

func file(t *testing.T, name, body string) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(at, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

const picture = `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>`

func TestBrand(t *testing.T) {
	h := newHandler(t, &people{})
	var err error
	h.look, err = newLook(Theme{Logo: file(t, "a.svg", picture), LogoDark: file(t, "b.svg", picture+" "), HideName: true, Color: "#0a6640"}, nil,
		[]Link{{"Privacy & more", "https://acme.example/privacy"}, {"Imprint", "/imprint"}})
	if err != nil {
		t.Fatal(err)
	}
	body := do(t, h, nil, "GET", "/auth/login", "").Body.String()
	for _, want := range []string{`alt="Acme"`, `href="https://acme.example/privacy">Privacy &amp; more<`, `href="/imprint"`, h.look.logo, h.look.logoDark, h.look.css} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "<span>Acme</span>") {
		t.Error("the name is shown twice")
	}
	// The picture can be looked at by itself, where it would be a page: it runs nothing there.
	a := do(t, h, nil, "GET", h.look.logo, "")
	if got := a.Header().Get("Content-Security-Policy"); a.Code != 200 || !strings.Contains(got, "sandbox") || !strings.Contains(got, "default-src 'none'") || a.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("%d %v", a.Code, a.Header())
	}
	if a := do(t, h, nil, "GET", h.look.css, ""); a.Code != 200 || !strings.Contains(a.Body.String(), "--accent:#0a6640") {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	// Another site's handler knows nothing of it.
	if a := do(t, newHandler(t, &people{}), nil, "GET", h.look.logo, ""); a.Code != 404 {
		t.Errorf("%d", a.Code)
	}
}

func TestLookRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		theme Theme
		files []string
		links []Link
		want  string
	}{
		"color":       {theme: Theme{Color: "#ff0"}, want: "can't be read on a light page"},
		"only dark":   {theme: Theme{ColorDark: "#ff0"}, want: "needs one for light ones"},
		"no logo":     {theme: Theme{Logo: "/nothing/here.png"}, want: "no such file"},
		"page":        {theme: Theme{Logo: file(t, "x.svg", "<html>")}, want: "is no PNG"},
		"hidden name": {theme: Theme{HideName: true}, want: "there is none that could be shown"},
		"texts":       {files: []string{file(t, "de.json", `{"nothing":"x"}`)}, want: `there is no message "nothing"`},
		"script":      {links: []Link{{"x", "javascript:alert(1)"}}, want: "neither a path of this site nor an https: address"},
		"data":        {links: []Link{{"x", "data:text/html,x"}}, want: "neither a path"},
		"clear":       {links: []Link{{"x", "http://acme.example"}}, want: "neither a path"},
		"other host":  {links: []Link{{"x", "//acme.example"}}, want: "neither a path"},
		"password":    {links: []Link{{"x", "https://a:b@acme.example"}}, want: "neither a path"},
		"no text":     {links: []Link{{"", "/imprint"}}, want: "has no text"},
	} {
		if _, err := newLook(c.theme, c.files, c.links); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLanguages(t *testing.T) {
	h := newHandler(t, &people{})
	for _, c := range []struct{ accept, cookie, lang, want string }{
		{"", "", "en", ">Sign in</h1>"},
		{"de-DE,de;q=0.9", "", "de", ">Anmelden</h1>"},
		{"de", "__Secure-gw_language=en", "en", ">Sign in</h1>"},
		{"", "__Secure-gw_language=de", "de", ">Anmelden</h1>"},
		{"", `__Secure-gw_language="><script>`, "en", ">Sign in</h1>"},
	} {
		a := do(t, h, nil, "GET", "/auth/login", "", "Accept-Language", c.accept, "Cookie", c.cookie)
		body := a.Body.String()
		if !strings.Contains(body, `<html lang="`+c.lang+`">`) || !strings.Contains(body, c.want) || a.Header().Get("Content-Language") != c.lang || strings.Contains(body, `"><script>`) {
			t.Errorf("%+v: %s", c, body)
		}
	}
	a := do(t, h, nil, "POST", "/auth/api/language", `{"language":"de"}`)
	if set := a.Header().Get("Set-Cookie"); a.Code != 204 || set != "__Secure-gw_language=de; Path=/auth; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("%d %q", a.Code, set)
	}
	if a := do(t, h, nil, "POST", "/auth/api/language", `{"language":"xx"}`); a.Code != http.StatusUnprocessableEntity || a.Header().Get("Set-Cookie") != "" {
		t.Errorf("%d", a.Code)
	}
	if a := do(t, h, nil, "POST", "/auth/api/language", `{"language":"de"}`, "Sec-Fetch-Site", "cross-site"); a.Code != 403 {
		t.Errorf("%d", a.Code)
	}
}

// An operator's texts, and every name, are text: in the page and in what its script gets.
func TestTextsAreEscaped(t *testing.T) {
	h := newHandler(t, &people{profile: account.Profile{Username: "ursula"}})
	const evil = `</script><script>alert(1)</script><img src=x onerror=alert(1)>`
	var err error
	h.look, err = newLook(Theme{}, []string{file(t, "en.json", `{"login.title":"`+evil+`","error.other":"`+evil+`","common.password":"\" onfocus=\"alert(1)"}`)}, []Link{{evil, "/x"}})
	if err != nil {
		t.Fatal(err)
	}
	h.Brand = evil
	body := do(t, h, nil, "GET", "/auth/login", "").Body.String()
	if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") || strings.Contains(body, `" onfocus="`) {
		t.Error(body)
	}
}

// Each message that a template or a script names is there, and each that is there is named.
func TestMessagesAreUsed(t *testing.T) {
	h := newHandler(t, &people{})
	known := map[string]string{}
	files, err := filepath.Glob("texts/en/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		maps.Copy(known, h.look.catalog.Group("en", strings.TrimSuffix(filepath.Base(f), ".json")))
	}
	source := ""
	for _, pattern := range []string{"templates/*.html", "assets/*.js", "*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			source += string(b)
		}
	}
	for _, m := range regexp.MustCompile(`(?:\bt|\bmany|text)[ (=]+"([a-z]+\.[a-z_-]+)"`).FindAllStringSubmatch(source, -1) {
		if _, one := known[m[1]]; !one && known[m[1]+".other"] == "" {
			t.Errorf("there is no message %s", m[1])
		}
	}
	for key := range known {
		subject, name, _ := strings.Cut(key, ".")
		base, _, _ := strings.Cut(name, ".")
		if subject != "error" && name != "title" && !strings.Contains(source, `"`+subject+"."+base+`"`) && !strings.Contains(source, `"`+subject+"."+base+`.`) {
			t.Errorf("nothing says %s", key)
		}
	}
}

// Whatever the API refuses with, the pages have words for it in every language.
func TestProblemsHaveWords(t *testing.T) {
	h := newHandler(t, &people{})
	known := h.look.catalog.Group("en", "error")
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`Type: "([a-z-]+)"`).FindAllStringSubmatch(string(b), -1) {
			found++
			if known["error."+m[1]] == "" {
				t.Errorf("%s: there are no words for %s", f, m[1])
			}
		}
	}
	if found < 20 {
		t.Errorf("%d problems: the pattern is wrong", found)
	}
}
