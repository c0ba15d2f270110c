package detect

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// Each mistake is a problem that names the file and the line, and keeps no other rule from being good.
func TestProblems(t *testing.T) {
	const good = "title: good\nlogsource: { product: convosphere }\ndetection: { s: { user.id: x }, condition: s }\n---\n"
	det := func(d string) string { return rule("x", d) }
	cor := func(c string) string {
		return "title: c\nid: c\ncorrelation: { " + c + " }\n---\n" + strings.Replace(det("s: { user.id: x }\ncondition: s"), "title: t", "title: t\nname: n", 1)
	}
	for in, want := range map[string]string{
		"title: [": "yaml: ",
		"- a":      "a rule is a mapping",
		"title: t\ntitle: u\nlogsource: { product: convosphere }":                                                           "title is given twice",
		"id: x\nlogsource: { product: convosphere }":                                                                        "a rule has a title",
		"title: t\ndetection: { s: { user.id: x }, condition: s }":                                                          "a rule has a logsource",
		"title: t\nlogsource: { definition: x }\ndetection: { s: { user.id: x }, condition: s }":                            "a logsource has a category",
		"title: t\nlogsource: { product: convosphere, category: nonsense }\ndetection: { s: { user.id: x }, condition: s }": `no event is of the category "nonsense"`,
		"title: t\nlogsource: { product: convosphere }":                                                                     "a rule has a detection",
		"title: t\nlevel: bad\nlogsource: { product: convosphere }\ndetection: { s: { user.id: x }, condition: s }":         "level is informational",
		"title: t\nstatus: bad\nlogsource: { product: convosphere }\ndetection: { s: { user.id: x }, condition: s }":        "status is one of",
		"title: t\ntags: [T1110]\nlogsource: { product: convosphere }\ndetection: { s: { user.id: x }, condition: s }":      "a tag is lower-case words with dots",
		det("s: { user.id: x }"):                                                                                                   "a detection has a condition",
		det("s: { user.id: x }\ncondition: t"):                                                                                     `there is no search "t"`,
		det("s: { user.id: x }\ncondition: 1 of t*"):                                                                               `no search is called like "t*"`,
		det("s: { user.id: x }\ncondition: s and"):                                                                                 "a name is missing",
		det("s: { user.id: x }\ncondition: (s"):                                                                                    "a parenthesis is not closed",
		det("s: { user.id: x }\ncondition: s s"):                                                                                   `"s" is not expected`,
		det("s: { user.id: x }\ncondition: s | count() > 5"):                                                                       "write a correlation",
		det("s: { user.id: x }\ncondition: " + strings.Repeat("not ", 99) + "s"):                                                   "nested too deep",
		det("s: { user.id|like: x }\ncondition: s"):                                                                                `there is no modifier "like"`,
		det("s: { user.id|contains|contains: x }\ncondition: s"):                                                                   "given twice",
		det("s: { user.id|contains|endswith: x }\ncondition: s"):                                                                   "exclude each other",
		det("s: { user.id|re|cidr: x }\ncondition: s"):                                                                             "exclude each other",
		det("s: { user.id|re|contains: x }\ncondition: s"):                                                                         "changes texts only",
		det("s: { user.id|i: x }\ncondition: s"):                                                                                   "stands behind re",
		det("s: { user.id|exists|neq: true }\ncondition: s"):                                                                       "exists stands alone",
		det("s: { user.id|exists: perhaps }\ncondition: s"):                                                                        "exists is true or false",
		det("s: { user.id|gt: abc }\ncondition: s"):                                                                                "is no number",
		det("s: { source.ip|cidr: 10.0.0.1 }\ncondition: s"):                                                                       "is no network",
		det("s: { user.id|base64: 'a*' }\ncondition: s"):                                                                           "takes no wildcards",
		det("s: { user.id|expand: '%admins%' }\ncondition: s"):                                                                     "the placeholder %admins%",
		det("s: { user.id|re: '(?=a)b' }\ncondition: s"):                                                                           "what RE2 has not",
		det(`s: { user.id|re: '(a)\1' }` + "\ncondition: s"):                                                                       "what RE2 has not",
		det("s: { user.id|re: '(' }\ncondition: s"):                                                                                "the regular expression",
		det("s: { user.id|re: '" + strings.Repeat("a", 5000) + "' }\ncondition: s"):                                                "longer than 4096",
		det("s: { user.id|windash: '" + strings.Repeat("-a ", 20) + "' }\ncondition: s"):                                           "too many dashes",
		det("s: { user.id: [[a]] }\ncondition: s"):                                                                                 "a value is a text or a number",
		det("s: { user.id: { a: b } }\ncondition: s"):                                                                              "a value is a text or a number",
		det("s: { user.id: [] }\ncondition: s"):                                                                                    "has no values",
		det("s: []\ncondition: s"):                                                                                                 "has no entries",
		det("s: [[a]]\ncondition: s"):                                                                                              "a list in a list",
		det("s: null\ncondition: s"):                                                                                               "s is empty",
		det("s: { '|gt': 5 }\ncondition: s"):                                                                                       "a keyword is a text",
		det("s: { user.id: x }\ncondition: s") + "gateway: { subjects: [x] }":                                                      `not "subjects"`,
		det("s: { user.id: x }\ncondition: s") + "gateway: { suppress: soon }":                                                     "is no time",
		det("s: { user.id: x }\ncondition: s") + "gateway: { respond: [shoot] }":                                                   "a response is one of",
		det("s: { user.id: x }\ncondition: s") + "gateway: { respond: [ban forever] }":                                             "is no time",
		det("s: { user.id: x }\ncondition: s") + "gateway: { explain: 'by {user.name}' }":                                          "not {user.name}",
		det("s: { user.id: x }\ncondition: s") + "---\n" + det("s: { user.id: y }\ncondition: s"):                                  "another rule's, too",
		"action: repeat\ntitle: t":                                                                                                 "no document to repeat",
		"action: once\ntitle: t":                                                                                                   "action is global, reset or repeat",
		cor("type: sums, rules: [n], timespan: 1m"):                                                                                "correlation.type is one of",
		cor("type: event_count, timespan: 1m, condition: { gte: 1 }"):                                                              "a correlation has rules",
		cor("type: event_count, rules: [m], timespan: 1m, condition: { gte: 1 }"):                                                  "there is no rule m",
		cor("type: event_count, rules: [n, x], timespan: 1m, condition: { gte: 1 }"):                                               "named twice",
		cor("type: event_count, rules: [n], condition: { gte: 1 }"):                                                                "has a timespan",
		cor("type: event_count, rules: [n], timespan: 99d, condition: { gte: 1 }"):                                                 "is no time from 1s to 31d",
		cor("type: event_count, rules: [n], timespan: 1m"):                                                                         "needs a condition",
		cor("type: event_count, rules: [n], timespan: 1m, condition: { field: user.id }"):                                          "a condition compares",
		cor("type: event_count, rules: [n], timespan: 1m, condition: { gte: 2, field: user.id }"):                                  "has no field",
		cor("type: value_count, rules: [n], timespan: 1m, condition: { gte: 2 }"):                                                  "needs the condition's field",
		cor("type: value_sum, rules: [n], timespan: 1m, condition: { gte: 2, field: [user.id, source.ip] }"):                       "looks at one field",
		cor("type: event_count, rules: [n], timespan: 1m, condition: { over: 2 }"):                                                 `not "over"`,
		cor("type: event_count, rules: [n], timespan: 1m, condition: { gte: 2 }, window: sliding"):                                 `has no "window"`,
		cor("type: event_count, rules: [n], timespan: 1m, condition: { gte: 2 }, group-by: [a], aliases: { a: { m: user.id } }"):   "not among the correlation's rules",
		cor("type: temporal, rules: [n], timespan: 1m, condition: n and m"):                                                        "not among the correlation's rules",
		cor("type: event_count, rules: [c], timespan: 1m, condition: { gte: 2 }"):                                                  "in a circle",
		"title: f\nlogsource: { product: convosphere }\nfilter: { rules: [q], s: { user.id: x }, condition: s }":                   "there is no rule q",
		"title: f\nlogsource: { product: convosphere, category: web }\nfilter: { rules: [good], s: { user.id: x }, condition: s }": "not that of the rule good",
	} {
		r, problems := Load(fstest.MapFS{"good.yml": {Data: []byte(good)}, "rules/x.yml": {Data: []byte(in)}})
		var found []string
		for _, p := range problems {
			if !p.Warning {
				found = append(found, p.Error())
			}
		}
		if len(found) != 1 || !strings.Contains(found[0], want) || !strings.HasPrefix(found[0], "rules/x.yml") {
			t.Errorf("%s\ngives %q, want one with %q", in, found, want)
		}
		if len(r.All()) == 0 || r.All()[0].ID != "good" {
			t.Errorf("%s\nkeeps a good rule from being read", in)
		}
	}
}

