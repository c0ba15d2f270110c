package detect

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// rule is a rule file about all events with a detection.
func rule(id, detection string) string {
	return "title: t\nid: " + id + "\nlogsource: { product: convosphere }\ndetection:\n  " + strings.ReplaceAll(strings.TrimSpace(detection), "\n", "\n  ") + "\n"
}

// load loads files, which must be good.
func loadGood(t testing.TB, files ...string) *Rules {
	t.Helper()
	r, problems := Load(folder(files...))
	for _, p := range problems {
		if !p.Warning {
			t.Fatal(p)
		}
	}
	return r
}

func folder(files ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i, f := range files {
		fsys[string(rune('a'+i))+".yml"] = &fstest.MapFile{Data: []byte(f)}
	}
	return fsys
}

// fataler is what tests of all kinds are.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

// hits gives the ids of the rules that a line matches.
func hits(t fataler, r *Rules, line string) []string {
	t.Helper()
	var e ecs.Event
	if err := e.Parse([]byte(line)); err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	r.Match(&e, func(r *Rule) { ids = append(ids, r.ID) })
	return ids
}

// What the specification says of values, modifiers and conditions.
func TestDetection(t *testing.T) {
	for name, c := range map[string]struct {
		detection string
		yes, no   []string
	}{
		"equal": {
			"s: { user.id: Alice }\ncondition: s",
			[]string{`{"user.id":"alice"}`, `{"user.id":["bob","ALICE"]}`}, []string{`{"user.id":"alice2"}`, `{}`, `{"user.id":null}`},
		},
		"list is or": {
			"s: { user.id: [a, b] }\ncondition: s",
			[]string{`{"user.id":"a"}`, `{"user.id":"b"}`}, []string{`{"user.id":"c"}`},
		},
		"map is and": {
			"s: { user.id: a, source.ip: 192.0.2.1 }\ncondition: s",
			[]string{`{"user.id":"a","source.ip":"192.0.2.1"}`}, []string{`{"user.id":"a"}`, `{"source.ip":"192.0.2.1"}`},
		},
		"list of maps is or": {
			"s:\n  - user.id: a\n  - source.ip: 192.0.2.1\ncondition: s",
			[]string{`{"user.id":"a"}`, `{"source.ip":"192.0.2.1"}`}, []string{`{"user.id":"b"}`},
		},
		"numbers": {
			"s: { http.response.status_code: 404 }\ncondition: s",
			[]string{`{"http.response.status_code":404}`, `{"http.response.status_code":4.04e2}`, `{"http.response.status_code":"404"}`}, []string{`{"http.response.status_code":4040}`},
		},
		"hexadecimal": {
			"s: { rule.id: 0x10 }\ncondition: s", []string{`{"rule.id":[1,16]}`}, []string{`{"rule.id":10}`},
		},
		"wildcards": {
			`s: { url.path: '/a?c*e' }` + "\ncondition: s",
			[]string{`{"url.path":"/abce"}`, `{"url.path":"/aéc/d/e"}`, `{"url.path":"/ABCxE"}`}, []string{`{"url.path":"/ace"}`, `{"url.path":"/abcef"}`, `{"url.path":"x/abce"}`},
		},
		"only a wildcard": {
			"s: { url.path: '*' }\ncondition: s", []string{`{"url.path":"x"}`}, []string{`{}`, `{"url.path":null}`},
		},
		"escapes": {
			`s: { url.path: ['a\*b', 'c\\*', 'd\e', 'f\\\*', 'g\?'] }` + "\ncondition: s",
			[]string{`{"url.path":"a*b"}`, `{"url.path":"c\\xyz"}`, `{"url.path":"d\\e"}`, `{"url.path":"f\\*"}`, `{"url.path":"g?"}`},
			[]string{`{"url.path":"axb"}`, `{"url.path":"cx"}`, `{"url.path":"f\\x"}`, `{"url.path":"gx"}`},
		},
		"contains": {
			"s: { url.path|contains: [etc/passwd, '.git?c'] }\ncondition: s",
			[]string{`{"url.path":"/x/ETC/passwd/y"}`, `{"url.path":"/.git/config"}`}, []string{`{"url.path":"/etc/shadow"}`},
		},
		"startswith": {"s: { url.path|startswith: /admin }\ncondition: s", []string{`{"url.path":"/admin/x"}`}, []string{`{"url.path":"/x/admin"}`}},
		"endswith":   {"s: { url.path|endswith: .php }\ncondition: s", []string{`{"url.path":"/x.PHP"}`}, []string{`{"url.path":"/x.php5"}`}},
		"all": {
			"s: { url.path|contains|all: [a, b] }\ncondition: s", []string{`{"url.path":"xbxa"}`}, []string{`{"url.path":"xa"}`},
		},
		"cased": {
			"s: { url.path|contains|cased: Ab, user.id|cased: X }\ncondition: s", []string{`{"url.path":"xAbx","user.id":"X"}`}, []string{`{"url.path":"xabx","user.id":"X"}`, `{"url.path":"xAbx","user.id":"x"}`},
		},
		"neq": {
			"s: { user.id|neq: [a, b] }\ncondition: s", []string{`{"user.id":"c"}`, `{}`}, []string{`{"user.id":"a"}`, `{"user.id":"B"}`},
		},
		"regular expression": {
			`s: { url.path|re: '^/(a|b){2}\d+$' }` + "\ncondition: s", []string{`{"url.path":"/ab12"}`}, []string{`{"url.path":"/AB12"}`, `{"url.path":"/ab"}`},
		},
		"regular expression, flags": {
			`s: { url.path|re|i|m|s: '^b.c$' }` + "\ncondition: s", []string{`{"url.path":"a\nB\nC\nd"}`}, []string{`{"url.path":"abcd"}`},
		},
		"cidr": {
			"s: { source.ip|cidr: [192.0.2.0/24, '2001:db8::/32'] }\ncondition: s",
			[]string{`{"source.ip":"192.0.2.7"}`, `{"source.ip":"2001:db8::1"}`, `{"source.ip":"::ffff:192.0.2.9"}`}, []string{`{"source.ip":"192.0.3.7"}`, `{"source.ip":"x"}`},
		},
		"comparisons": {
			"s: { event.duration|gt: 1.5, event.duration|lte: 10 }\ncondition: s", []string{`{"event.duration":10}`, `{"event.duration":"2"}`}, []string{`{"event.duration":1.5}`, `{"event.duration":11}`, `{"event.duration":"x"}`},
		},
		"less": {"s: { event.duration|lt: 5, event.duration|gte: 3 }\ncondition: s", []string{`{"event.duration":3}`}, []string{`{"event.duration":5}`, `{"event.duration":2}`, `{}`}},
		"exists": {
			"s: { user.id|exists: true, source.ip|exists: false }\ncondition: s", []string{`{"user.id":null}`, `{"user.id":""}`}, []string{`{}`, `{"user.id":"a","source.ip":"b"}`},
		},
		"null": {"s: { user.id: null }\ncondition: s", []string{`{}`, `{"user.id":null}`, `{"user.id":""}`}, []string{`{"user.id":"a"}`}},
		"empty, which events do not write": {
			"s: { user_agent.original: '' }\ncondition: s", []string{`{}`, `{"user_agent.original":""}`}, []string{`{"user_agent.original":"x"}`},
		},
		"not null": {"s: { user.id: a }\nf: { source.ip: null }\ncondition: s and not f", []string{`{"user.id":"a","source.ip":"x"}`}, []string{`{"user.id":"a"}`}},
		"another field": {
			"s: { user.id|fieldref: user.target.id }\ncondition: s", []string{`{"user.id":"A","user.target.id":["b","a"]}`}, []string{`{"user.id":"a","user.target.id":"b"}`, `{"user.id":"a"}`, `{}`},
		},
		"not another field": {
			"s: { user.id|fieldref|neq: user.target.id }\ncondition: s", []string{`{"user.id":"a","user.target.id":"b"}`}, []string{`{"user.id":"a","user.target.id":"a"}`},
		},
		"begins with another field": {
			"s: { user.id|fieldref|startswith: user.target.id }\ncondition: s", []string{`{"user.id":"abc","user.target.id":"ab"}`}, []string{`{"user.id":"xab","user.target.id":"ab"}`},
		},
		"base64": {"s: { url.path|base64|contains: hello }\ncondition: s", []string{`{"url.path":"/aGVsbG8="}`}, []string{`{"url.path":"/hello"}`}},
		"base64 anywhere": {
			"s: { url.path|base64offset|contains: 'http://' }\ncondition: s", []string{`{"url.path":"aHR0cDovL2E="}`, `{"url.path":"YWh0dHA6Ly9h"}`, `{"url.path":"YWFodHRwOi8vYQ=="}`}, []string{`{"url.path":"aHR0cHM6Ly9h"}`},
		},
		"wide":      {"s: { url.path|wide|base64offset|contains: cmd }\ncondition: s", []string{`{"url.path":"YwBtAGQA"}`}, []string{`{"url.path":"Y21k"}`}},
		"wide, big": {"s: { url.path|utf16be|base64|contains: cm }\ncondition: s", []string{`{"url.path":"AGMAbQ=="}`}, []string{`{"url.path":"YwBtAA=="}`}},
		"windash": {
			"s: { url.path|windash|contains: ' -f a-b' }\ncondition: s", []string{`{"url.path":"x -f a-b"}`, `{"url.path":"x /F a-b"}`, `{"url.path":"x –f a-b"}`}, []string{`{"url.path":"x -f a/b"}`},
		},
		"time": {
			"s: { '@timestamp|hour': [2, 3], '@timestamp|month|gte': 11, '@timestamp|day|lt': 28, '@timestamp|week': 48, '@timestamp|year': 2026, '@timestamp|minute': 14 }\ncondition: s",
			[]string{`{"@timestamp":"2026-11-27T03:14:15.000000Z"}`}, []string{`{"@timestamp":"2026-11-27T04:14:15.000000Z"}`, `{"@timestamp":"2026-11-28T03:14:15.000000Z"}`, `{}`},
		},
		"keywords": {
			"k: [SELECT * FROM, 'drop\\*']\ncondition: k", []string{`{"url.path":"x select a from b"}`, `{"a":{"b":["DROP*"]}}`}, []string{`{"url.path":"drop"}`},
		},
		"all keywords":                    {"k: { '|all': [aa, bb] }\ncondition: k", []string{`{"x":"caac","y":"bb"}`}, []string{`{"x":"aa"}`}},
		"keyword expression":              {"k: { '|re': 'a+b$' }\ncondition: k", []string{`{"x":"caab"}`}, []string{`{"x":"abc"}`}},
		"keywords and fields in one list": {"k:\n  - abc\n  - user.id: x\ncondition: k", []string{`{"q":"abcd"}`, `{"user.id":"x"}`}, []string{`{"user.id":"y"}`}},
		"precedence": {
			"a: { user.id: a }\nb: { source.ip: b }\nc: { url.path: c }\ncondition: a or b and not c", []string{`{"user.id":"a","url.path":"c"}`, `{"source.ip":"b"}`}, []string{`{"source.ip":"b","url.path":"c"}`},
		},
		"parentheses": {
			"a: { user.id: a }\nb: { source.ip: b }\nc: { url.path: c }\ncondition: (a OR b) AND NOT (c)", []string{`{"user.id":"a"}`}, []string{`{"user.id":"a","url.path":"c"}`},
		},
		"1 of": {
			"sel_a: { user.id: a }\nsel_b: { source.ip: b }\nf: { url.path: c }\ncondition: 1 of sel_* and not f", []string{`{"user.id":"a"}`, `{"source.ip":"b"}`}, []string{`{"url.path":"c"}`, `{"user.id":"a","url.path":"c"}`},
		},
		"all of":               {"sel_a: { user.id: a }\nsel_b: { source.ip: b }\ncondition: all of sel*", []string{`{"user.id":"a","source.ip":"b"}`}, []string{`{"user.id":"a"}`}},
		"them":                 {"a: { user.id: a }\n_b: { source.ip: b }\ncondition: all of them", []string{`{"user.id":"a"}`}, []string{`{"source.ip":"b"}`}},
		"list of conditions":   {"a: { user.id: a }\nb: { source.ip: b }\ncondition: [a, b]", []string{`{"user.id":"a"}`, `{"source.ip":"b"}`}, []string{`{}`}},
		"letters beyond ASCII": {"s: { user.id|contains: ÄÖ }\ncondition: s", []string{`{"user.id":"xäÖx"}`}, []string{`{"user.id":"ao"}`}},
		"true":                 {"s: { gateway.waf.blocked: true }\ncondition: s", []string{`{"gateway.waf.blocked":true}`, `{"gateway":{"waf":{"blocked":"TRUE"}}}`}, []string{`{"gateway.waf.blocked":false}`}},
	} {
		t.Run(name, func(t *testing.T) {
			r := loadGood(t, rule("x", c.detection))
			for _, line := range c.yes {
				if len(hits(t, r, line)) != 1 {
					t.Errorf("%s is not found", line)
				}
			}
			for _, line := range c.no {
				if len(hits(t, r, line)) != 0 {
					t.Errorf("%s is found", line)
				}
			}
		})
	}
}

