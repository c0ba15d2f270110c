package trace

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

var now = time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)

// collector is an exporter that does what a test says.
type collector struct {
	mu     sync.Mutex
	spans  []Span
	calls  int
	answer func(call int, ctx context.Context) error
	closed bool
}

func (c *collector) Export(ctx context.Context, spans []Span) error {
	c.mu.Lock()
	c.calls++
	call := c.calls
	c.mu.Unlock()
	if c.answer != nil {
		if err := c.answer(call, ctx); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans = append(c.spans, spans...)
	return nil
}

func (c *collector) Close() error { c.closed = true; return nil }

func (c *collector) got() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

func tracer(t *testing.T, c Config) *Tracer {
	t.Helper()
	if c.Exporter == nil {
		c.Exporter = new(collector)
	}
	tr, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	return tr
}

func counted(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func request() *http.Request { return &http.Request{Header: http.Header{}} }

// A request through three handlers, the middle one of which asks something, and a back end: each has its span, within that of whoever called it, and the back end is told of its own.
func TestSpansOfARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := new(collector)
		tr := tracer(t, Config{Ratio: 1, Exporter: to})
		r := request()
		q := tr.Start(r, false, time.Now())
		q.Begin("audit")
		q.Inward(r)
		q.Begin("waf")
		q.Begun("redis get", nil)(errors.New("planted: 10.0.0.1"))
		q.Inward(r)
		time.Sleep(time.Second)
		told := r.Header.Get("Traceparent")
		q.Back()
		q.End(5 * time.Millisecond)
		q.Back()
		q.End(time.Millisecond)
		q.Finish(Answer{Name: "GET /x", Status: 200, Upstream: "127.0.0.1:9000"}, time.Now())
		q.Finish(Answer{Name: "again"}, time.Now())
		time.Sleep(2 * linger)

		by := map[string]Span{}
		for _, s := range to.got() {
			by[s.Name] = s
			if s.Trace.String() != q.ID() || s.End.IsZero() || s.End.Before(s.Start) {
				t.Error(s)
			}
		}
		if len(by) != 5 || len(to.got()) != 5 {
			t.Fatalf("%d spans: %v", len(to.got()), by)
		}
		for child, parent := range map[string]string{"audit": "GET /x", "waf": "audit", "redis get": "waf", "back end": "waf"} {
			if by[child].Parent != by[parent].ID {
				t.Errorf("%s is not within %s", child, parent)
			}
		}
		back, asked := by["back end"], by["redis get"]
		if p, ok := ParseParent(told); !ok || p.Span != back.ID || !p.Sampled {
			t.Errorf("the back end was told %s", told)
		}
		if back.End.Sub(back.Start) != time.Second || back.Kind != Client || by["GET /x"].Kind != Server {
			t.Error(back)
		}
		if !asked.Failed || asked.Why != "the question failed" {
			t.Error("what an error says has no place in a span:", asked)
		}
	})
}

// String is for tests.
func (id ID) String() string { return Parent{Trace: id}.String()[3:35] }

func TestSampling(t *testing.T) {
	for _, ratio := range []float64{-0.1, 1.1, math.NaN()} {
		if _, err := New(Config{Ratio: ratio}); err == nil {
			t.Error(ratio)
		}
	}
	for _, queue := range []int{1, 511, 1<<20 + 1, -1} {
		if _, err := New(Config{Queue: queue}); err == nil {
			t.Error(queue)
		}
	}
	for ratio, want := range map[float64][2]int{0: {0, 0}, 1: {4000, 4000}, 0.25: {700, 1300}} { // ten standard deviations
		tr, n := tracer(t, Config{Ratio: ratio}), 0
		for range 4000 {
			if tr.Start(request(), false, now).Sampled() {
				n++
			}
		}
		if n < want[0] || n > want[1] {
			t.Errorf("%d of 4000 by %v", n, ratio)
		}
	}
	// What a trusted proxy does not record is not recorded here, whatever the ratio.
	r := request()
	r.Header.Set("Traceparent", example[:53]+"00")
	if tracer(t, Config{Ratio: 1}).Start(r, true, now).Sampled() {
		t.Error("the proxy does not record it")
	}
}

