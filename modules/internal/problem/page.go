package problem

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
)

// The page's whole style, allowed in its policy by hash: it must work where the portal and its assets are absent.
const style = `:root{color-scheme:light dark;--bg:#f6f7f9;--fg:#1a1d24;--dim:#5b6270;--card:#fff;--line:#dfe3ea}
@media(prefers-color-scheme:dark){:root{--bg:#12141a;--fg:#eceef3;--dim:#a2a9b8;--card:#1b1e27;--line:#2c313d}}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
main{max-width:26rem;margin:1rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:14px}
h1{margin:0 0 .5rem;font-size:1.4rem}p{margin:.5rem 0;color:var(--dim)}code{font-size:.85em;overflow-wrap:anywhere}a{color:inherit}`

var csp = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
}()

var page = template.Must(template.New("problem").Parse(`<!doctype html>
<html lang="{{.Words.Lang}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{{.Status}} {{.Title}}</title><style>` + style + `</style></head>
<body><main><h1>{{.Title}}</h1><p>{{.Words.Status}} {{.Status}}.</p>
{{with .Again}}<p role="status">{{.}}</p>{{end}}{{with .ID}}<p>{{$.Words.Reference}}: <code>{{.}}</code></p>{{end}}{{with .Trace}}<p>Trace: <code>{{.}}</code></p>{{end}}
<p>{{if .Again}}<a href="">{{.Words.Again}}</a> · {{end}}<a href="/">{{.Words.Back}}</a></p></main></body></html>
`))

func writePage(w http.ResponseWriter, r *http.Request, p Problem, id, traceID string) {
	say := wordsFor(r)
	title := say.Titles[p.Status]
	if title == "" {
		title = p.Title
	}
	again := ""
	if p.RetryAfter > 0 {
		again = say.after(seconds(p.RetryAfter))
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", say.Lang)
	h.Set("Content-Security-Policy", csp)
	w.WriteHeader(p.Status)
	_ = page.Execute(w, struct {
		Words                   words
		Status                  int
		Title, ID, Trace, Again string
	}{say, p.Status, title, id, traceID, again}) // the client has gone: nobody is left to tell
}
