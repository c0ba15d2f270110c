package auditlog

import (
	"fmt"
	"testing"

	"github.com/convosphere/gateway/modules/internal/event"
)

// How many events a second the log takes: sealed, hashed, signed in groups and synced. The bus, which makes their lines, is not part of it.
func BenchmarkLog(b *testing.B) {
	h := newLite(b)
	l := h.open(h.options())
	var lines []*event.Record
	for i := range 3000 {
		e := request(h.clock(), i)
		line := fmt.Appendf(nil, `{"@timestamp":"2026-11-27T12:00:00.000000Z","event.id":"ABCDEFGHIJKLMNOP-%d","event.category":"web","event.action":"http-request","event.outcome":"success","http.request.id":"%s","http.request.method":"GET","url.domain":"chat.example","url.path":"/api/rooms/general/messages","gateway.route":"messages","http.response.status_code":200,"http.response.body.bytes":512,"event.duration":1000000,"user_agent.original":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0","source.ip":"192.0.2.%d","user.id":"user-%d","user.roles":["user"],"gateway.session":"session-%d","gateway.decision.allow":true,"gateway.decision.reason":"a member","gateway.decision.revision":"60e39d0193df"}`+"\n",
			i, e.RequestID, i%250, i%1000, i%1000)
		e.UserID = fmt.Sprint("user-", i%1000)
		lines = append(lines, &event.Record{Event: e, Line: line})
	}
	bytes := 0
	i := 0
	for b.Loop() {
		r := lines[i%len(lines)]
		l.Write(r)
		bytes += len(r.Line)
		if i++; i%10_000 == 0 { // no more than waits
			if err := l.Sync(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := l.Sync(ctx); err != nil {
		b.Fatal(err)
	}
	if l.Lost() > 0 {
		b.Fatal(l.Lost(), "events were lost")
	}
	b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(bytes)/float64(i), "bytes/event")
}
