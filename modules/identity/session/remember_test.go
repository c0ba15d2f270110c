package session

import (
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/database"
)

const day = 24 * time.Hour

func TestASessionIsRememberedOnlyWhereItMayBe(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	a := attempt("ursula")
	a.Remember = true
	if r := n.loginFrom(a); !r.Tokens.RefreshExpires.Equal(n.Now().Add(30 * time.Minute)) {
		t.Error("remembered although it is off:", r.Tokens.RefreshExpires)
	}
	n.Config.Remember = &Remember{Idle: 14 * day, Absolute: 30 * day, Except: []string{"admin"}}
	if r := n.loginFrom(attempt("ursula")); !r.Tokens.RefreshExpires.Equal(n.Now().Add(30 * time.Minute)) {
		t.Error("remembered without being asked for")
	}
	ursula, _ := n.Accounts.ByName(ctx, "ursula")
	if err := n.DB.InTx(ctx, func(tx *database.Tx) error {
		return n.Accounts.SetRoles(ctx, tx, ursula.ID, []string{"user", "admin"})
	}); err != nil {
		t.Fatal(err)
	}
	if r := n.loginFrom(a); !r.Tokens.RefreshExpires.Equal(n.Now().Add(30 * time.Minute)) {
		t.Error("an administrator is remembered")
	}
}

func TestARememberedSessionLastsAndEnds(t *testing.T) {
	n := newNode(t)
	n.Config.Remember = &Remember{Idle: 14 * day, Absolute: 30 * day}
	secret := n.person("mona", true)
	a := attempt("mona")
	a.Remember = true
	first, err := n.Login(ctx, a) // the wish is told with the first step
	if err != nil {
		t.Fatal(err)
	}
	began := n.Now()
	r, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), attempt("mona"))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Tokens.RefreshExpires.Equal(began.Add(14 * day)) {
		t.Fatal("expires", r.Tokens.RefreshExpires)
	}
	n.clock.add(13 * day)
	if r, err = n.Refresh(ctx, r.Tokens.Refresh); err != nil || !r.Tokens.RefreshExpires.Equal(began.Add(27*day)) {
		t.Fatal("refresh:", err)
	}
	if r, err = n.StepUp(ctx, r.Identity, n.code(secret, 0), attempt("mona")); err != nil || !r.Tokens.RefreshExpires.Equal(began.Add(27*day)) {
		t.Fatal("step up:", err)
	}
	n.clock.add(10 * day)
	if r, err = n.Refresh(ctx, r.Tokens.Refresh); err != nil || !r.Tokens.RefreshExpires.Equal(began.Add(30*day)) {
		t.Fatal("past its absolute end:", err, r.Tokens)
	}
	n.clock.add(7 * day)
	if _, err := n.Refresh(ctx, r.Tokens.Refresh); err != ErrSession {
		t.Error("lives for ever:", err)
	}
}

func TestARememberedSessionShortensWhereItIsTurnedOff(t *testing.T) {
	n := newNode(t)
	n.Config.Remember = &Remember{Idle: 14 * day, Absolute: 30 * day}
	n.person("ursula", false)
	a := attempt("ursula")
	a.Remember = true
	r := n.loginFrom(a)
	n.Config.Remember = nil // as a reload would
	r, err := n.Refresh(ctx, r.Tokens.Refresh)
	if err != nil || !r.Tokens.RefreshExpires.Equal(n.Now().Add(30*time.Minute)) {
		t.Error(err, r.Tokens)
	}
}
