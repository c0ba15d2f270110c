package console

import (
	"embed"
	"html/template"
)

//go:embed templates/*.html
var templateFiles embed.FS

// parsePages makes the templates for a console at that path.
func parsePages(base string) (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"asset": func(name string) (string, error) { return assetURL(base, name) },
		"icon": func(name string) (template.HTML, error) { // beside words that say the same
			at, err := assetURL(base, "icons.svg")
			if err != nil {
				return "", err
			}
			// Names and paths are ours.
			return template.HTML(`<svg class="icon" aria-hidden="true" focusable="false"><use href="` + at + `#` + name + `"></use></svg>`), nil //nolint:gosec // see above
		},
	}).ParseFS(templateFiles, "templates/*.html")
}
