package ship

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/event"
)

var benchLine = []byte(`{"@timestamp":"2026-11-27T03:00:00.123456Z","event.id":"ABCDEFGHIJKLMNOP-1z","event.category":"web","event.action":"http-request","event.outcome":"success","http.request.id":"01JDXYZ0123456789ABCDEFGHJ","http.request.method":"POST","url.domain":"chat.example.com","url.path":"/api/rooms/general/messages","gateway.route":"POST /api/rooms/{room}/messages","http.response.status_code":201,"http.request.body.bytes":312,"http.response.body.bytes":188,"event.duration":2345678,"user_agent.original":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","source.ip":"192.0.2.7","source.geo.country_iso_code":"DE","user.id":"7Q3M5ZB2X4","user.roles":["user"],"gateway.session":"S-123456","gateway.device":"D-9","gateway.tier":"default"}` + "\n")

func BenchmarkFormats(b *testing.B) {
	for name, f := range map[string]Format{"ecs": ECS, "ocsf": OCSF, "cef": CEF} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e, err := readFlat(benchLine)
				if err != nil {
					b.Fatal(err)
				}
				f.encode(e)
			}
		})
	}
}

// What an output costs the bus's goroutine for each event.
func BenchmarkWrite(b *testing.B) {
	o := New("bench", b.TempDir())
	o.config.Store(&inForce{Config: Config{Level: Low, Only: []string{"session"}}, only: map[string]bool{"session": true}})
	r := &event.Record{Event: &event.Event{Action: "http-request"}, Line: benchLine}
	b.Run("left out", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o.Write(r)
		}
	})
	o.config.Store(&inForce{Config: Config{}})
	b.Run("taken", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			o.Write(r)
			o.queued.Add(-int64(len(<-o.queue)))
		}
	})
}

// The whole way through the spool, 500 events at a time.
func BenchmarkSpool(b *testing.B) {
	s := openSpool(b, b.TempDir(), 256<<20)
	lines := make([][]byte, 500)
	for i := range lines {
		lines[i] = benchLine
	}
	b.SetBytes(int64(500 * len(benchLine)))
	for b.Loop() {
		mustAppend(b, s, lines)
		for got := 0; got < 500; {
			some, err := s.Next(500, batchBytes)
			if err != nil {
				b.Fatal(err)
			}
			got += len(some)
			if err := s.Done(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(500*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	if _, err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// nobody takes all.
type nobody struct{ done chan int }

func (n nobody) Send(_ context.Context, batch []Message) error { n.done <- len(batch); return nil }
func (nobody) Close() error                                    { return nil }

// From the bus to a receiver that takes all, as OCSF.
func BenchmarkOutput(b *testing.B) {
	bus, err := event.Open(event.Options{Dir: b.TempDir(), QueueLen: 16384})
	if err != nil {
		b.Fatal(err)
	}
	n := nobody{make(chan int, 1<<16)}
	o := New("bench", b.TempDir())
	if _, err := o.Use(Config{Sender: n, Format: OCSF, SpoolSize: 256 << 20}, bus); err != nil {
		b.Fatal(err)
	}
	r := &event.Record{Event: &event.Event{Action: "http-request"}, Line: bytes.Clone(benchLine)}
	sent := 0
	for b.Loop() {
		for o.queued.Load() > queueBytes/2 {
			time.Sleep(time.Millisecond)
		}
		o.Write(r)
		sent++
	}
	for got := 0; got < sent; {
		got += <-n.done
	}
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "events/s")
	if err := bus.Close(); err != nil {
		b.Fatal(err)
	}
	if err := o.Close(); err != nil {
		b.Fatal(err)
	}
}
