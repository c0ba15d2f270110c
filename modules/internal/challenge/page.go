package challenge

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/convosphere/gateway/modules/internal/problem"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// The page's whole style, allowed in its policy by hash.
const style = `:root{color-scheme:light dark;--bg:#f6f7f9;--fg:#1a1d24;--dim:#5b6270;--card:#fff;--line:#dfe3ea;--main:#4a40dd;--on:#fff}
@media(prefers-color-scheme:dark){:root{--bg:#12141a;--fg:#eceef3;--dim:#a2a9b8;--card:#1b1e27;--line:#2c313d;--main:#a9a3ff;--on:#14121f}}
*{box-sizing:border-box}[hidden]{display:none!important}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
main{width:min(30rem,100% - 2rem);margin:1rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:14px}
h1{margin:0 0 .5rem;font-size:1.4rem}p{margin:.75rem 0;color:var(--dim)}#status{min-height:1.5em;margin-top:1.5rem;color:var(--fg);font-weight:600}
progress{width:100%;height:.6rem;accent-color:var(--main)}
form{margin-top:1.5rem;padding-top:.75rem;border-top:1px solid var(--line)}
button{min-height:44px;padding:.6rem 1.4rem;border:0;border-radius:10px;background:var(--main);color:var(--on);font:inherit;font-weight:600;cursor:pointer}
button:focus-visible{outline:3px solid var(--main);outline-offset:3px}
code{font-size:.85em;overflow-wrap:anywhere}.note{color:var(--fg)}`

var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types gw-worker"
}()

var pageTemplate = template.Must(template.New("challenge").Parse(`<!doctype html>
<html lang="{{.Say.Lang}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">
<title>{{.Say.Title}}</title><style>` + style + `</style>
<script type="application/json" id="puzzle">{{.Puzzle}}</script><script type="module" src="{{.Script}}"></script></head>
<body><main data-url="{{.URL}}" data-next="{{.Forward}}" data-working="{{.Say.Working}}" data-half="{{.Say.Half}}" data-done="{{.Say.Done}}" data-failed="{{.Say.Failed}}" data-cookies="{{.Say.Cookies}}">
<h1>{{.Say.Title}}</h1><p>{{.Say.Why}}</p>{{if .Lost}}<p class="note">{{.Say.Lost}}</p>{{end}}
<p id="status" role="status">{{.Early}}</p><progress id="bar" max="{{.Puzzle.Parts}}" value="0" aria-label="{{.Say.Progress}}" hidden></progress>
<form id="wait" method="post" action="{{.URL}}">{{if not .Early}}<p>{{.Wait}}</p>{{end}}<input type="hidden" name="wait" value="{{.Token}}"><input type="hidden" name="next" value="{{.Next}}"><button>{{.Say.Go}}</button></form>
{{with .ID}}<p>{{$.Say.Reference}}: <code>{{.}}</code></p>{{end}}</main></body></html>
`))

// Page is what a browser is shown whose person has to wait for its puzzle.
type Page struct {
	Puzzle Puzzle
	Token  string        // of Desk.Wait
	Wait   time.Duration // what is left of it
	Early  bool          // the form was sent before it was over
	Next   string        // where to go afterwards, as Local has it
	Lost   bool          // what the browser sent was not taken in
}

// Write answers with the page.
func (p Page) Write(w http.ResponseWriter, r *http.Request) {
	say := wordsFor(r)
	id := ""
	if rc := reqctx.From(r.Context()); rc != nil {
		rc.Problem, id = Required, rc.ID
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", say.Lang)
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(http.StatusForbidden)
	if r.Method == http.MethodHead {
		return
	}
	seconds := int(math.Ceil(p.Wait.Seconds()))
	early, forward := "", ""
	if p.Early {
		early = fmt.Sprintf(say.Early, seconds)
	}
	if p.Lost || Ours(r.URL.Path) { // else the page is loaded anew, with its fragment
		forward = p.Next
	}
	_ = pageTemplate.Execute(w, struct {
		Page
		Say                                words
		ID, Script, URL, Early, Wait, Next string
		Forward                            string
	}{p, say, id, scriptFolder + "page.js", Path, early, fmt.Sprintf(say.Wait, seconds), p.Next, forward}) // the client has gone: nobody is left to tell
}

// Required is the type of the problem that asks for an answer.
const Required = "challenge-required"

// Local is a path of this site with its query, or / where s is anything else. Browsers drop tabs and line breaks from addresses, read \ as /
// and take what begins with // for another host (WHATWG URL), so none of these passes.
func Local(s string) string {
	if len(s) > 2048 || !strings.HasPrefix(s, "/") {
		return "/"
	}
	for i := range len(s) {
		if c := s[i]; c <= 0x20 || c == '\\' || c >= 0x7f {
			return "/"
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.Contains(u.Path, "//") || strings.Contains(u.Path, `\`) || Ours(u.Path) {
		return "/"
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return "/"
		}
	}
	return s
}

// words are what the page says in one language.
type words struct {
	Lang, Title, Why, Lost                         string
	Working, Half, Done, Failed, Cookies, Progress string
	Wait, Early                                    string // with a number of seconds
	Go, Reference                                  string
}

var english = words{
	Lang: "en", Title: "One moment, please",
	Why:     "Your network has sent many unusual requests. So that they slow down nobody, your browser has a small sum to do first. It happens by itself and takes a few seconds. Nothing is sent to anybody else.",
	Lost:    "What you sent was not taken in. Please send it again afterwards.",
	Working: "Your browser is working on it…", Half: "Half of it is done.", Done: "Done. The page opens now.", Progress: "Progress",
	Failed: "That did not work. You can wait instead.", Cookies: "Your browser keeps no cookies for this site. Allow them, and load the page again.",
	Wait: "Without JavaScript: wait for %d seconds, then go on.", Early: "It is a little too early: wait for %d more seconds.",
	Go: "Go on", Reference: "Reference",
}

var german = words{
	Lang: "de", Title: "Einen Moment bitte",
	Why:     "Aus deinem Netz kamen viele ungewöhnliche Anfragen. Damit sie niemanden aufhalten, löst dein Browser erst eine kleine Rechenaufgabe. Das geschieht von selbst und dauert ein paar Sekunden. An andere wird nichts gesendet.",
	Lost:    "Was du gesendet hast, wurde nicht angenommen. Bitte sende es danach noch einmal.",
	Working: "Dein Browser rechnet …", Half: "Die Hälfte ist geschafft.", Done: "Fertig. Die Seite wird jetzt geöffnet.", Progress: "Fortschritt",
	Failed: "Das hat nicht geklappt. Du kannst stattdessen warten.", Cookies: "Dein Browser behält keine Cookies für diese Seite. Erlaube sie und lade die Seite neu.",
	Wait: "Ohne JavaScript: Warte %d Sekunden und fahre dann fort.", Early: "Es ist noch etwas zu früh: Warte noch %d Sekunden.",
	Go: "Weiter", Reference: "Aktenzeichen",
}

func wordsFor(r *http.Request) words {
	if problem.Language(r) == german.Lang {
		return german
	}
	return english
}
