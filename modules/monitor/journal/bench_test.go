package journal

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var bg = context.Background()

// traffic writes lines as a busy gateway does, the oldest first, the last one at end.
type traffic struct {
	r    *rand.Rand
	n    int
	at   time.Time
	step time.Duration
	buf  []byte
}

func newTraffic(events int, end time.Time, over time.Duration) *traffic {
	step := over / time.Duration(events)
	return &traffic{r: rand.New(rand.NewPCG(1, 2)), at: end.Add(-over), step: step}
}

func (t *traffic) id(n int) string {
	b := make([]byte, 16)
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], t.r.Uint64())
	}
	return base32.StdEncoding.EncodeToString(b)[:n]
}

// named is the same id for the same number.
func named(kind string, n int) string {
	r := rand.New(rand.NewPCG(uint64(n), uint64(len(kind))))
	b := binary.LittleEndian.AppendUint64(nil, r.Uint64())
	return kind + base32.StdEncoding.EncodeToString(append(b, b...))[:20]
}

func (t *traffic) next() []byte {
	t.n++
	t.at = t.at.Add(t.step)
	who := int(t.r.ExpFloat64() * 2000)
	status, outcome, extra, action, category := 200, "success", "", "http-request", "web"
	switch n := t.r.IntN(100); {
	case n < 2:
		status, outcome, extra = 403, "failure", `,"gateway.problem":"forbidden","rule.id":[942100,949110],"gateway.waf.blocked":true,"gateway.waf.matches":[{"rule":942100,"severity":"critical","message":"SQL Injection Attack Detected via libinjection"}]`
	case n < 4:
		status, outcome, extra = 429, "failure", `,"gateway.problem":"quota-exceeded","gateway.zone":"client"`
	case n < 7:
		status, outcome = 404, "failure"
	case n < 40:
		action, category, extra = "policy-decision", "iam", `,"gateway.decision.permission":"room:read","gateway.decision.allow":true,"gateway.decision.revision":"b3a1","gateway.decision.micros":31`
	case n < 42:
		action, category, outcome, extra = "login", "authentication", "failure", `,"event.reason":"wrong password","gateway.account":"ABCDEFGHIJ234567"`
	}
	room := who % 500
	t.buf = fmt.Appendf(t.buf[:0], `{"@timestamp":"%s","event.id":"HU2K7QWMZ5TPAXLB-%x","event.category":"%s","event.type":"access","event.action":"%s","event.outcome":"%s","event.duration":%d,`+
		`"http.request.id":"%s","http.request.method":"GET","url.domain":"chat.example.com","url.path":"/api/rooms/%s/messages","gateway.route":"GET /api/rooms/{room}/messages",`+
		`"http.response.status_code":%d,"http.response.body.bytes":%d,"user_agent.original":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",`+
		`"source.ip":"10.%d.%d.%d","source.geo.country_iso_code":"%s","user.id":"%s","user.roles":["user"],"gateway.session":"%s","gateway.node":"node-1"%s}`+"\n",
		t.at.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), t.n, category, action, outcome, t.r.IntN(1e7),
		t.id(26), named("room", room), status, t.r.IntN(1e5), who>>16&255, who>>8&255, who&255, []string{"DE", "FR", "US", "CN", "GB"}[who%5],
		named("u_", who), named("s_", who), extra)
	return t.buf
}

func fill(tb testing.TB, j *Journal, events int, over time.Duration) {
	tb.Helper()
	t := newTraffic(events, time.Now(), over)
	j.adding.Lock()
	defer j.adding.Unlock()
	for range events {
		if !j.add(t.next(), false) {
			tb.Fatalf("not kept: %s", t.buf)
		}
	}
	j.flush()
}

func open(tb testing.TB, o Options) *Journal {
	tb.Helper()
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	if o.Error == nil {
		o.Error = func(err error) { tb.Error(err) }
	}
	j, err := Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if !j.closed {
			if err := j.Close(); err != nil {
				tb.Error(err)
			}
		}
	})
	return j
}

func BenchmarkAdd(b *testing.B) {
	j := open(b, Options{})
	t := newTraffic(1_000_000, time.Now(), time.Hour)
	var all [][]byte
	for range 20_000 {
		all = append(all, append([]byte(nil), t.next()...))
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		j.adding.Lock()
		j.add(all[n%len(all)], false)
		j.adding.Unlock()
		n++
	}
	b.SetBytes(int64(len(all[0])))
}

// Every question over 1,000,000 events: cold is with nothing of them in memory.
func BenchmarkQuestions(b *testing.B) {
	const events = 1_000_000
	j := open(b, Options{Settings: Settings{MaxEvents: 2 * events}})
	fill(b, j, events, 6*24*time.Hour)
	st := j.Stats()
	b.Logf("%d events, %d MiB on the disk", st.Events, st.Bytes>>20)
	now := time.Now()
	week := Filter{From: now.Add(-7 * 24 * time.Hour), To: now.Add(time.Hour)}
	with := func(conds ...Cond) Filter {
		f := week
		f.Conds = conds
		return f
	}
	text := func(s string) Filter {
		f := week
		f.Text, f.Patience = s, 150*time.Millisecond
		return f
	}
	ids := func(f Filter) Filter { return f }
	one, err := j.Find(bg, Filter{}, "", 1)
	if err != nil {
		b.Fatal(err)
	}
	find := func(f Filter, limit int) func() error {
		return func() error { _, err := j.Find(bg, ids(f), "", limit); return err }
	}
	top := func(f Filter, by Field) func() error {
		return func() error { _, err := j.Top(bg, f, by, 10); return err }
	}
	for _, q := range []struct {
		name string
		ask  func() error
	}{
		{"page", find(week, 100)},
		{"page-1000", find(week, 1000)},
		{"page-client-rare", find(with(Is(Client, "10.0.39.200")), 100)},
		{"page-prefix-and-country", find(with(Is(Client, "10.0.0.0/24"), Is(Country, "DE"), Is(Verdict, Refused)), 100)},
		{"page-nothing", find(with(Is(User, "nobody")), 100)},
		{"page-level", find(with(Is(Level, "high")), 100)},
		{"by-id", find(Filter{ID: one.Hits[0].ID}, 1)},
		{"by-request", find(Filter{Request: "NONE"}, 100)},
		{"text-rare", find(text("sqlmap"), 100)},
		{"text-often", find(text("libinjection"), 100)},
		{"text-in-every-piece", find(text("KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.37"), 100)},
		{"count", func() error { _, _, err := j.Count(bg, with(Is(Verdict, Refused))); return err }},
		{"top-clients", top(week, Client)},
		{"top-paths", top(week, Path)},
		{"top-users-refused", top(with(Is(Verdict, Refused)), User)},
		{"top-rules", top(week, Rule)},
		{"series-verdict", func() error {
			_, err := j.Series(bg, week, Verdict, 2*time.Hour, Allowed, Refused, Failed)
			return err
		}},
		{"series-country", func() error { _, err := j.Series(bg, week, Country, time.Hour); return err }},
	} {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				if err := q.ask(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(j.Stats().Memory>>20), "MiB-held")
		})
		b.Run(q.name+"/cold", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				j.cache.idle(time.Now().Add(time.Hour))
				b.StartTimer()
				if err := q.ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
