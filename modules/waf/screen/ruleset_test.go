package screen

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental"

	"github.com/convosphere/gateway/modules/waf/seclang"
)

// small is what every small rule set begins with.
const small = `SecRequestBodyAccess On
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain
SecRequestBodyLimit 2000001
SecRequestBodyJsonDepthLimit 32
SecArgumentsLimit 20
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application|text)/(?:[^;,\s]+\+)?json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
`

// newSmall makes the pair of a small rule set; nil where Coraza has no such rules, or there is no screen for them.
func newSmall(rules string) (p *pair, refused error) {
	rules = small + rules
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(rules))
	if err != nil {
		return nil, fmt.Errorf("coraza: %w", err)
	}
	program, err := seclang.Parse(rules, coreruleset.FS)
	if err != nil {
		return nil, err
	}
	s, err := New(program, Options{Root: coreruleset.FS, Limits: Limits{Arguments: 20, Depth: 32}, Modelled: []int{200001}})
	if err != nil {
		return nil, err
	}
	return &pair{s, waf.(experimental.WAFWithOptions)}, nil
}

// grammar makes small rule sets, whose rules set what others read, skip, remove and chain, and requests of the same few words.
type grammar struct {
	*rand.Rand
	ids int
}

func (g *grammar) one(list ...string) string { return list[g.IntN(len(list))] }

func (g *grammar) maybe(of int, s string) string {
	if g.IntN(of) == 0 {
		return s
	}
	return ""
}

func (g *grammar) word() string {
	return g.one("a", "b", "ab", "A", "1", "0", "2", "a1", "", "b a", "ſa", "a\nb", "aab")
}

func (g *grammar) target(phase int, chained bool) string {
	list := []string{"ARGS", "ARGS:a", "ARGS:A", "ARGS:/^a/", "ARGS:/A/", "ARGS_NAMES", "ARGS_GET", "ARGS_POST", "ARGS_GET_NAMES", "ARGS_POST:json.a", "REQUEST_HEADERS", "REQUEST_HEADERS:X-A",
		"REQUEST_HEADERS_NAMES", "REQUEST_HEADERS:/^x-/", "REQUEST_COOKIES", "REQUEST_COOKIES:a", "REQUEST_COOKIES_NAMES", "REQUEST_URI", "REQUEST_METHOD", "REQUEST_FILENAME", "REQUEST_BODY",
		"QUERY_STRING", "REQBODY_PROCESSOR", "TX:a", "TX:b", "TX:1", "TX:0", "TX", "TX:/^a/", "TX:/[0-9]/", "TX|!TX:a", "&TX:a", "&TX", "&ARGS", "&ARGS_GET", "&REQUEST_HEADERS:X-A", "&REQUEST_HEADERS",
		"&REQUEST_HEADERS:/A/", "&REQUEST_COOKIES", "ARGS|!ARGS:a", "ARGS|!ARGS:/a/", "REQUEST_HEADERS|!REQUEST_HEADERS:Host", "&FILES", "REQBODY_ERROR", "REMOTE_ADDR", "REQUEST_BASENAME",
		"MATCHED_VAR", "MATCHED_VARS", "MATCHED_VAR_NAME", "UNIQUE_ID", "RULE:id", "&MATCHED_VARS"}
	if phase > 2 {
		list = append(list, "RESPONSE_BODY", "RESPONSE_BODY", "RESPONSE_STATUS", "RESPONSE_HEADERS:X-B", "RESPONSE_HEADERS", "RESPONSE_HEADERS_NAMES", "&RESPONSE_HEADERS")
	}
	if chained && g.IntN(4) == 0 {
		return g.one("TX:1", "TX:0", "TX:a", "TX:b", "MATCHED_VARS", "MATCHED_VAR")
	}
	return g.one(list...)
}

func (g *grammar) operator() string {
	arg := func() string {
		return g.one("a", "b", "1", "ab", "%{tx.a}", "%{tx.1}", "a%{tx.b}", "%{tx.zz}", "%{MATCHED_VAR}", "%{ARGS.a}")
	}
	op := g.one(
		"@rx a", "@rx ^a$", "@rx (a)(b)?", "@rx ^(.*)$", "@rx ^(a|b)(1|2)?", "@rx a|b", "@rx (?i)A", `@rx \bab\b`, "@rx [ab]+1", "@rx ^$", "@rx .", "@rx a.?b", "@rx (?i)sa", "@rx x-a", `@rx \xe9|a`, "b1?$",
		"@pm a b", "@pm ab b1", "@eq 0", "@eq 1", "@gt 0", "@ge 1", "@lt 2", "@le 0", "@unconditionalMatch", "@noMatch", "@validateByteRange 97-98", "@validateUrlEncoding", "@validateUtf8Encoding",
		"@detectXSS", "@ipMatch 192.0.2.0/24",
		"@streq "+arg(), "@contains "+arg(), "@beginsWith "+arg(), "@endsWith "+arg(), "@within "+arg(), "@eq "+arg(), "@gt "+arg(), "@strmatch "+arg())
	return g.maybe(4, "!") + op
}