// What fails is told although it was not sampled, by one span; what does not fail is not told; nor is anything where that is not asked for.
func TestErrorsAreAlwaysTold(t *testing.T) {
	to := new(collector)
	tr := tracer(t, Config{Errors: true, Exporter: to})
	for _, status := range []int{200, 404, 502} {
		tr.Start(request(), false, now).Finish(Answer{Name: "GET", Status: status, Why: "bad-gateway"}, now.Add(time.Second))
	}
	not := new(collector)
	other := tracer(t, Config{Exporter: not})
	other.Start(request(), false, now).Finish(Answer{Status: 502}, now)
	if err := errors.Join(tr.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	if got := to.got(); len(got) != 1 || !got[0].Failed || got[0].Why != "bad-gateway" || got[0].End.Sub(got[0].Start) != time.Second || !to.closed {
		t.Error(got)
	}
	if got := not.got(); len(got) != 0 {
		t.Error(got)
	}
}

// A collector that hangs holds up no request, and what finds no room is counted; the end of the tracer takes three seconds, no longer.
func TestDeadCollector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full, failed := counted(t, lost.full), counted(t, lost.failed)
		hangs := &collector{answer: func(_ int, ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		tr := tracer(t, Config{Ratio: 1, Queue: 1024, Exporter: hangs})
		began := time.Now()
		finish := func(n int) {
			for range n {
				tr.Start(request(), false, now).Finish(Answer{Status: 200}, now)
			}
		}
		finish(batch)
		synctest.Wait() // the first batch is on its way, and hangs
		finish(2000)
		if took := time.Since(began); took != 0 {
			t.Errorf("requests waited %s", took)
		}
		if got := counted(t, lost.full) - full; got != 2000-1024 {
			t.Errorf("%v found no room", got)
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != endTime {
			t.Errorf("the end took %s", took)
		}
		if got := counted(t, lost.failed) - failed; got != batch+1024 {
			t.Errorf("%v were lost", got)
		}
		tr.Start(request(), false, now).Finish(Answer{Status: 200}, now) // of a request that outlives it
		if got := counted(t, lost.full) - full; got != 2000-1024+1 {
			t.Errorf("%v found no room", got)
		}
	})
}

// A collector that is away for a moment is asked again, one that refuses is not, and one that takes a part is believed.
func TestAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent, refused, failed := counted(t, lost.sent), counted(t, lost.refused), counted(t, lost.failed)
		var told []error
		to := &collector{answer: func(call int, _ context.Context) error {
			switch {
			case call <= 2:
				return errors.New("away")
			case call == 4:
				return Refused{Err: errors.New("too large")}
			case call == 5:
				return Refused{Err: errors.New("some"), Some: 1}
			case call >= 6:
				return errors.New("gone")
			}
			return nil
		}}
		tr := tracer(t, Config{Ratio: 1, Exporter: to, Failed: func(err error) { told = append(told, err) }})
		for range 4 {
			for range 3 {
				tr.Start(request(), false, now).Finish(Answer{Status: 200}, now)
			}
			time.Sleep(time.Minute + linger/8) // never when the queue's clock ticks, too: the three could be parted then
		}
		synctest.Wait()
		if sent, refused, failed := counted(t, lost.sent)-sent, counted(t, lost.refused)-refused, counted(t, lost.failed)-failed; sent != 5 || refused != 4 || failed != 3 {
			t.Errorf("%v sent, %v refused, %v failed", sent, refused, failed)
		}
		if len(told) != 2 || to.calls != 5+tries {
			t.Errorf("told %v after %d calls", told, to.calls)
		}
	})
}

// A request that asks without end has as many spans as are allowed, and says how many are missing; a socket is told often, but not without end.
func TestBounds(t *testing.T) {
	to := new(collector)
	tr := tracer(t, Config{Ratio: 1, Exporter: to})
	q := tr.Start(request(), false, now)
	for range mostSpans + 10 {
		q.Begun("database SELECT", nil)(nil)
	}
	q.Begin("waf")
	q.End(0)
	q.Finish(Answer{Name: "root", Status: 101}, now)
	q.Begin("late")
	q.End(0)
	for range mostActivity + 5 {
		q.Activity("socket activity", now, now, false)
	}
	q.Activity("socket", now, now, true)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	got := to.got()
	if len(got) != 1+mostSpans+mostActivity+1 || got[0].Attrs[len(got[0].Attrs)-1] != Number("gateway.spans_left_out", 11) || got[len(got)-1].Name != "socket" {
		t.Errorf("%d spans, %v", len(got), got[0].Attrs)
	}
}

// Nobody that traces nothing needs to know.
func TestNil(t *testing.T) {
	var tr *Tracer
	q := tr.Start(request(), false, now)
	if q != nil || q.ID() != "" || q.Span() != "" || q.Sampled() || tr.Close() != nil {
		t.Error(q)
	}
	q.Finish(Answer{}, now)
	q.Activity("socket", now, now, true)
}

func BenchmarkRequest(b *testing.B) {
	for name, ratio := range map[string]float64{"unsampled": 0, "sampled": 1} {
		tr, err := New(Config{Ratio: ratio, Queue: 1 << 20, Exporter: new(nowhere)})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			r := request()
			b.ReportAllocs()
			for b.Loop() {
				q := tr.Start(r, false, now)
				if q.Sampled() {
					for range 9 {
						q.Begin("handler")
						q.Inward(r)
					}
					for range 9 {
						q.Back()
						q.End(0)
					}
				}
				q.Finish(Answer{Name: "GET", Status: 200}, now)
			}
		})
		_ = tr.Close()
	}
}

type nowhere struct{}

func (nowhere) Export(context.Context, []Span) error { return nil }
func (nowhere) Close() error                         { return nil }
