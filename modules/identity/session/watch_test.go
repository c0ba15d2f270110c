package session

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/database"
)

func told(t *testing.T, ch <-chan string) string {
	t.Helper()
	select {
	case reason := <-ch:
		return reason
	case <-time.After(30 * time.Second):
		t.Fatal("not told")
		return ""
	}
}

func TestWatchersAreToldEverywhere(t *testing.T) {
	n := newNode(t)
	other := n.beside()
	secret := n.person("mona", true)
	ends := map[string]func(r Result) error{
		"logout":  func(r Result) error { return n.Logout(ctx, r.Tokens.Refresh, "") },
		"step up": func(r Result) error { _, err := n.StepUp(ctx, r.Identity, n.code(secret, 0), Attempt{}); return err },
		"reuse": func(r Result) error {
			if _, err := n.Refresh(ctx, r.Tokens.Refresh); err != nil {
				return err
			}
			n.clock.add(time.Minute)
			if _, err := n.Refresh(ctx, r.Tokens.Refresh); err != ErrSession {
				return err
			}
			return nil
		},
		"roles": func(r Result) error { // as the command does it, in a process of its own
			return n.DB.InTx(ctx, func(tx *database.Tx) error {
				if err := n.Accounts.SetRoles(ctx, tx, r.Identity.Subject, []string{"admin"}); err != nil {
					return err
				}
				_, err := EndAll(ctx, tx, n.Now(), r.Identity.Subject, "", "role changed")
				return err
			})
		},
	}
	for name, end := range ends {
		n.clock.add(2 * time.Minute)
		r := n.login("mona", secret)
		n.clock.add(2 * time.Minute)
		here, there, never := make(chan string, 2), make(chan string, 2), make(chan string, 2)
		n.Watch(r.Identity.Session, func(reason string) { here <- reason })
		other.Watch(r.Identity.Session, func(reason string) { there <- reason })
		n.Watch(r.Identity.Session, func(reason string) { never <- reason })()
		if err := end(r); err != nil {
			t.Fatal(name, err)
		}
		told(t, here)
		told(t, there)
		time.Sleep(20 * time.Millisecond)
		if len(here)+len(there)+len(never) != 0 {
			t.Fatal(name, "told twice, or after cancel")
		}
		// Who begins to watch a moment late is told as well.
		other.Watch(r.Identity.Session, func(reason string) { there <- reason })
		told(t, there)
	}
}

func TestRenewalKeepsSocketsOpen(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r := n.login("ursula", "")
	ch := make(chan string, 1)
	defer n.Watch(r.Identity.Session, func(reason string) { ch <- reason })()
	if _, err := n.Refresh(ctx, r.Tokens.Refresh); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	if len(ch) != 0 {
		t.Fatal("a refresh closed the socket:", <-ch)
	}
}

// A reload closes the Manager of the old configuration; its sockets must still hear.
func TestWatchOutlivesClose(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	released := make(chan struct{})
	m, err := New(ctx, n.Config, withRelease(n.Resources, func() { close(released) }))
	if err != nil {
		t.Fatal(err)
	}
	r := n.login("ursula", "")
	ch := make(chan string, 1)
	m.Watch(r.Identity.Session, func(reason string) { ch <- reason })
	m.Close()
	select {
	case <-released:
		t.Fatal("released while a socket is watched")
	case <-time.After(50 * time.Millisecond):
	}
	if err := n.Logout(ctx, "", r.Identity.Session); err != nil {
		t.Fatal(err)
	}
	told(t, ch)
	select {
	case <-released:
	case <-time.After(30 * time.Second):
		t.Fatal("not released after the last socket")
	}
	// A straggler of the old configuration is sent to the new one, and trusts no memory.
	m.Watch(r.Identity.Session, func(reason string) { ch <- reason })
	told(t, ch)
	fresh := n.login("ursula", "")
	if _, err := m.Verify(ctx, fresh.Tokens.Access); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Known(fresh.Tokens.Access); ok {
		t.Fatal("a Manager that hears no news trusts its memory")
	}
}