func (g *grammar) setvar() string {
	return "setvar:'" + g.one("tx.a=1", "tx.a=+1", "tx.a=-1", "tx.b=%{tx.a}", "tx.a=%{tx.1}", "tx.a=%{tx.0}", "tx.b=a", "tx.ab=%{tx.b}", "tx.a%{tx.1}=1", "tx.b=+%{tx.a}", "tx.a=%{MATCHED_VAR}", "TX.A=2", "tx.1=a") + "'"
}

func (g *grammar) ctl() string {
	id := g.one("1", "2", "3", "4", "5", "1-3", "3-6", "0-4")
	return "ctl:" + g.one("ruleRemoveById="+id, "ruleRemoveByTag=t1", "ruleRemoveByTag=t2", "ruleRemoveTargetById="+g.one("1", "2", "3", "4", "5", "6")+";"+g.one("ARGS:a", "ARGS", "REQUEST_HEADERS:X-A", "TX:a", "REQUEST_HEADERS", "ARGS:/a/"),
		"ruleRemoveTargetByTag=t1;"+g.one("ARGS:a", "REQUEST_HEADERS:x-a", "TX:b"), "requestBodyProcessor="+g.one("JSON", "URLENCODED", "XML"), "forceRequestBodyVariable=On", "ruleEngine="+g.one("Off", "DetectionOnly", "On"),
		"auditEngine=Off", "ruleRemoveByMsg=m", "requestBodyAccess=Off", "responseBodyAccess=Off")
}

func (g *grammar) small() string {
	// What can be evaluated is frequent; the rest is rare, for there is no screen with most of it.
	var a []string
	for range g.IntN(3) {
		a = append(a, g.one(g.setvar(), g.setvar(), g.setvar(), "capture", "capture", "multiMatch", "t:lowercase", "t:lowercase", "t:urlDecodeUni", "t:removeWhitespace", "t:length", "t:base64Decode", "t:htmlEntityDecode", "t:none", "t:sha1,t:hexEncode", "t:cmdLine", g.maybe(2, g.ctl())))
	}
	return strings.Join(slices.DeleteFunc(a, func(s string) bool { return s == "" }), ",")
}

