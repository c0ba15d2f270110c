package session

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestParallelLoginsStayUnderTheCap(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		n := newNode(t)
		other := n.beside()
		n.person("ursula", false)
		for _, on := range []*node{n, other} {
			on.MaxSessions, on.RefuseMore = 3, refuse
		}
		var won, refused atomic.Int32
		var wg sync.WaitGroup
		for range 10 {
			for _, on := range []*node{n, other} {
				wg.Go(func() {
					switch _, err := on.Login(ctx, attempt("ursula")); {
					case err == nil:
						won.Add(1)
					case errors.Is(err, ErrTooMany):
						refused.Add(1)
					default:
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		open := 0
		if err := n.DB.QueryRow(ctx, `SELECT COUNT(*) FROM sessions WHERE ended_at = 0`).Scan(&open); err != nil || open != 3 {
			t.Errorf("refuse %v: %d open, %v", refuse, open, err)
		}
		if refuse && (won.Load() != 3 || refused.Load() != 17) || !refuse && won.Load() != 20 {
			t.Errorf("refuse %v: %d won, %d refused", refuse, won.Load(), refused.Load())
		}
	}
}

func TestTheCapCountsWhatLives(t *testing.T) {
	n := newNode(t)
	n.MaxSessions, n.RefuseMore = 2, true
	secret := n.person("mona", true)
	n.person("ursula", false)
	first := n.login("mona", secret)
	n.clock.add(2 * time.Minute)
	second := n.login("mona", secret)
	n.clock.add(2 * time.Minute)
	// A step up takes no room.
	stepped, err := n.StepUp(ctx, second.Identity, n.code(secret, 0), attempt("mona"))
	if err != nil {
		t.Fatal(err)
	}
	refused := func() bool {
		n.clock.add(2 * time.Minute)
		m, err := n.Login(ctx, attempt("mona"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = n.TOTP(ctx, m.MFAToken, n.code(secret, 0), attempt("mona"))
		if err != nil && !errors.Is(err, ErrTooMany) {
			t.Fatal(err)
		}
		return err != nil
	}
	if !refused() {
		t.Error("a third session began")
	}
	n.login("ursula", "") // another's room is another's
	if err := n.Logout(ctx, stepped.Tokens.Refresh, ""); err != nil {
		t.Fatal(err)
	}
	if refused() {
		t.Error("there was room")
	}
	n.clock.add(time.Hour) // the rest expires
	if n.lives(first) || refused() {
		t.Error("what has expired takes room")
	}
}

func TestTheOldestMakesRoom(t *testing.T) {
	n := newNode(t)
	n.MaxSessions = 2
	n.person("ursula", false)
	first := n.login("ursula", "")
	n.clock.add(time.Minute)
	second := n.login("ursula", "")
	n.clock.add(time.Minute)
	if _, err := n.Refresh(ctx, first.Tokens.Refresh); err != nil { // now the second was not used for longer
		t.Fatal(err)
	}
	n.clock.add(time.Minute)
	third := n.login("ursula", "")
	if !n.lives(first) || n.lives(second) || !n.lives(third) {
		t.Error(n.lives(first), n.lives(second), n.lives(third))
	}
}
