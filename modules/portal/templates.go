package portal

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"

	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/portal/texts"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pageKind is one page: the template of its name, the script that works it, the subjects of the messages that the script may say, and where it
// stands among the account's pages ("": it is a card by itself).
type pageKind struct {
	name, script string
	file         string // of its template, where it is not name
	title        string // key of its title, where it is not name.title
	texts        []string
	section      string
}

var pageKinds = []pageKind{
	{name: "login", script: "login.js", texts: []string{"login"}},
	{name: "signedin", title: "login.signed_in_title", script: "plain.js"},
	{name: "stepup", script: "mfa.js"},
	{name: "register", script: "register.js", texts: []string{"register"}},
	{name: "invite", script: "register.js", file: "register", title: "register.title", texts: []string{"register"}},
	{name: "verify", script: "verify.js", texts: []string{"register", "verify"}},
	{name: "reset", script: "reset.js", texts: []string{"reset"}},
	{name: "account", script: "account.js", texts: []string{"account"}, section: "account"},
	{name: "people", script: "people.js", title: "admin.people", texts: []string{"admin", "tokens"}, section: "people"},
	{name: "person", script: "person.js", title: "admin.person", texts: []string{"admin", "account", "security"}, section: "people"},
	{name: "invitations", script: "invitations.js", title: "admin.invitations", texts: []string{"admin", "tokens"}, section: "invitations"},
	{name: "services", script: "services.js", texts: []string{"admin", "services", "tokens"}, section: "services"},
	{name: "sessions", script: "sessions.js", texts: []string{"sessions"}, section: "sessions"},
	{name: "tokens", script: "tokens.js", texts: []string{"tokens"}, section: "tokens"},
	{name: "security", script: "security.js", texts: []string{"security"}, section: "security"},
}

// parsePages makes every page's template in every language.
func parsePages(c *texts.Catalog) (map[string]map[string]*template.Template, error) {
	all := map[string]map[string]*template.Template{}
	for _, lang := range c.Languages() {
		base, err := template.New("").Funcs(template.FuncMap{
			"asset":         assetURL,
			"icon":          icon,
			"passwordField": newPasswordField,
			"factorForms":   func(id, name string, o Offers) formsOf { return formsOf{id, name, o.Providers} },
			"noOffers":      func() Offers { return Offers{} },
			"t":             func(key string, pairs ...string) (string, error) { return c.Text(lang, key, pairs...) },
			"section":       func(name, path, icon, title string) section { return section{name, path, icon, title} },
			"sectionIn":     func(s section, p page) sectionIn { return sectionIn{s, p.kind.section == s.Name} },
		}).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html", "templates/factors.html")
		if err != nil {
			return nil, err
		}
		all[lang] = map[string]*template.Template{}
		for _, k := range pageKinds {
			t, err := base.Clone()
			if err == nil {
				t, err = t.ParseFS(templateFiles, "templates/"+cmp.Or(k.file, k.name)+".html")
			}
			if err != nil {
				return nil, fmt.Errorf("page %s: %w", k.name, err)
			}
			all[lang][k.name] = t
		}
	}
	return all, nil
}

// section is one of the account's pages in their navigation.
type section struct{ Name, Path, Icon, Title string }

type sectionIn struct {
	section
	Here bool
}

// passwordField is one input of the template "password".
type passwordField struct {
	ID, Name, Autocomplete string
	Min                    int
	Hint                   string // ids of what describes it
}

func newPasswordField(id, name, autocomplete string, min int, hint string) passwordField {
	return passwordField{id, name, autocomplete, min, hint}
}

// formsOf are the forms of the template "factor-forms": what their ids begin with, and who is signed in, "" at the login.
type formsOf struct {
	ID, Name  string
	Providers []federation.Offer // to sign in at again
}

// icon draws one of assets/icons.svg beside words that say the same.
func icon(name string) (template.HTML, error) {
	at, err := assetURL("icons.svg")
	if err != nil {
		return "", err
	}
	// Names and paths are ours.
	return template.HTML(`<svg class="icon" aria-hidden="true" focusable="false"><use href="` + at + `#` + name + `"></use></svg>`), nil //nolint:gosec // see above
}
