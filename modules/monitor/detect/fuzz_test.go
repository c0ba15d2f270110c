package detect

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

// Whatever a rule file holds, reading it ends, and what is taken of it can be matched.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{
		rule("a", "s: { url.path|contains|all: [a, 'b*'], user.id|re|i: 'x+' }\nk: [x, '*y?']\ncondition: (1 of s* or k) and not all of them"),
		rule("a", "s: { url.path|windash|contains: ' -a -b', '@timestamp|hour|gt': 2, source.ip|cidr: 10.0.0.0/8, user.id|fieldref|neq: user.target.id, event.reason: null }\ncondition: [s]"),
		rule("a", "s: { url.path|utf16|base64offset|contains: x, url.path|expand: '%x%' }\ncondition: s"),
		"action: global\ntitle: t\nlogsource: { category: webserver }\n---\naction: repeat\n---\ndetection: { s: { c-uri: x }, condition: s }\n---\naction: reset\n",
		"title: c\ncorrelation: { type: value_count, rules: [a], group-by: [b], timespan: 1h, condition: { field: x, gte: 2 }, aliases: { b: { a: user.id } } }\n---\n" + rule("a", "s: { user.id: x }\ncondition: s"),
		"title: f\nlogsource: { product: convosphere }\nfilter: { rules: any, s: { user.id: x }, condition: s }\n---\n" + rule("a", "s: { user.id: x }\ncondition: s"),
		"a: &a [*a, *a]\n", "? [x]\n: y\n", "title: !!binary x\n", "<<: { a: b }\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Count(text, "\n") > 200 {
			return
		}
		r, _ := Loader{Placeholders: map[string][]string{"x": {"a", "b*"}}}.Load(fstest.MapFS{"a.yml": {Data: []byte(text)}})
		var e ecs.Event
		if err := e.Parse([]byte(`{"event.action":"http-request","url.path":"/a?b","user.id":["x","Y"],"source.ip":"10.1.2.3","@timestamp":"2026-11-27T03:14:15.926535Z","n":1.50}`)); err != nil {
			t.Fatal(err)
		}
		r.Match(&e, func(*Rule) {})
	})
}
