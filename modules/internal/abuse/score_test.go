package abuse

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A ban that can't be carried out is asked for again, and of a score whose ban was, the next fault is one too many.
func TestBansAreAskedForAgain(t *testing.T) {
	var fail error
	asked := 0
	table, clock, _ := table(t, func(r *Rules) {
		r.KeepOut = func(context.Context, netip.Prefix) (time.Duration, error) {
			asked++
			return 10 * time.Minute, fail
		}
	})
	carryOut := func() {
		for {
			select {
			case p := <-table.bans:
				table.ban(context.Background(), p)
			default:
				return
			}
		}
	}
	fail = errors.New("no database")
	for range 20 {
		table.Note(bad, Attack)
	}
	carryOut()
	fail = nil
	clock.pass(banAgain)
	table.Note(bad, Attack)
	carryOut()
	if asked != 2 || table.Level(bad) != Challenged {
		t.Error(asked, table.Level(bad))
	}
	table.Note(bad, Attack) // a request that was on its way
	carryOut()
	clock.pass(10 * time.Minute)
	if table.Level(bad) != Challenged {
		t.Error("after the ban:", table.Level(bad))
	}
	for range 8 {
		table.Note(bad, Attack)
	}
	carryOut()
	if asked != 3 {
		t.Errorf("%d bans were asked for", asked)
	}
	for range 20 {
		table.NoteUser(bad, "villain", Attack)
	}
	for len(table.bans) > 0 {
		if p := <-table.bans; p.Addr() != bad {
			t.Error(p, "is banned for a person")
		}
	}
}

func TestDecayIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		cfg := Defaults()
		cfg.HalfLife = time.Duration(rapid.IntRange(10, 100_000).Draw(t, "half-life")) * time.Second
		table := New(Rules{Config: cfg}, c.time)
		var noted []time.Time
		start := c.now
		for range rapid.IntRange(1, 30).Draw(t, "notes") {
			c.pass(time.Duration(rapid.IntRange(0, 10_000).Draw(t, "seconds")) * time.Second)
			table.Note(bad, Attack)
			noted = append(noted, c.now)
			if rapid.Bool().Draw(t, "look") { // looking changes nothing
				table.Level(bad)
				table.sweep(table.part(clientBytes(nil, netip.PrefixFrom(bad, 32))))
			}
		}
		c.pass(time.Duration(rapid.IntRange(0, 1000).Draw(t, "more")) * time.Second)
		want := 0.0
		for _, at := range noted {
			want += 10 * math.Exp2(-float64(c.now.Sub(at))/float64(cfg.HalfLife))
		}
		got := table.Score(bad)
		if math.Abs(got-want) > 1e-6*max(want, 1) && want >= forgotten+0.01 {
			t.Fatalf("%g, want %g after %s", got, want, c.now.Sub(start))
		}
	})
}
