package screen

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
	"github.com/corazawaf/libinjection-go"
)

// pair is a screen and Coraza with the same rules.
type pair struct {
	screen *Screen
	waf    experimental.WAFWithOptions
}

func newPair(t testing.TB, rules string) *pair {
	t.Helper()
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(rules))
	if err != nil {
		t.Fatal(err)
	}
	return &pair{newScreen(t, rules), waf.(experimental.WAFWithOptions)}
}

// outcome is what Coraza makes of an exchange.
type outcome struct {
	rules   []int // that matched, also silent ones
	loud    []int // that say so
	stopped int   // the rule that interrupted
}

// run lets Coraza run all rules but the ones that are out.
func (p *pair) run(r *Request, a *Answer, out []int) (o outcome) {
	tx := p.waf.NewTransactionWithOptions(experimental.Options{ID: "x"})
	defer tx.Close()
	for _, id := range out {
		tx.(interface{ RemoveRuleByID(int) }).RemoveRuleByID(id)
	}
	tx.ProcessConnection("192.0.2.1", 1234, "", 0)
	tx.ProcessURI(r.URI, r.Method, r.Proto)
	contentType := ""
	for name, v := range r.Header {
		if tx.AddRequestHeader(name, v); strings.EqualFold(name, "Content-Type") && contentType == "" {
			contentType = v
		}
	}
	if tx.ProcessRequestHeaders() == nil {
		_, _, _ = tx.WriteRequestBody(r.Body)
		processor := tx.(plugintypes.TransactionState).Variables().RequestBodyProcessor().Get()
		if c := firstByte(r.Body); (c == '{' || c == '[') && processor != "JSON" { // as the handler does
			name := "json"
			if Form(contentType) {
				name = Unused(name, string(r.Body))
			}
			n := 0
			Strings(bytes.NewReader(r.Body), func(s string) bool { tx.AddPostRequestArgument(Numbered(name, n), s); n++; return true })
		}
		if e, _ := p.screen.Request(r); e.known {
			for _, a := range e.Repeated() {
				tx.AddPostRequestArgument(a.Key, a.Value)
			}
		}
		_, _ = tx.ProcessRequestBody()
	}
	if a != nil && !tx.IsInterrupted() {
		for name, v := range a.Header {
			tx.AddResponseHeader(name, v)
		}
		var code int
		_, _ = fmt.Sscan(a.Status, &code)
		if tx.ProcessResponseHeaders(code, "HTTP/1.1") == nil {
			_, _, _ = tx.WriteResponseBody([]byte(a.Body))
			_, _ = tx.ProcessResponseBody()
		}
	}
	tx.ProcessLogging()
	if i := tx.Interruption(); i != nil {
		o.stopped = i.RuleID
	}
	for _, m := range tx.MatchedRules() {
		id := m.Rule().ID()
		o.rules = append(o.rules, id)
		if l, ok := m.(interface{ Log() bool }); ok && l.Log() || m.Message() != "" && m.Rule().Phase() > types.PhaseRequestBody && m.Rule().Phase() < types.PhaseLogging {
			o.loud = append(o.loud, id)
		}
	}
	return o
}

// check fails where the screen is wrong about an exchange: where it said clean and a rule speaks or interrupts, or where the outcome without the rules that it
// took out is another one.
func (p *pair) check(t interface{ Fatalf(string, ...any) }, r *Request, a *Answer) Result {
	e, res := p.screen.Request(r)
	out := res.Out
	if a != nil && res.Known {
		answer := e.Response(a)
		if !answer.Known {
			res = answer
		}
		res.Clean = res.Clean && answer.Clean
		out = append(slices.Clone(out), answer.Out...)
	}
	if !res.Known {
		return res
	}
	whole := p.run(r, a, nil)
	if res.Clean {
		if whole.stopped != 0 || len(whole.loud) > 0 {
			t.Fatalf("the screen says clean; rules %v match, %d stops\n%s %q\n%q", whole.loud, whole.stopped, r.Method, r.URI, r.Body)
		}
		return res
	}
	part := p.run(r, a, out)
	// A few chained rules look at the value that matched last, and which that is depends on the order of a map: Coraza itself has several outcomes then.
	for range 50 {
		if slices.Equal(part.rules, whole.rules) {
			break
		}
		whole = p.run(r, a, nil)
	}
	if !slices.Equal(part.rules, whole.rules) || part.stopped != whole.stopped {
		t.Fatalf("with what the screen took out, %v match and %d stops; without, %v and %d\n%s %q\n%q\n%+v", part.rules, part.stopped, whole.rules, whole.stopped, r.Method, r.URI, r.Body, a)
	}
	return res
}

