package grant

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/dbtest"
)

func TestEmergency(t *testing.T) {
	s, c, db := openAt(t)
	ctx := context.Background()
	stamp := s.Stamp("room:a")
	apply(t, s, []Grant{{"petra", BreakGlass, SessionObject("S1"), c.in(time.Minute)}}, nil)
	if s.Stamp("room:a") == stamp {
		t.Error("what was decided before the emergency is kept")
	}
	for _, known := range []bool{true, false} {
		for _, x := range []struct {
			subject, session string
			want             bool
		}{{"petra", "S1", true}, {"petra", "S2", false}, {"ursula", "S1", false}, {"petra", "", false}, {"", "S1", false}, {Everyone, "S1", false}, {"session:S1", "S1", false}} {
			if got := s.Emergency(ctx, x.subject, x.session); got != x.want {
				t.Errorf("known %v: %s in %q: %v", known, x.subject, x.session, got)
			}
		}
		s.emergencies.known.Store(nil)
	}
	if err := s.loadEmergencies(ctx); err != nil {
		t.Fatal(err)
	}
	stamp = s.Stamp("room:a")
	s.Emergency(ctx, "petra", "S1")
	c.pass(time.Minute - time.Microsecond)
	if !s.Emergency(ctx, "petra", "S1") || s.Stamp("room:a") != stamp {
		t.Error("it ended early")
	}
	c.pass(time.Microsecond)
	if s.Stamp("room:a") == stamp {
		t.Error("what the emergency allowed is kept after its end")
	}
	if s.Emergency(ctx, "petra", "S1") {
		t.Error("it counts at its end")
	}
	if err := s.loadEmergencies(ctx); err != nil || len(*s.emergencies.known.Load()) != 0 {
		t.Error("the end of it is not forgotten", err)
	}
	// What is not known costs nothing: the database is not asked.
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Emergency(ctx, "petra", "S1") {
		t.Error("an emergency without a database")
	}
}

func TestEmergencyIsRevoked(t *testing.T) {
	s, c, _ := openAt(t)
	g := Grant{"petra", BreakGlass, SessionObject("S1"), c.in(time.Minute)}
	apply(t, s, []Grant{g}, nil)
	if !s.Emergency(context.Background(), "petra", "S1") {
		t.Fatal("none")
	}
	stamp := s.Stamp()
	apply(t, s, nil, []Grant{g})
	if s.Emergency(context.Background(), "petra", "S1") || s.Stamp() == stamp {
		t.Error("it was revoked, but counts")
	}
}

// Fail closed: where revocations can't be seen, nobody has emergency access.
func TestNoEmergencyWhereChangesCannotBeSeen(t *testing.T) {
	db, _ := openDB(t, dbtest.New(t))
	feed := &fakeFeed{}
	s := New(db, feed, time.Now)
	defer s.Close()
	apply(t, s, []Grant{{"petra", BreakGlass, SessionObject("S1"), time.Now().Add(time.Hour)}}, nil)
	if !s.Emergency(context.Background(), "petra", "S1") {
		t.Fatal("none")
	}
	feed.stale.Store(true)
	if s.Emergency(context.Background(), "petra", "S1") {
		t.Error("it counts")
	}
}

func TestAnotherProcessSeesAnEmergency(t *testing.T) {
	config := dbtest.New(t)
	db1, feed1 := openDB(t, config)
	db2, feed2 := openDB(t, config)
	a, b := New(db1, feed1, time.Now), New(db2, feed2, time.Now)
	defer a.Close()
	defer b.Close()
	if b.Emergency(context.Background(), "petra", "S1") {
		t.Fatal("before it began")
	}
	g := Grant{"petra", BreakGlass, SessionObject("S1"), time.Now().Add(time.Hour)}
	apply(t, a, []Grant{g}, nil)
	seen := func(want bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); b.Emergency(context.Background(), "petra", "S1") != want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("not seen")
			}
		}
	}
	seen(true)
	apply(t, a, nil, []Grant{g})
	seen(false)
}

func TestEmergencyOfEveryoneOrForEverIsRefused(t *testing.T) {
	s, c, _ := openAt(t)
	for _, g := range []Grant{
		{"petra", BreakGlass, SessionObject("S1"), never}, {Everyone, BreakGlass, SessionObject("S1"), c.in(time.Hour)}, {"petra", BreakGlass, "room:a", c.in(time.Hour)},
		{"room:a", BreakGlass, SessionObject("S1"), c.in(time.Hour)},
	} {
		if err := s.Apply(context.Background(), []Grant{g}, nil); !errors.Is(err, ErrMalformed) {
			t.Errorf("%v: %v", g, err)
		}
	}
}

func TestManyEmergenciesAreLookedUp(t *testing.T) {
	s, c, _ := openAt(t)
	if err := s.loadEmergencies(context.Background()); err != nil {
		t.Fatal(err)
	}
	var add []Grant
	for i := range 3 {
		add = append(add, Grant{"petra", BreakGlass, SessionObject(fmt.Sprint("S", i)), c.in(time.Hour)})
	}
	apply(t, s, add, nil)
	many := map[string]struct{}{}
	for i := range maxSessions + 1 {
		many[fmt.Sprint("X", i)] = struct{}{}
	}
	s.emergencies.keep(many)
	if s.emergencies.known.Load() != nil {
		t.Fatal("not bounded")
	}
	if !s.Emergency(context.Background(), "petra", "S2") || s.Emergency(context.Background(), "petra", "S9") {
		t.Error("not looked up")
	}
}