// A file that would make much of little is refused before it does.
func TestBounds(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	many := "s:\n  user.id|contains:\n"
	for i := range 5001 {
		many += fmt.Sprintf("    - v%d\n", i)
	}
	for name, in := range map[string]string{
		"aliases of aliases": "title: t\nlogsource: { product: convosphere }\n" + bomb + "detection: { s: { user.id: x }, condition: s }\n",
		"an alias of itself": "title: t\nx: &x [*x]\n" + strings.TrimPrefix(rule("x", "s: { user.id: x }\ncondition: s"), "title: t\n"),
		"a large file":       rule("x", "s: { user.id: x }\ncondition: s") + strings.Repeat("# x\n", 300_000),
		"many values":        rule("x", many+"condition: s"),
		"a long condition":   rule("x", "s: { user.id: x }\ncondition: "+strings.Repeat("s or ", 4000)+"s"),
		"many documents":     strings.Repeat("a: b\n---\n", 1001),
		"long texts":         rule("x", "s:\n  user.id|contains:\n"+strings.Repeat("    - '"+strings.Repeat("x", 8000)+"'\n", 100)+"  source.ip|contains:\n"+strings.Repeat("    - '"+strings.Repeat("x", 8000)+"'\n", 60)+"condition: s"),
	} {
		r, problems := Load(folder(in))
		if len(problems) == 0 || len(r.All()) > 0 {
			t.Errorf("%s: %d rules, %v", name, len(r.All()), problems)
		}
	}
}
