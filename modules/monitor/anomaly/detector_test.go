package anomaly

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/monitor/ecs"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// world makes events of people who chat: each has an address, a pace and hours of its own.
type world struct {
	t    testing.TB
	r    *rand.Rand
	now  time.Time
	n    int
	sees func(line string)
}

func (w *world) event(format string, args ...any) {
	w.n++
	w.sees(fmt.Sprintf(`{"@timestamp":%q,"event.id":"e-%d",%s}`, w.now.UTC().Format("2006-01-02T15:04:05.000000Z"), w.n, fmt.Sprintf(format, args...)))
}

func (w *world) get(user int, path, route, room string, bytes int) {
	w.event(`"event.action":"http-request","event.outcome":"success","http.request.method":"GET","http.response.status_code":200,"source.ip":"10.0.%d.%d","user.id":"u%d","source.geo.country_iso_code":"DE","url.path":%q,"gateway.route":%q,"gateway.resource.type":"room","gateway.resource.id":%q,"http.response.body.bytes":%d`,
		user/250, user%250, user, path, route, room, bytes)
}

// chat is what one person does in ten minutes: lists rooms, reads two or three, writes.
func (w *world) chat(user int) {
	w.get(user, "/api/rooms", "/api/rooms", "", 2000)
	for range 1 + w.r.IntN(3) {
		room := fmt.Sprintf("r%d", w.r.IntN(3)+user%40)
		for range 2 + w.r.IntN(8) {
			w.get(user, "/api/rooms/"+room+"/messages", "/api/rooms/{room}/messages", room, 4000+w.r.IntN(20_000))
			w.now = w.now.Add(time.Duration(w.r.IntN(900)) * time.Millisecond)
		}
	}
}

func (w *world) days(n, users int) {
	for range n * 144 / 3 { // every half an hour is enough
		began := w.now
		for u := range users {
			if w.r.IntN(3) == 0 {
				w.now = began.Add(time.Duration(w.r.IntN(300)) * time.Second)
				w.chat(u)
			}
		}
		w.now = began.Add(30 * time.Minute)
	}
}

func newWorld(t testing.TB, detectors ...*Detector) (*world, [][]*finding.Finding) {
	told := make([][]*finding.Finding, len(detectors))
	w := &world{t: t, r: rand.New(rand.NewPCG(7, 8)), now: time.Unix(1_700_000_000, 0)}
	var e ecs.Event
	w.sees = func(line string) {
		for i, d := range detectors {
			if err := e.Parse([]byte(line)); err != nil {
				t.Fatal(err)
			}
			d.See(&e, func(f *finding.Finding) { told[i] = append(told[i], f) })
		}
	}
	return w, told
}

func atLeast(all []*finding.Finding, l finding.Level) (some []*finding.Finding) {
	for _, f := range all {
		if f.Level >= l {
			some = append(some, f)
		}
	}
	return some
}

// exfiltrate is somebody who reads every room there is.
func (w *world) exfiltrate(user int) {
	for i := range 600 {
		room := fmt.Sprintf("x%d", i)
		w.get(user, "/api/rooms/"+room+"/messages", "/api/rooms/{room}/messages", room, 200_000)
		w.now = w.now.Add(300 * time.Millisecond)
	}
}

// People who do what they always did are let be; one who suddenly reads everything is seen at once, and it is said why. Two detectors that see the same
// say the same.
func TestUnlikeOneself(t *testing.T) {
	a, b := New(Options{}), New(Options{})
	w, told := newWorld(t, a, b)
	w.days(3, 40)
	if some := atLeast(told[0], finding.Medium); len(some) > 0 {
		t.Fatalf("ordinary days: %d findings, as %+v", len(some), some[0])
	}
	w.exfiltrate(7)
	some := atLeast(told[0], finding.Medium)
	if len(some) == 0 {
		t.Fatal("it is not seen")
	}
	who := map[string]bool{}
	for _, f := range some {
		who[f.Subjects[0].String()] = true
		if !strings.Contains(f.Explain, "times its own number of") || f.Kind != finding.Anomaly || f.Score < 97 || len(f.Events) == 0 {
			t.Errorf("%+v", f)
		}
	}
	if len(who) > 2 || !who["user:u7"] || !who["client:10.0.0.7"] {
		t.Error(who)
	}
	if !reflect.DeepEqual(told[0], told[1]) {
		t.Error("two detectors say otherwise of the same events")
	}
	n := len(told[0])
	w.exfiltrate(7)
	if len(told[0]) > n+1 {
		t.Error("it is said again and again:", len(told[0])-n)
	}
}

// Before enough is known, nothing is said.
func TestWarmUp(t *testing.T) {
	w, told := newWorld(t, New(Options{}))
	w.exfiltrate(1)
	w.days(1, 3)
	w.exfiltrate(2)
	if len(told[0]) > 0 {
		t.Errorf("%+v", told[0][0])
	}
}

