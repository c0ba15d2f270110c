package monitor

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/ground"
	"github.com/convosphere/gateway/modules/internal/risk"
	"github.com/convosphere/gateway/modules/monitor/detect"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

// kept keeps the findings that it is given.
type kept chan *finding.Finding

func (k kept) Take(_ context.Context, f *finding.Finding) { k <- f }

func ofConfig(k kept) *App {
	return &App{logger: zap.NewNop(), rules: new(detect.Rules), takers: []taker{k}}
}

// noted keeps events.
type noted chan *event.Event

func (n noted) Write(r *event.Record) { n <- r.Event }

// A finding is an event, raises the risk, and is worked on by the configuration in force; what still waits when the last one ends is worked on by it.
func TestFindings(t *testing.T) {
	bus, err := event.Open(event.Options{Dir: filepath.Join(t.TempDir(), "events")})
	if err != nil {
		t.Fatal(err)
	}
	told := make(noted, 100)
	bus.Attach(told)
	risks := risk.New(time.Now)
	l := watch(&ground.Ground{Events: bus, Risk: risks})
	first, second := make(kept, 10), make(kept, 10)
	a, b := ofConfig(first), ofConfig(second)
	see := func(id string) {
		l.tell(&finding.Finding{ID: id, Kind: finding.Match, Rule: "r", Title: "t", Level: finding.High, Subjects: []finding.Subject{{Kind: finding.User, ID: "u1"}}, Explain: "words"})
	}
	got := func(k kept, id string) {
		t.Helper()
		select {
		case f := <-k:
			if f.ID != id {
				t.Errorf("%s, want %s", f.ID, id)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%s is not worked on", id)
		}
	}
	l.use(a)
	see("1")
	got(first, "1")
	l.use(b) // a reload: the new configuration starts before the old one ends
	l.leave(a)
	see("2")
	got(second, "2")
	l.leave(b)
	see("3") // nobody is there: it is in the events alone
	if n := risks.Of(netip.Addr{}, "u1"); n < 40 {
		t.Errorf("the risk is %d", n)
	}
	for range 3 {
		e := <-told
		for e.Action == "rules-activated" {
			e = <-told
		}
		if e.Action != "finding" || e.UserID != "u1" || e.Reason != "words" {
			t.Errorf("%+v", e)
		}
	}
	if err := l.Destruct(); err != nil {
		t.Fatal(err)
	}
	if err := bus.Close(); err != nil {
		t.Fatal(err)
	}
	if len(first)+len(second) > 0 {
		t.Error("a finding is worked on twice")
	}
}

// stuck takes findings as one does whose database is away.
type stuck struct{ n int }

func (s *stuck) Take(ctx context.Context, _ *finding.Finding) {
	s.n++
	<-ctx.Done()
}

// The process ends though a thousand findings wait and the database does not answer.
func TestWhatWaitsDoesNotKeepTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := new(stuck), &live{found: make(chan *finding.Finding, findings)}
		a := &App{takers: []taker{s}}
		l.current.Store(a)
		for range findings {
			l.found <- new(finding.Finding)
		}
		began := time.Now()
		if l.leave(a); time.Since(began) > leaveTime || s.n != 1 || len(l.found) > 0 {
			t.Errorf("%s, %d findings taken, %d wait", time.Since(began), s.n, len(l.found))
		}
	})
}

// Where events come faster than they are looked at, the bus goes on.
func TestBehind(t *testing.T) {
	l := &live{queue: make(chan *seen, 2), spare: make(chan *seen, 2)}
	for range 5 {
		l.Write(&event.Record{Event: &event.Event{Action: "login"}, Line: []byte("{}\n")})
	}
	l.Write(&event.Record{Event: &event.Event{Action: "finding"}, Line: []byte("{}\n")})
	if n := l.unseen.Load(); n != 3 || len(l.queue) != 2 {
		t.Error(n, len(l.queue))
	}
}
