package measure

import (
	"errors"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/dbtest"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// What is put in force at one gateway holds at another one until it ends, and survives a restart.
func TestMeasureHoldsInTheFleet(t *testing.T) {
	c, config := newClock(), dbtest.New(t)
	a, b := open(t, config, c.now), open(t, config, c.now)
	who := Who{IP: addr("2001:db8::5"), User: "u1", Session: "s1"}
	for _, m := range []Measure{
		{Subject: Subject{Client, "2001:db8::1"}, Kind: Challenge, Expires: c.now().Add(time.Hour), By: "r1"},
		{Subject: Subject{User, "u1"}, Kind: SecondFactor, Expires: c.now().Add(2 * time.Hour)},
		{Subject: Subject{Session, "s1"}, Kind: Paranoia, Expires: c.now().Add(3 * time.Hour)},
	} {
		if err := a.Put(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	all := Set(1<<Challenge | 1<<SecondFactor | 1<<Paranoia)
	for _, v := range []*View{a, b} {
		eventually(t, "it holds", func() bool { return v.Of(who) == all })
	}
	if s := b.Of(Who{IP: addr("2001:db8:0:1::5"), User: "u2", Session: "s2"}); s != 0 {
		t.Error("it holds against somebody else:", s)
	}
	if at := b.Since(who, SecondFactor); !at.Equal(c.now()) {
		t.Error("since", at, "and not", c.now())
	}
	if again := open(t, config, c.now); again.Of(who) != all {
		t.Error("it does not survive a restart")
	}
	c.forward(61 * time.Minute)
	if s := b.Of(who); s.Has(Challenge) || !s.Has(SecondFactor) {
		t.Error("it does not end when it should:", s)
	}
	if err := b.Lift(t.Context(), Subject{User, "u1"}, SecondFactor, ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is lifted", func() bool { return !a.Of(who).Has(SecondFactor) })
	if err := b.Lift(t.Context(), Subject{User, "u1"}, SecondFactor, ""); !errors.Is(err, ErrNone) {
		t.Error("lifted twice:", err)
	}
}

// Nothing is done to the operator's own addresses, whoever asks; an account is met from there, too, where the account itself is in question.
func TestExemptAreNotTouched(t *testing.T) {
	c := newClock()
	v := open(t, dbtest.New(t), c.now)
	until := c.now().Add(time.Hour)
	for _, ip := range []string{"127.0.0.1", "::1", "203.0.113.7"} {
		if err := v.Put(t.Context(), Measure{Subject: Subject{Client, ip}, Kind: Challenge, Expires: until}); !errors.Is(err, ErrExempt) {
			t.Error(ip, err)
		}
	}
	for _, k := range Kinds() {
		if err := v.Put(t.Context(), Measure{Subject: Subject{User, "u1"}, Kind: k, Expires: until}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "it holds", func() bool { return v.Of(Who{IP: addr("192.0.2.1"), User: "u1"}) == 1<<kinds-1 })
	if s := v.Of(Who{IP: addr("203.0.113.7"), User: "u1"}); s != 1<<SecondFactor|1<<CloseSockets {
		t.Error(s)
	}
	var none *View
	if none.Of(Who{IP: addr("192.0.2.1"), User: "u1"}) != 0 || !none.Since(Who{User: "u1"}, Challenge).IsZero() {
		t.Error("a nil view knows of something")
	}
	none.Watch(Who{User: "u1"}, func() { t.Error("closed") })()
}

// A shorter measure does not shorten one that is in force, and who undoes an older response does not undo what took its place.
func TestLongerStays(t *testing.T) {
	c := newClock()
	v := open(t, dbtest.New(t), c.now)
	s := Subject{User, "u1"}
	for by, d := range map[string]time.Duration{"long": 5 * time.Hour, "short": time.Hour} {
		if err := v.Put(t.Context(), Measure{Subject: s, Kind: Throttle, Expires: c.now().Add(d), By: by}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := v.List(t.Context(), 10)
	if err != nil || len(all) != 1 || !all[0].Expires.Equal(c.now().Add(5*time.Hour)) {
		t.Fatal(all, err)
	}
	other := map[string]string{"long": "short", "short": "long"}[all[0].By]
	if err := v.Lift(t.Context(), s, Throttle, other); !errors.Is(err, ErrNone) {
		t.Error("the other response's measure was lifted:", err)
	}
}

func TestMalformedMeasures(t *testing.T) {
	c := newClock()
	v := open(t, dbtest.New(t), c.now)
	good := Measure{Subject: Subject{User, "u1"}, Kind: Throttle, Expires: c.now().Add(time.Hour)}
	for name, f := range map[string]func(*Measure){
		"no subject":   func(m *Measure) { m.Subject.ID = "" },
		"no kind":      func(m *Measure) { m.Subject.Kind = "device" },
		"no address":   func(m *Measure) { m.Subject = Subject{Client, "nonsense"} },
		"control":      func(m *Measure) { m.Subject.ID = "u\n1" },
		"long id":      func(m *Measure) { m.Subject.ID = string(make([]byte, mostID+1)) },
		"unknown kind": func(m *Measure) { m.Kind = kinds },
		"ended":        func(m *Measure) { m.Expires = c.now() },
		"for years":    func(m *Measure) { m.Expires = c.now().Add(longest + time.Hour) },
	} {
		m := good
		f(&m)
		if err := v.Put(t.Context(), m); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, k := range Kinds() {
		if back, ok := ParseKind(k.String()); !ok || back != k {
			t.Error(k)
		}
	}
	if _, ok := ParseKind("ban"); ok {
		t.Error("ban is a measure")
	}
}

// Open sockets are closed, silent ones too, and those that open while it is in force; others stay.
func TestSocketsAreClosed(t *testing.T) {
	c, config := newClock(), dbtest.New(t)
	a, b := open(t, config, c.now), open(t, config, c.now)
	closed := make(chan string, 8)
	watch := func(name string, w Who) func() { return b.Watch(w, func() { closed <- name }) }
	defer watch("other", Who{IP: addr("192.0.2.2"), User: "u2"})()
	defer watch("theirs", Who{IP: addr("192.0.2.1"), User: "u1", Session: "s1"})()
	gone := watch("gone", Who{IP: addr("192.0.2.1"), User: "u1"})
	gone()
	if err := a.Put(t.Context(), Measure{Subject: Subject{User, "u1"}, Kind: CloseSockets, Expires: c.now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	await := func(want string) {
		t.Helper()
		select {
		case name := <-closed:
			if name != want {
				t.Fatal(name)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the socket stays open:", want)
		}
	}
	await("theirs")
	defer watch("late", Who{User: "u1"})()
	await("late")
	c.forward(2 * time.Minute)
	defer watch("after", Who{User: "u1"})()
	select {
	case name := <-closed:
		t.Error(name)
	default:
	}
}

// Each request asks: it must cost nothing that is then to be collected.
func TestOfAllocatesNothing(t *testing.T) {
	c := newClock()
	v := open(t, dbtest.NewSQLite(t), c.now)
	rc := &reqctx.Request{Client: reqctx.Client{IP: addr("2001:db8::5")}, Identity: &reqctx.Identity{Subject: "u1", Session: "s1"}}
	ask := func() { _ = v.Of(Caller(rc)) }
	if n := testing.AllocsPerRun(100, ask); n != 0 {
		t.Error(n)
	}
	if err := v.Put(t.Context(), Measure{Subject: Subject{Client, "2001:db8::1"}, Kind: Throttle, Expires: c.now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it holds", func() bool { return v.Of(Caller(rc)).Has(Throttle) })
	if n := testing.AllocsPerRun(100, ask); n != 0 {
		t.Error("with measures:", n)
	}
}

func BenchmarkOf(b *testing.B) {
	v := open(b, dbtest.NewSQLite(b), time.Now)
	who := Who{IP: addr("192.0.2.1"), User: "u1", Session: "s1"}
	b.Run("none", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = v.Of(who)
		}
	})
	if err := v.Put(b.Context(), Measure{Subject: Subject{User, "u1"}, Kind: Throttle, Expires: time.Now().Add(time.Hour)}); err != nil {
		b.Fatal(err)
	}
	eventually(b, "it holds", func() bool { return v.Of(who) != 0 })
	b.Run("some", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = v.Of(who)
		}
	})
}