func withRelease(r Resources, f func()) Resources {
	r.Release = f
	return r
}

func TestStaleFeedTrustsNoMemory(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r := n.login("ursula", "")
	n.mustVerify(r.Tokens.Access)
	n.feed.setStale(true)
	if _, ok := n.Known(r.Tokens.Access); ok {
		t.Fatal("known by a stale feed")
	}
	n.mustVerify(r.Tokens.Access) // the database says so
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := n.Verify(gone, r.Tokens.Access); err == nil || errors.Is(err, token.ErrInvalid) {
		t.Fatal("want an error that is not ErrInvalid where the database can't be asked, got", err)
	}
	if _, err := n.Login(gone, attempt("ursula")); err == nil || errors.Is(err, ErrCredentials) {
		t.Fatal("want an error that is not ErrCredentials, got", err)
	}
	n.feed.setStale(false)
	if _, ok := n.Known(r.Tokens.Access); !ok {
		t.Fatal("not known by a fresh feed")
	}
}

func TestBrokenStoreFailsClosed(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	n.person("ursula", false)
	first, _ := n.Login(ctx, attempt("mona"))
	u := n.login("ursula", "")
	n.Store = brokenStore{n.Store}
	if _, err := n.Login(ctx, attempt("mona")); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	if _, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), attempt("mona")); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	if err := n.ChangePassword(ctx, u.Identity, password, "violet-anchor-tulip-93"); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	n.mustVerify(u.Tokens.Access) // sessions go on
	if _, err := n.Refresh(ctx, u.Tokens.Refresh); err != nil {
		t.Fatal(err)
	}
}

func TestSessionsSurviveARestart(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r := n.login("ursula", "")
	again := n.beside() // all its memory is new
	again.mustVerify(r.Tokens.Access)
	if _, err := again.Refresh(ctx, r.Tokens.Refresh); err != nil {
		t.Fatal(err)
	}
}

func TestPruneKeepsADay(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	out, idle := n.login("ursula", ""), n.login("ursula", "")
	if err := n.Logout(ctx, "", out.Identity.Session); err != nil {
		t.Fatal(err)
	}
	count := func() (c int) {
		if err := n.prune(ctx); err != nil {
			t.Fatal(err)
		}
		if err := n.DB.QueryRow(ctx, `SELECT COUNT(*) FROM sessions WHERE id IN (?, ?)`, out.Identity.Session, idle.Identity.Session).Scan(&c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	n.clock.add(keepEnded - time.Minute)
	if c := count(); c != 2 {
		t.Fatalf("%d sessions left within the day", c)
	}
	n.clock.add(2 * time.Minute)
	if c := count(); c != 1 { // the idle one ended half an hour later
		t.Fatalf("%d sessions left after a day, want 1", c)
	}
	n.clock.add(time.Hour)
	if c := count(); c != 0 {
		t.Fatalf("%d sessions left", c)
	}
}

func TestChangesByOthersAreRecordedOnce(t *testing.T) {
	n := newNode(t)
	other := n.beside()
	n.person("ursula", false)
	r := n.login("ursula", "")
	if err := n.ChangePassword(ctx, r.Identity, password, "violet-anchor-tulip-93"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return other.events.count("account-changed", "success") == 1 })
	if n.events.count("password-changed", "success") != 1 || n.events.count("account-changed", "success") != 0 {
		t.Fatal("the own change was recorded as another's")
	}
}

func BenchmarkKnown(b *testing.B) {
	n, r := benchNode(b)
	if _, err := n.Verify(ctx, r.Tokens.Access); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := n.Known(r.Tokens.Access); !ok {
			b.Fatal("unknown")
		}
	}
}

func BenchmarkVerifyUnknown(b *testing.B) {
	n, r := benchNode(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.verify(ctx, r.Tokens.Access); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRefresh(b *testing.B) {
	n, r := benchNode(b)
	for b.Loop() {
		var err error
		if r, err = n.Refresh(ctx, r.Tokens.Refresh); err != nil {
			b.Fatal(err)
		}
	}
}
