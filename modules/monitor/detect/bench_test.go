package detect

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/convosphere/gateway/modules/monitor/ecs"
)

const benchLine = `{"@timestamp":"2026-11-27T03:14:15.926535Z","event.id":"HU2K7QWMZ5TPAXLB-1z","event.category":"web","event.type":"access","event.action":"http-request","event.outcome":"success",` +
	`"http.request.id":"01JDM3Q6V0Z6J6M3W6P1T7T2ZQ","http.request.method":"GET","url.domain":"chat.example.com","url.path":"/api/rooms/01JDM3Q6V0/messages","url.query":"limit=50&before=01JDM3Q6V0Z6J6M3W6P1T7T2ZQ",` +
	`"gateway.route":"GET /api/rooms/{room}/messages","http.response.status_code":200,"http.response.body.bytes":5123,"event.duration":1834000,` +
	`"user_agent.original":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36","source.ip":"203.0.113.7",` +
	`"user.id":"u_01JDM3Q6V0Z6J6M3W6P1T7T2ZQ","user.roles":["user","premium"],"gateway.session":"s_9f8e7d6c5b4a","gateway.node":"n1"}`

// webRules are so many rules of the kind that SigmaHQ has for web servers: a path, texts of the query, agents.
func webRules(n int) fstest.MapFS {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "title: rule %d\nid: r%d\nlogsource: { category: webserver }\ndetection:\n  selection:\n    cs-method: [GET, POST]\n    cs-uri-query|contains: ['/app%d/admin', 'cmd%d=', '..%%2f..%%2fetc%d']\n", i, i, i, i, i)
		fmt.Fprintf(&b, "  agent:\n    c-useragent|contains: ['scanner-%d', 'tool%d/']\n  filter:\n    sc-status: 404\n  condition: (selection or agent) and not filter\n---\n", i, i)
	}
	return fstest.MapFS{"a.yml": {Data: []byte(b.String())}}
}

// An ordinary request costs about the same whether there are ten rules or a thousand.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 100, 900} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			r, problems := Load(webRules(n))
			if len(problems) > 0 || len(r.All()) != n {
				b.Fatal(len(r.All()), problems)
			}
			var e ecs.Event
			if err := e.Parse([]byte(benchLine)); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				r.Match(&e, func(*Rule) { b.Fatal("an ordinary request") })
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	rules := webRules(900)
	for b.Loop() {
		Load(rules)
	}
}
