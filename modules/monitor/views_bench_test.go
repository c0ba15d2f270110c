package monitor

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/convosphere/gateway/modules/internal/view"
)

// writeTraffic writes events of the last day, the oldest first.
func writeTraffic(w io.Writer, events int) error {
	out, r := bufio.NewWriter(w), rand.New(rand.NewPCG(1, 2))
	at, step := time.Now().Add(-23*time.Hour), 23*time.Hour/time.Duration(events)
	for i := range events {
		at = at.Add(step)
		who := int(r.ExpFloat64() * 2000)
		status, outcome, more, action := 200, "success", "", "http-request"
		switch n := r.IntN(100); {
		case n < 2:
			status, outcome, more = 403, "failure", `,"gateway.problem":"forbidden","rule.id":[942100,949110],"gateway.waf.blocked":true`
		case n < 4:
			status, outcome, more = 429, "failure", `,"gateway.problem":"quota-exceeded","gateway.zone":"client"`
		case n < 40:
			action, more = "policy-decision", `,"gateway.decision.permission":"room:read","gateway.decision.allow":true`
		case n < 42:
			action, outcome, more = "login", "failure", `,"event.reason":"wrong password"`
		}
		fmt.Fprintf(out, `{"@timestamp":"%s","event.id":"HU2K7QWMZ5TPAXLB-%x","event.category":"web","event.action":"%s","event.outcome":"%s","http.request.id":"R%016X%08d","http.request.method":"GET",`+
			`"url.domain":"chat.example.com","url.path":"/api/rooms/%d/messages","gateway.route":"GET /api/rooms/{room}/messages","http.response.status_code":%d,"source.ip":"10.0.%d.%d",`+
			`"source.geo.country_iso_code":"%s","user.id":"U%026d","user.roles":["user"],"gateway.session":"S%024d","gateway.node":"node-1"%s}`+"\n",
			at.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), i, action, outcome, r.Uint64(), i, who%500, status, who>>8&255, who&255, []string{"DE", "FR", "US"}[who%3], who, who, more)
	}
	return out.Flush()
}

// What a page of the console takes to be made, over 1,000,000 events of one day.
func BenchmarkViews(b *testing.B) {
	raw := fmt.Appendf(nil, `{"admin":{"disabled":true,"config":{"persist":false}},"apps":{"gateway":{"data_dir":%q}}}`, b.TempDir())
	if err := caddy.Load(raw, true); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = caddy.Stop() })
	app, err := caddy.ActiveContext().App("gw_monitor")
	if err != nil {
		b.Fatal(err)
	}
	a := app.(*App)
	in, out := io.Pipe()
	go func() { _ = out.CloseWithError(writeTraffic(out, 1_000_000)) }()
	if n, err := a.journal.Import(b.Context(), in); err != nil || n.Kept != 1_000_000 {
		b.Fatal(n, err)
	}
	for _, page := range []string{"overview", "events", "events?verdict=refused&client=10.0.0.0/24", "events?text=sqlmap", "events?user=nobody", "clients", "rules"} {
		u, err := url.Parse(page)
		if err != nil {
			b.Fatal(err)
		}
		v, ok := a.ground.Views.Get(u.Path)
		if !ok {
			b.Fatal(page)
		}
		b.Run(page, func(b *testing.B) {
			before := processorTime(b)
			defer func() { b.ReportMetric(float64((processorTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op") }()
			for b.Loop() {
				q, err := v.Ask(u.Query(), view.Person{}, time.Now())
				if err != nil {
					b.Fatal(err)
				}
				if v.Panels != nil {
					_, err = v.Panels(b.Context(), q)
				}
				if v.Rows != nil && err == nil {
					_, err = v.Rows(b.Context(), q)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// processorTime is what the process has computed so far: on a machine that does other things, too, it tells more than the clock.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
