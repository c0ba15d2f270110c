package alert

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/ship"
	"github.com/convosphere/gateway/modules/monitor/finding"
)

func one(c *catcher) []Channel { return []Channel{{Name: "ops", Level: finding.Medium, To: c}} }

// An incident is told once, however often and by however many gateways it is reported; again when it is worse, and at its end by choice.
func TestToldOnce(t *testing.T) {
	c := &catcher{}
	o := newOffice(t, Config{Channels: one(c), Closed: true})
	other := o.desk(o.DB, Config{Channels: one(c), Closed: true})
	i := o.incident("A", finding.Medium, "Brute force")
	for range 3 {
		o.tell(i)
		if err := other.Tell(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	o.pass(29 * time.Second)
	o.expect(c)
	o.pass(time.Second)
	if err := other.Work(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.expect(c, "[medium] Brute force")
	o.tell(i)
	o.pass(time.Hour)
	o.expect(c)
	i.Level = finding.Critical
	o.tell(i)
	o.pass(time.Hour)
	o.expect(c, "[critical] Brute force")
	low, merged := o.incident("B", finding.Low, "Nothing much"), o.incident("C", finding.High, "Part of it")
	o.tell(low)
	o.tell(merged)
	o.pass(time.Minute)
	o.expect(c, "[high] Part of it")
	i.Closed, low.Closed, merged.Closed, merged.Merged = true, true, true, true
	o.book.all["A"], o.book.all["B"], o.book.all["C"] = i, low, merged // somewhere, by somebody
	o.pass(time.Minute)
	o.pass(time.Hour)
	o.expect(c, "[closed] Brute force") // nobody was told that the low one began
	o.pass(time.Hour)
	o.expect(c)
}

// A wave of incidents is one alert, not a flood, and the next one comes an interval later.
func TestGrouped(t *testing.T) {
	c := &catcher{}
	o := newOffice(t, Config{Channels: one(c), Group: ByRule, Wait: time.Minute, Interval: 10 * time.Minute})
	for n := range 80 {
		i := o.incident(fmt.Sprint("A", n), finding.Medium, "Scan")
		o.tell(i)
	}
	other := o.incident("B", finding.High, "Spray")
	o.tell(other)
	o.pass(time.Minute)
	o.expect(c, "[high] Spray", "[medium] 80 incidents, among them: Scan")
	late := o.incident("C", finding.High, "Scan")
	o.tell(late)
	o.pass(9*time.Minute + 59*time.Second)
	o.expect(c)
	o.pass(time.Second)
	o.expect(c, "[high] Scan")

	s := &catcher{}
	o = newOffice(t, Config{Channels: one(s), Group: BySubject})
	o.tell(o.incident("A", finding.Medium, "Scan"))
	o.tell(o.incident("B", finding.High, "Spray"))
	o.pass(time.Minute)
	o.expect(s, "[high] 2 incidents, among them: Spray")
}

// Nobody acknowledges it: the next ones are told, step by step, until somebody does.
func TestEscalation(t *testing.T) {
	first, second, third := &catcher{}, &catcher{}, &catcher{}
	o := newOffice(t, Config{
		Channels: []Channel{{Name: "ops", Level: finding.High, To: first}, {Name: "lead", Later: true, To: second}, {Name: "boss", Later: true, To: third}},
		Escalate: []Step{{15 * time.Minute, []string{"lead"}}, {30 * time.Minute, []string{"lead", "boss"}}},
	})
	o.tell(o.incident("A", finding.High, "Admin takeover"))
	acked := o.incident("B", finding.High, "Spray")
	o.tell(acked)
	o.tell(o.incident("C", finding.Low, "Nothing"))
	o.pass(time.Minute)
	if got := first.titles(); len(got) != 2 {
		t.Fatal(got)
	}
	acked.Acknowledged = true
	o.book.all["B"] = acked
	o.pass(13 * time.Minute)
	o.expect(second)
	o.pass(time.Minute)
	o.expect(second, "[high] Admin takeover")
	o.expect(third)
	o.pass(30 * time.Minute)
	o.expect(second, "[high] Admin takeover")
	o.expect(third, "[high] Admin takeover")
	o.pass(24 * time.Hour)
	o.expect(second)
	o.expect(first)
}

// While the book can't be asked nothing is escalated or forgotten.
func TestEscalationWithoutABook(t *testing.T) {
	first, second := &catcher{}, &catcher{}
	o := newOffice(t, Config{Channels: []Channel{{Name: "ops", To: first}, {Name: "lead", Later: true, To: second}}, Escalate: []Step{{time.Minute, []string{"lead"}}}})
	o.tell(o.incident("A", finding.High, "Takeover"))
	o.book.err = errors.New("away")
	o.now = o.now.Add(time.Hour)
	if o.Work(t.Context()) == nil {
		t.Fatal("it worked")
	}
	o.book.err = nil
	o.pass(time.Second)
	o.expect(second, "[high] Takeover")
}

// In quiet hours what is not critical waits, together, for the morning.
func TestQuietHours(t *testing.T) {
	q, err := ParseQuiet("22:00-07:00", "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c := &catcher{}
	o := newOffice(t, Config{Channels: []Channel{{Name: "ops", Quiet: q, To: c}}, Group: ByRule})
	o.now = time.Date(2026, 11, 25, 21, 30, 0, 0, time.UTC) // 22:30 there
	for n := range 3 {
		i := o.incident(fmt.Sprint("A", n), finding.High, "Scan")
		o.tell(i)
		o.pass(time.Hour)
	}
	o.expect(c)
	o.tell(o.incident("B", finding.Critical, "Takeover"))
	o.pass(time.Minute)
	o.expect(c, "[critical] Takeover")
	o.now = time.Date(2026, 11, 26, 5, 59, 59, 0, time.UTC)
	o.pass(0)
	o.expect(c)
	o.pass(time.Second)
	o.expect(c, "[high] 3 incidents, among them: Scan")
}

func TestQuietUntil(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ hours, zone, at, want string }{
		{"22:00-07:00", "UTC", "2026-01-31T23:00:00Z", "2026-02-01T07:00:00Z"},
		{"22:00-07:00", "UTC", "2026-01-31T06:59:00Z", "2026-01-31T07:00:00Z"},
		{"22:00-07:00", "UTC", "2026-01-31T07:00:00Z", "2026-01-31T07:00:00Z"},
		{"12:00-13:00", "UTC", "2026-01-31T12:30:00Z", "2026-01-31T13:00:00Z"},
		{"12:00-13:00", "UTC", "2026-01-31T11:59:00Z", "2026-01-31T11:59:00Z"},
		{"22:00-07:00", "Europe/Berlin", "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"}, // the clock goes forward
		{"22:00-07:00", "Europe/Berlin", "2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z"}, // and back
		{"22:00-07:00", "Asia/Kolkata", "2026-01-31T18:00:00Z", "2026-02-01T01:30:00Z"},
	} {
		q, err := ParseQuiet(c.hours, c.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.until(at(c.at), finding.High); !got.Equal(at(c.want)) {
			t.Errorf("%v: %v", c, got.UTC())
		}
		if got := q.until(at(c.at), finding.Critical); !got.Equal(at(c.at)) {
			t.Errorf("%v: critical waits until %v", c, got.UTC())
		}
	}
	for _, bad := range [][2]string{{"22-7", "UTC"}, {"22:00", "UTC"}, {"22:00-22:00", "UTC"}, {"24:00-07:00", "UTC"}, {"22:00-07:00", ""}, {"22:00-07:00", "Local"}, {"22:00-07:00", "Mars/Base"}, {"22:0-07:00", "UTC"}} {
		if _, err := ParseQuiet(bad[0], bad[1]); err == nil {
			t.Error(bad)
		}
	}
}

// What fails is tried again, later and later, and is dead at last, which is told; an operator retries or drops it.
func TestDeadLetters(t *testing.T) {
	c := &catcher{fail: errDown}
	o := newOffice(t, Config{Channels: one(c), GiveUp: 6 * time.Hour})
	o.tell(o.incident("A", finding.High, "Scan"))
	tries := 0
	for range 500 {
		o.pass(time.Minute)
		all, err := o.List(t.Context(), Query{})
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		tries = all[0].Tries
		if all[0].State == Dead {
			break
		}
	}
	dead, err := o.List(t.Context(), Query{State: Dead})
	if err != nil || len(dead) != 1 || tries < 8 || tries > 25 || dead[0].Detail != errDown.Error() || !o.told.has("alert-failed") {
		t.Fatal(dead, tries, err)
	}
	o.pass(time.Hour)
	o.expect(c)
	c.failing(nil)
	if err := o.Retry(t.Context(), dead[0].ID); err != nil {
		t.Fatal(err)
	}
	o.pass(0)
	o.expect(c, "[high] Scan")
	if err := o.Retry(t.Context(), dead[0].ID); !errors.Is(err, ErrNotFound) {
		t.Fatal("what was sent is sent again: ", err)
	}
	if !o.told.has("alert-sent") {
		t.Fatal("it was not told")
	}

	c.failing(ship.Refused{Err: errors.New("400")})
	o.tell(o.incident("B", finding.High, "Spray"))
	o.pass(time.Minute)
	if dead, err = o.List(t.Context(), Query{State: Dead}); err != nil || len(dead) != 1 || dead[0].Tries != 1 {
		t.Fatal("what is refused for good is tried again: ", dead, err)
	}
	if err := o.Drop(t.Context(), dead[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := o.Drop(t.Context(), dead[0].ID); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
}

// A channel that is down is tried once in a turn: what others are to be told does not wait for each of its alerts to fail.
func TestOneChannelThatIsDownHoldsUpNoOther(t *testing.T) {
	away, there := &catcher{fail: errDown}, &catcher{}
	o := newOffice(t, Config{Channels: []Channel{{Name: "away", To: away}, {Name: "there", To: there}}})
	for n := range 10 {
		o.tell(o.incident(fmt.Sprint("A", n), finding.High, "Scan"))
	}
	o.pass(time.Minute)
	if got := there.titles(); len(got) != 10 {
		t.Error("the other channel:", got)
	}
	if away.tries != 1 {
		t.Errorf("it was tried %d times", away.tries)
	}
	away.failing(nil)
	o.pass(time.Minute)
	if got := away.titles(); len(got) != 10 {
		t.Error("when it is there again:", got)
	}
}

// A receiver that names a time is not asked before it.
func TestRetryAfter(t *testing.T) {
	c := &catcher{fail: ship.Later{Err: errDown, Wait: 10 * time.Minute}}
	o := newOffice(t, Config{Channels: one(c)})
	o.tell(o.incident("A", finding.High, "Scan"))
	o.pass(time.Minute)
	c.failing(nil)
	o.pass(9 * time.Minute)
	o.expect(c)
	o.pass(time.Minute)
	o.expect(c, "[high] Scan")
}

// A gateway that dies after it claimed an alert keeps nobody from being told: another one sends it.
func TestClaimsEnd(t *testing.T) {
	c := &catcher{}
	o := newOffice(t, Config{Channels: one(c)})
	o.tell(o.incident("A", finding.High, "Scan"))
	o.now = o.now.Add(time.Minute)
	due, err := o.due(t.Context())
	if err != nil || len(due) != 1 {
		t.Fatal(due, err)
	}
	mine, theirs := due[0], due[0]
	if ok, err := o.claim(t.Context(), &mine); !ok || err != nil {
		t.Fatal(err)
	}
	if ok, err := o.claim(t.Context(), &theirs); ok || err != nil {
		t.Fatal("claimed twice", err)
	}
	o.tell(o.incident("A2", finding.High, "joins nothing that is being sent"))
	o.pass(lease - time.Second)
	if got := c.titles(); len(got) != 1 || got[0] != "[high] joins nothing that is being sent" {
		t.Fatal(got)
	}
	o.pass(time.Second)
	o.expect(c, "[high] Scan")
}

// Channels of another configuration are left to who knows them, and are dead when nobody does.
func TestUnknownChannel(t *testing.T) {
	c := &catcher{}
	o := newOffice(t, Config{Channels: one(c), GiveUp: time.Hour})
	o.tell(o.incident("A", finding.High, "Scan"))
	o.Desk = o.desk(o.DB, Config{GiveUp: time.Hour})
	o.pass(10 * time.Minute)
	o.pass(51 * time.Minute)
	dead, err := o.List(t.Context(), Query{State: Dead})
	if err != nil || len(dead) != 1 {
		t.Fatal(dead, err)
	}
	o.expect(c)
}

// It runs by itself between Start and Close, and what it was told is kept when it ends.
func TestRuns(t *testing.T) {
	c := &catcher{}
	o := newOffice(t, Config{Channels: one(c)})
	o.tell(o.incident("A", finding.High, "Scan"))
	o.now = o.now.Add(time.Minute)
	o.Start()
	o.Start()
	for end := time.Now().Add(30 * time.Second); len(c.titles()) == 0; time.Sleep(5 * time.Millisecond) {
		o.poke()
		if time.Now().After(end) {
			t.Fatal("nothing was sent")
		}
	}
	if err := errors.Join(o.Close(), o.Close()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.Tell(ctx, o.incident("B", finding.High, "Scan")); err == nil {
		t.Fatal("told without a database")
	}
}

func TestCheck(t *testing.T) {
	c := &catcher{}
	for name, bad := range map[string]Config{
		"twice":          {Channels: append(one(c), one(c)...)},
		"group":          {Group: "colour"},
		"no such":        {Channels: one(c), Escalate: []Step{{time.Minute, []string{"x"}}}},
		"no time":        {Channels: one(c), Escalate: []Step{{0, []string{"ops"}}}},
		"never reached":  {Channels: []Channel{{Name: "a", Later: true}}},
		"negative":       {Wait: -1},
		"nobody in step": {Channels: one(c), Escalate: []Step{{time.Minute, nil}}},
	} {
		if bad.Check() == nil {
			t.Error(name)
		}
	}
}