// Who attacks again and again does not get it taken for usual, where rules saw it; where none did, it is learned in time.
func TestAttacksAreNotLearned(t *testing.T) {
	for _, tainted := range []bool{true, false} {
		d := New(Options{})
		w, _ := newWorld(t, d)
		w.days(2, 40)
		before := d.subjects.at(d.subjects.index[d.subjects.key(finding.User, "u7")]).mean[resources]
		for range 30 {
			for i := range 60 {
				room := fmt.Sprintf("y%d", i)
				w.get(7, "/api/rooms/"+room+"/messages", "/api/rooms/{room}/messages", room, 9000)
			}
			if tainted {
				d.Taint(finding.Subject{Kind: finding.User, ID: "u7"})
				d.Taint(finding.Subject{Kind: finding.Node, ID: "u7"})
				d.Taint(finding.Subject{Kind: finding.User, ID: "nobody"})
			}
			w.now = w.now.Add(20 * time.Minute)
		}
		w.get(7, "/", "/", "", 1)
		after := d.subjects.at(d.subjects.index[d.subjects.key(finding.User, "u7")]).mean[resources]
		if grown := after > before+0.5; grown == tainted {
			t.Errorf("tainted %v: %.2f, before %.2f", tainted, after, before)
		}
	}
}

// A flood of failed logins from everywhere is seen in the whole, though no client stands out.
func TestWhole(t *testing.T) {
	w, told := newWorld(t, New(Options{}))
	logins := func(n, minutes int) {
		for range minutes {
			for range n {
				w.event(`"event.action":"login","event.outcome":"failure","source.ip":"192.0.2.%d","gateway.account":"A%d"`, w.r.IntN(250), w.r.IntN(500))
			}
			w.now = w.now.Add(time.Minute)
		}
	}
	logins(2, 3*24*60)
	if some := atLeast(told[0], finding.Medium); len(some) > 0 {
		t.Fatalf("%+v", some[0])
	}
	for range 15 {
		for range 60 {
			w.event(`"event.action":"login","event.outcome":"failure","source.ip":"2001:db8:%x::1","gateway.account":"B%d"`, w.r.IntN(60_000), w.r.IntN(60_000))
		}
		w.now = w.now.Add(time.Minute)
	}
	some := atLeast(told[0], finding.Medium)
	if len(some) != 1 || some[0].Subjects[0].String() != "gateway:failed-logins" {
		t.Fatalf("%+v", some)
	}
}

// What comes of outside is bounded: many subjects take what they may, and no field brings it down.
func TestMemoryIsBounded(t *testing.T) {
	const (
		memory = 16 << 20
		many   = 200_000
	)
	measure := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := measure()
	d := New(Options{Memory: memory})
	var e ecs.Event
	for i := range many {
		e.Set("@timestamp", time.Unix(1_700_000_000+int64(i/1000), 0).UTC().Format(time.RFC3339))
		e.Set("event.action", "http-request")
		e.Set("source.ip", fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff))
		e.Set("user.id", "u")
		d.See(&e, func(*finding.Finding) {})
	}
	if used := measure() - before; used > memory*5/4 {
		t.Errorf("%d MiB", used>>20)
	}
	known, most, evicted := d.Subjects()
	if known != most || known+int(evicted) < many {
		t.Error(known, most, evicted)
	}
	runtime.KeepAlive(d)
}

func TestOddEvents(t *testing.T) {
	d := New(Options{})
	var e ecs.Event
	for _, line := range []string{
		`{}`, `{"event.action":"http-request"}`, `{"@timestamp":"2026-01-01T00:00:00Z","event.action":"http-request","http.response.body.bytes":-5,"http.response.status_code":"x","source.ip":"@"}`,
		`{"@timestamp":"0001-01-01T00:00:00Z","event.action":"login","user.id":"u"}`, `{"@timestamp":"9999-01-01T00:00:00Z","event.action":"login","user.id":"u"}`,
		`{"@timestamp":"2026-01-01T00:00:00Z","event.action":"socket-activity","user.id":"u","gateway.socket.messages_in":1e300}`,
		`{"@timestamp":"2025-01-01T00:00:00Z","event.action":"policy-decision","user.id":"u","gateway.decision.message_type":"x","source.geo.country_iso_code":"??"}`,
	} {
		if err := e.Parse([]byte(line)); err != nil {
			t.Fatal(line, err)
		}
		for range 3 {
			d.See(&e, func(f *finding.Finding) { t.Errorf("%s: %+v", line, f) })
		}
	}
}

func BenchmarkSee(b *testing.B) {
	d := New(Options{})
	w, _ := newWorld(b, d)
	var lines []string
	w.sees = func(line string) { lines = append(lines, line) }
	w.days(1, 60)
	events := make([]ecs.Event, len(lines))
	for i, line := range lines {
		if err := events[i].Parse([]byte(line)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		d.See(&events[i%len(events)], func(*finding.Finding) {})
		i++
	}
}