// encodings are the ways in which an attack may be written so that some transformation undoes it.
var encodings = []func(string, *rand.Rand) string{
	func(s string, _ *rand.Rand) string { return s },
	func(s string, _ *rand.Rand) string { return url.QueryEscape(s) },
	func(s string, _ *rand.Rand) string { return html.EscapeString(s) },
	func(s string, _ *rand.Rand) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	each(func(r rune) string { return fmt.Sprintf("%%u%04x", r) }),
	each(func(r rune) string { return fmt.Sprintf("&#%d;", r) }),
	each(func(r rune) string { return fmt.Sprintf("&#x%x;", r) }),
	each(func(r rune) string { return fmt.Sprintf(`\u%04x`, r) }),
	each(func(r rune) string { return fmt.Sprintf(`\x%02x`, byte(r)) }),
	each(func(r rune) string { return fmt.Sprintf(`\%x `, r) }),
	each(func(r rune) string { return string(r) + "\x00" }),
	each(func(r rune) string { return string(r) + " " }),
	each(func(r rune) string { return `\` + string(r) }),
	each(func(r rune) string { return "'" + string(r) }),
	each(func(r rune) string { return "/**/" + string(r) }),
	each(func(r rune) string { return strings.ToUpper(string(r)) }),
	each(func(r rune) string {
		if r > ' ' && r < 127 {
			return string(r + 0xfee0) // full width
		}
		return string(r)
	}),
	func(s string, rng *rand.Rand) string { return mutate(s, rng) },
	func(s string, _ *rand.Rand) string { return "harmless words, then " + s + " and more of them." },
}

// each encodes some of the runes.
func each(f func(r rune) string) func(string, *rand.Rand) string {
	return func(s string, rng *rand.Rand) string {
		var b strings.Builder
		rate := 1 + rng.IntN(4)
		for _, r := range s {
			if rng.IntN(rate) == 0 {
				b.WriteString(f(r))
			} else {
				b.WriteRune(r)
			}
		}
		return b.String()
	}
}

// places are where a value may stand in a request.
var places = []func(value string) *Request{
	func(v string) *Request { return request("GET", "/x?a="+url.QueryEscape(v), "") },
	func(v string) *Request { return request("GET", "/x?"+url.QueryEscape(v)+"=1", "") },
	func(v string) *Request { return request("POST", "/api/x", fmt.Sprintf(`{"text":%s}`, quote(v))) },
	func(v string) *Request { return request("POST", "/api/x", fmt.Sprintf(`{%s:["a",1,null]}`, quote(v))) },
	func(v string) *Request { return form("a=" + url.QueryEscape(v) + "&b=c") },
	func(v string) *Request { return form(v) },
	func(v string) *Request { return with(form(v), "Content-Type", "text/plain") },
	func(v string) *Request { return with(form(`["a",`+quote(v)+`]`), "Content-Type", "text/plain") },
	func(v string) *Request {
		return with(form(`{`+quote(v)+`:[`), "Content-Type", "application/octet-stream")
	},
	func(v string) *Request { return with(form(v), "Content-Type", v) },
	func(v string) *Request { return with(request("GET", "/x", ""), "Cookie", "a="+v) },
	func(v string) *Request { return with(request("GET", "/x", ""), "Cookie", v+"=a; b=c") },
	func(v string) *Request { return with(request("GET", "/x", ""), "X-Any", v) },
	func(v string) *Request { return with(request("GET", "/x", ""), v, "x") },
	func(v string) *Request { return with(request("GET", "/x", ""), "Referer", "https://x.example/"+v) },
	func(v string) *Request { return with(request("GET", "/x", ""), "User-Agent", v) },
	func(v string) *Request {
		return with(request("POST", "/x", `{"a":1}`), "Content-Type", "application/json; "+v)
	},
	func(v string) *Request { return request("GET", "/"+url.PathEscape(v)+"/y", "") },
	func(v string) *Request { return request("GET", "/"+v, "") },
	func(v string) *Request { return request(v, "/x", "") },
}

// quote is a JSON string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

func form(body string) *Request {
	r := with(request("POST", "/form", ""), "Content-Type", "application/x-www-form-urlencoded")
	r = with(r, "Content-Length", fmt.Sprint(len(body)))
	r.Body = []byte(body)
	return r
}

// with is the request with a header set.
func with(r *Request, name, value string) *Request {
	c, before := *r, r.Header
	c.Header = func(yield func(name, value string) bool) {
		for n, v := range before {
			if !strings.EqualFold(n, name) && !yield(n, v) {
				return
			}
		}
		yield(name, value)
	}
	return &c
}

// Of every rule, values are made that it probably matches, encoded in every way that some transformation undoes, mutated, and put where rules look. What the
// screen says must be true of all of them.
func TestSound(t *testing.T) {
	for _, level := range []int{1, 4} {
		t.Run(fmt.Sprint("paranoia ", level), func(t *testing.T) {
			p := newPair(t, detecting(level))
			seeds := seeds(p.screen)
			rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
			until := time.Now().Add(budget(t))
			named, clean, tried := map[int]bool{}, 0, 0
			for i := 0; time.Now().Before(until) || i < len(seeds); i++ {
				value, place := seeds[i%len(seeds)](rng), places[0]
				if i >= len(seeds) { // at first as they are
					for range 1 + rng.IntN(2) {
						value = encodings[rng.IntN(len(encodings))](value, rng)
					}
					place = places[rng.IntN(len(places))]
				}
				res := p.check(t, place(value[:min(len(value), 2000)]), nil)
				for _, id := range res.Named {
					named[id] = true
				}
				tried++
				if res.Clean {
					clean++
				}
			}
			t.Logf("%d requests, %d of them clean, %d rules named", tried, clean, len(named))
			if len(named) < 60 {
				t.Errorf("only %d rules were ever named: the values are no attacks", len(named))
			}
		})
	}
}

// budget is how long a campaign may take: short in a test of everything, long when asked.
func budget(t *testing.T) time.Duration {
	if testing.Short() {
		return time.Second
	}
	return campaign(t)
}

// detecting are rules that record and stop nothing, so that each exchange asks all of them.
func detecting(level int) string {
	return rulesAt(level) + "SecRuleEngine DetectionOnly\n"
}

// seeds make values for each rule with a search: of its expression, or of its words.
func seeds(s *Screen) (out []func(*rand.Rand) string) {
	for _, r := range s.rules {
		if r.search == nil {
			continue
		}
		switch l := &r.src.Links[0]; l.Op {
		case "rx":
			out = append(out, func(rng *rand.Rand) string { return generate(expression(l.Arg), rng) })
		case "pm", "pmFromFile", "pmf":
			words := r.search.clauses[0]
			out = append(out, func(rng *rand.Rand) string { return words[rng.IntN(len(words))] })
		case "detectSQLi":
			out = append(out, func(rng *rand.Rand) string {
				return []string{"1' OR '1'='1", "1 UNION SELECT a FROM b--", `" or ""="`, "1;drop table x", "admin'--"}[rng.IntN(5)]
			})
		case "detectXSS":
			out = append(out, func(rng *rand.Rand) string {
				return []string{"<script>alert(1)</script>", "<a onclick=x>", "x onerror=y", "<svg/onload=a>", "' style=x:y"}[rng.IntN(5)]
			})
		}
	}
	return out
}

// Answers, likewise.
func TestSoundAnswers(t *testing.T) {
	p := newPair(t, detecting(1))
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	var seeds []func() string
	for _, r := range p.screen.rules {
		if l := &r.src.Links[0]; r.stage() == 1 && r.search != nil {
			if l.Op == "rx" {
				seeds = append(seeds, func() string { return generate(expression(l.Arg), rng) })
			} else if len(r.search.clauses) > 0 {
				words := r.search.clauses[0]
				seeds = append(seeds, func() string { return words[rng.IntN(len(words))] })
			}
		}
	}
	until := time.Now().Add(budget(t))
	clean := 0
	for i := 0; time.Now().Before(until) || i < len(seeds); i++ {
		text := seeds[i%len(seeds)]()
		for range rng.IntN(3) {
			text = encodings[rng.IntN(len(encodings))](text, rng)
		}
		body := "<html><body><p>Some page with words in it.</p>" + text + "</body></html>"
		if rng.IntN(2) == 0 {
			body = text
		}
		kind := []string{"text/html", "text/plain; charset=utf-8"}[rng.IntN(2)] // of these the rules get the body
		a := &Answer{Status: []string{"200", "404", "500"}[rng.IntN(3)], Body: body, Header: func(yield func(name, value string) bool) { yield("Content-Type", kind) }}
		if p.check(t, request("GET", "/x", ""), a).Clean {
			clean++
		}
	}
	if clean == 0 {
		t.Error("no answer was clean")
	}
}

// Whatever the request is.
func FuzzScreen(f *testing.F) {
	p := newPair(f, detecting(2))
	for _, s := range []struct{ method, uri, name, value, body string }{
		{"GET", "/api/rooms/general/messages?limit=50&before=01J9ZQ", "X-A", "b", ""},
		{"POST", "/api/x", "Content-Type", "application/json", `{"text":"1' or '1'='1","list":[1,{"a":null}]}`},
		{"POST", "/api/x", "Content-Type", "application/x-www-form-urlencoded", "a=%3Cscript%3E&b=c+d&&=e&f"},
		{"PUT", "/a/../b//c/.git/x?x=%u0027&y=%", "Cookie", "a=b; =c; d; \x01e=f", ""},
		{"POST", "/x", "Content-Type", "application/octet-stream", "\x00\x01"},
		{"POST", "/x", "Content-Type", "application/vnd.api+json;charset=utf-8", "[[[1]],\"\u212a\",\"\u017fcript\"]"},
		{"POST", "/x", "Content-Type", "text/plain", "<?php system('id');"},
		{"GET", "/?multipart_headers_content_types_x=1", "multipart_headers_content_types_x", "1", ""},
	} {
		f.Add(s.method, s.uri, s.name, s.value, s.body)
	}
	f.Fuzz(func(t *testing.T, method, uri, name, value, body string) {
		if len(method)+len(uri)+len(name)+len(value)+len(body) > 4000 {
			return
		}
		r := with(request(method, uri, ""), name, value)
		r.Body = []byte(body)
		p.check(t, r, nil)
	})
}

// Whatever the answer is.
func FuzzAnswer(f *testing.F) {
	p := newPair(f, detecting(2))
	for _, s := range []string{
		"", "<html>hello</html>", "ORA-00933: SQL command not properly ended", "<?php echo 1;", "#!/bin/sh", "at java.lang.x", "JET Database Engine", "<% x %>", "<b>Warning</b>: sqlite_query(): x",
		"C:\\inetpub", "Server Error in '/x' Application", "\x00#!/bin", "org.x.Exception", "K\u212anown \u017fql",
	} {
		f.Add("200", s)
		f.Add("500", s)
	}
	f.Fuzz(func(t *testing.T, status, body string) {
		if len(status) != 3 || strings.Trim(status, "0123456789") != "" || len(body) > 4000 {
			return
		}
		p.check(t, request("GET", "/x", ""), &Answer{Status: status, Body: body, Header: func(yield func(name, value string) bool) { yield("Content-Type", "text/html") }})
	})
}

// What searches take for granted of libinjection.
func FuzzXSS(f *testing.F) {
	for _, s := range []string{"<script>", "x onclick=y", "' onload='a", "`style=b", "<!--", "\"/onx\n=", "onerror", "javascript:x", "<", "x href"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if libinjection.IsXSS(s) && !strings.ContainsAny(s, "<=") {
			t.Errorf("%q", s)
		}
	})
}
