package pack

import (
	"fmt"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/detect/correlate"
	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// ordinary is the i-th event of a site with ten thousand people: mostly requests that are answered, two a second, from everywhere.
func ordinary(i int) []byte {
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC).Add(time.Duration(i) * 20 * time.Millisecond)
	who := i * 7919 % 10000
	head := fmt.Sprintf(`{"@timestamp":%q,"event.id":"bench-%d","gateway.node":"gw-1","source.ip":"203.0.%d.%d","source.geo.country_iso_code":"DE","source.as.number":3320,`+
		`"user_agent.original":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36","user.id":"u%d","user.roles":["user"],`+
		`"gateway.session":"s%d","gateway.session_age":%d,"gateway.device":"d%d",`, at.Format(time.RFC3339Nano), i, who/250, who%250, who, who, i, who)
	switch i % 10 {
	case 0:
		return fmt.Appendf(nil, `%s"event.category":"web","event.type":"info","event.action":"socket-activity","event.outcome":"success","gateway.socket.messages_in":4,"gateway.socket.messages_out":9,"gateway.socket.bytes_in":300,"gateway.socket.bytes_out":900}`, head)
	case 1:
		return fmt.Appendf(nil, `%s"event.category":"web","event.type":"access","event.action":"http-request","event.outcome":"success","http.request.id":"%d","http.request.method":"POST","url.domain":"chat.example","url.path":"/api/rooms/r%d/messages","gateway.route":"POST /api/rooms/{room}/messages","gateway.resource.type":"room","gateway.resource.id":"r%d","http.response.status_code":201,"http.request.body.bytes":60,"http.response.body.bytes":160,"event.duration":2100000,"gateway.decision.allow":true,"gateway.decision.reason":"granted"}`, head, i, who%40, who%40)
	}
	return fmt.Appendf(nil, `%s"event.category":"web","event.type":"access","event.action":"http-request","event.outcome":"success","http.request.id":"%d","http.request.method":"GET","url.domain":"chat.example","url.path":"/api/rooms/r%d/messages","gateway.route":"GET /api/rooms/{room}/messages","gateway.resource.type":"room","gateway.resource.id":"r%d","http.response.status_code":200,"http.response.body.bytes":9000,"event.duration":2100000,"gateway.decision.allow":true,"gateway.decision.reason":"granted"}`, head, i, (who+i/10)%40, (who+i/10)%40)
}

// What all rules cost an event, read from its line to what correlations count.
func BenchmarkPack(b *testing.B) {
	rules, problems := detect.Load(FS())
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	lines := make([][]byte, 200000)
	for i := range lines {
		lines[i] = ordinary(i)
	}
	windows := correlate.New(rules, correlate.Options{})
	found := func(f *finding.Finding) { b.Errorf("%s: %s", f.Title, f.Explain) }
	var e ecs.Event
	b.Run("parse", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if err := e.Parse(lines[i%len(lines)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("match", func(b *testing.B) {
		if err := e.Parse(lines[5]); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			rules.Match(&e, func(*detect.Rule) {})
		}
	})
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if err := e.Parse(lines[i%len(lines)]); err != nil {
				b.Fatal(err)
			}
			rules.Match(&e, func(r *detect.Rule) { windows.Observe(r, &e, found) })
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	})
}