func (g *grammar) rule() string {
	g.ids++
	phase := []int{1, 1, 2, 2, 2, 2, 4, 3, 5}[g.IntN(9)]
	head := fmt.Sprintf("id:%d,phase:%d,%s,%s", g.ids, phase, g.one("pass", "pass", "pass", "pass", "deny", "block", "allow", "allow:phase", "allow:request"), g.one("log,msg:m", "log", "nolog", "nolog"))
	if s := g.maybe(4, "tag:t1") + g.maybe(4, ",tag:t2"); s != "" {
		head += "," + strings.TrimPrefix(s, ",")
	}
	if s := g.small(); s != "" {
		head += "," + s
	}
	if g.IntN(8) == 0 {
		head += "," + g.one("skip:1", "skip:2", "skipAfter:M1", "skipAfter:M2", "skipAfter:NONE")
	}
	if g.IntN(8) == 0 {
		return "SecAction \"" + head + "\"\n"
	}
	links := 0
	if g.IntN(2) == 0 {
		links = 1 + g.IntN(2)
	}
	var b strings.Builder
	for i := 0; i <= links; i++ {
		targets := g.target(phase, i > 0)
		for range g.IntN(5) / 3 {
			targets += "|" + g.target(phase, i > 0)
		}
		actions := head
		if i > 0 {
			actions = g.small()
		}
		if i < links {
			actions = strings.TrimPrefix(actions+",chain", ",")
		}
		fmt.Fprintf(&b, "SecRule %s %q", targets, "OP")
		s := strings.Replace(b.String(), `"OP"`, `"`+g.operator()+`"`, 1)
		b.Reset()
		b.WriteString(s)
		if actions != "" {
			fmt.Fprintf(&b, " \"%s\"", actions)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (g *grammar) rules() string {
	g.ids = 0
	var b strings.Builder
	b.WriteString("SecRuleEngine " + g.one("On", "On", "On", "DetectionOnly") + "\n")
	for range 1 + g.IntN(7) {
		b.WriteString(g.rule())
		b.WriteString(g.maybe(5, "SecMarker M1\n") + g.maybe(8, "SecMarker M2\n"))
	}
	b.WriteString(g.maybe(12, "SecRuleRemoveById "+g.one("1", "2", "1-2")+"\n"))
	b.WriteString(g.maybe(12, "SecRuleRemoveByTag t1\n"))
	b.WriteString(g.maybe(8, "SecRuleUpdateTargetById "+g.one("1", "2", "3", "1-3")+` "`+g.one("!ARGS:a", "!TX:a", "!REQUEST_HEADERS:X-A", "!ARGS", "!REQUEST_HEADERS")+"\"\n"))
	return b.String()
}

func (g *grammar) request() *Request {
	// No key is empty: Coraza takes what transformations made of the count of a collection for what they make of such a member's value.
	q := ""
	for range g.IntN(3) {
		q += "&" + g.one("a", "A", "b", "ab", "x-a") + "=" + url.QueryEscape(g.word())
	}
	r := request(g.one("GET", "POST", "a", "b"), "/"+g.one("a", "b", "x", "ab/b")+g.maybe(1+g.IntN(3), "?"+strings.TrimPrefix(q, "&")), "")
	if g.IntN(2) == 0 { // without what browsers send, counts are small
		r.Header = func(yield func(name, value string) bool) { yield("Host", "a") }
	}
	for _, name := range []string{"X-A", "Cookie", "x-b"} {
		if g.IntN(3) == 0 {
			r = with(r, name, g.one("a", "a=b", "a=1; b", "b=a; A=ab", g.word()))
		}
	}
	switch g.IntN(4) {
	case 0:
		r = with(r, "Content-Type", g.one("application/x-www-form-urlencoded", "application/x-www-form-urlencoded", " Application/X-www-form-urlencoded;a"))
		r.Body = []byte("a=" + url.QueryEscape(g.word()) + "&b" + g.word() + "=" + g.word())
	case 1:
		r = with(r, "Content-Type", g.one("application/json", "application/a+json", "text/json"))
		r.Body = []byte(g.one(`{"a":"ab","b":[1,"a"]}`, `{"a":1}`, `["a","b"]`, `{"A":{"a":"a"}}`, `{"a":"\u0061","a":null}`, `1`, `"a"`, `{}`, `[]`, `{"":"a"}`, `{"a.a":"1"}`))
	case 2:
		if g.IntN(3) == 0 {
			r = with(r, "Content-Type", g.one("application/octet-stream", "a", "text/plain", "multipart/form-data; boundary=a"))
			r.Body = []byte(g.word())
		}
	}
	return r
}

func (g *grammar) answer() *Answer {
	value, kind := g.word(), g.one("text/plain", "text/plain; charset=utf-8")
	return &Answer{Status: g.one("200", "404", "500"), Body: g.word(), Header: func(yield func(name, value string) bool) {
		if yield("Content-Type", kind) {
			yield("X-B", value)
		}
	}}
}

// fault is what pair.check says, to be judged here.
type fault string

func (f *fault) Fatalf(format string, args ...any) {
	*f = fault(fmt.Sprintf(format, args...))
	panic(f)
}

// wrong tells what the screen is wrong about in an exchange, also when it is asked again: Coraza itself looks at the members of a collection in any order.
func (p *pair) wrong(r *Request, a *Answer) (what string, res Result) {
	for range 20 {
		var f fault
		func() {
			defer func() {
				if e := recover(); e != nil && e != any(&f) {
					panic(e)
				}
			}()
			res = p.check(&f, r, a)
		}()
		if f == "" {
			return "", res
		}
		what = string(f)
	}
	return what, res
}

// Whatever rules there are: what the screen says of a few exchanges is true, or there is no screen for these rules.
func TestSoundRuleSets(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed ", seed)
	g := &grammar{Rand: rand.New(rand.NewPCG(seed, 3))}
	sets, asked, clean, named := 0, 0, 0, 0
	for until := time.Now().Add(budget(t)); time.Now().Before(until); {
		rules := g.rules()
		p, err := newSmall(rules)
		if err != nil {
			continue
		}
		sets++
		for range 20 {
			r := g.request()
			var a *Answer
			if g.IntN(2) == 0 {
				a = g.answer()
			}
			what, res := p.wrong(r, a)
			if what != "" {
				var headers []string
				r.Header(func(name, value string) bool { headers = append(headers, name+": "+value); return true })
				t.Fatalf("%s\n%q\n%s", what, headers, rules)
			}
			asked++
			if res.Clean {
				clean++
			} else if res.Known {
				named++
			}
		}
	}
	t.Logf("%d rule sets, %d exchanges, %d clean, %d named", sets, asked, clean, named)
	if sets < 20 || clean < asked/50 || named < asked/50 {
		t.Error("the rules or the requests are too plain")
	}
}