// A log source says which events a rule is about; the fields of others' logs are found in ours.
func TestLogsources(t *testing.T) {
	const request = `{"event.action":"http-request","event.category":"web","url.domain":"a.example","url.path":"/x/y.PHP","url.query":"q=1","http.request.method":"GET","http.response.status_code":200,"user_agent.original":"curl"}`
	for _, c := range []struct{ source, detection, line string }{
		{"category: webserver", "s: { cs-method: GET, c-uri|endswith: '/y.php?q=1', cs-uri-stem: /x/y.php, cs-uri-query|contains: q=1, sc-status: 200, c-useragent: curl, cs-host: a.example }", request},
		{"category: proxy", "s: { c-uri: 'https://a.example/x/y.php?q=1', c-uri-extension: php }", request},
		{"{ category: application, product: django }", "s: [y.php]", request},
		{"{ category: http, product: convosphere, service: gateway }", "s: { url.path|endswith: .php }", request},
		{"{ category: authentication, product: convosphere }", "s: { event.action: login }", `{"event.category":["web","authentication"],"event.action":"login"}`},
	} {
		r := loadGood(t, "title: t\nlogsource: "+strings.ReplaceAll("\n  "+c.source, "\n  {", " {")+"\ndetection:\n  "+c.detection+"\n  condition: s\n")
		if len(hits(t, r, c.line)) != 1 {
			t.Errorf("%s %s is not found", c.source, c.detection)
		}
		other := strings.NewReplacer("http-request", "login", "authentication", "web").Replace(c.line)
		if len(hits(t, r, other)) != 0 {
			t.Errorf("%s %s is found in another log", c.source, c.detection)
		}
	}
	_, problems := Load(folder(
		"title: t\nid: w\nlogsource: { product: windows }\ndetection: { s: { Image: x }, condition: s }\n",
		"title: t\nid: k\nlogsource: { category: application, product: kubernetes }\ndetection: { s: { verb: x }, condition: s }\n",
		"title: t\nid: d\nstatus: deprecated\nlogsource: { category: webserver }\ndetection: { s: { c-uri: x }, condition: s }\n",
	))
	if len(problems) != 3 || slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning || !strings.Contains(p.Text, "left out") }) {
		t.Error(problems)
	}
}
