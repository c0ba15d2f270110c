package session

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/device"
)

// from is an attempt of a browser with the device cookie.
func from(name, cookie string) Attempt {
	a := attempt(name)
	a.Browser, a.Device = true, cookie
	return a
}

func (n *node) loginFrom(a Attempt) Result {
	n.t.Helper()
	r, err := n.Login(ctx, a)
	if err != nil {
		n.t.Fatal("login:", err)
	}
	return r
}

func (n *node) open(r Result) (ids []string) {
	n.t.Helper()
	all, err := n.Sessions(ctx, r.Identity)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, o := range all {
		ids = append(ids, o.ID)
	}
	return ids
}

func (n *node) lives(r Result) bool {
	n.t.Helper()
	_, err := n.living(ctx, r.Identity)
	if err != nil && err != ErrSession {
		n.t.Fatal(err)
	}
	return err == nil
}

func TestSomebodyElsesSessionsAreNotSeenNorEnded(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	n.person("mallory", false)
	victim, attacker := n.login("ursula", ""), n.login("mallory", "")
	if ids := n.open(attacker); !slices.Equal(ids, []string{attacker.Identity.Session}) {
		t.Fatal("lists", ids)
	}
	for _, sid := range []string{victim.Identity.Session, "", "x", "' OR 1=1 --"} {
		if err := n.EndSession(ctx, attacker.Identity, sid); err != ErrNotFound {
			t.Errorf("%q: %v", sid, err)
		}
	}
	if err := n.ForgetDevice(ctx, attacker.Identity, n.device(victim)); err != ErrNotFound {
		t.Error("another's device:", err)
	}
	if err := n.EndSessions(ctx, attacker.Identity, true); err != nil {
		t.Error(err)
	}
	if !n.lives(victim) {
		t.Error("the victim's session ended")
	}
	// An identity made up of one's session and another's name is nobody.
	mixed := *attacker.Identity
	mixed.Subject = victim.Identity.Subject
	if _, err := n.Sessions(ctx, &mixed); err != ErrSession {
		t.Error("mixed identity:", err)
	}
}

func (n *node) device(r Result) string {
	n.t.Helper()
	_, current, err := n.Devices(ctx, r.Identity)
	if err != nil || current == "" {
		n.t.Fatal("no device:", err)
	}
	return current
}

func TestAnEndedSessionEndsNothing(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	thief, owner := n.login("ursula", ""), n.login("ursula", "")
	if err := n.EndSession(ctx, owner.Identity, thief.Identity.Session); err != nil {
		t.Fatal(err)
	}
	_, listErr := n.Sessions(ctx, thief.Identity)
	_, _, devErr := n.Devices(ctx, thief.Identity)
	for name, err := range map[string]error{
		"list": listErr, "devices": devErr,
		"end":      n.EndSession(ctx, thief.Identity, owner.Identity.Session),
		"end all":  n.EndSessions(ctx, thief.Identity, false),
		"forget":   n.ForgetDevice(ctx, thief.Identity, n.device(owner)),
		"end self": n.EndSession(ctx, thief.Identity, thief.Identity.Session),
	} {
		if err != ErrSession {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := n.EndSession(ctx, owner.Identity, thief.Identity.Session); err != ErrNotFound {
		t.Error("ended twice:", err)
	}
	if !n.lives(owner) {
		t.Error("the owner's session ended")
	}
}

func TestSessionsAreListedByLastUse(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	first := n.loginFrom(from("ursula", ""))
	n.clock.add(time.Minute)
	second := n.login("ursula", "")
	n.clock.add(time.Minute)
	if _, err := n.Refresh(ctx, first.Tokens.Refresh); err != nil {
		t.Fatal(err)
	}
	all, err := n.Sessions(ctx, second.Identity)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v %v", all, err)
	}
	if all[0].ID != first.Identity.Session || all[0].Current || !all[1].Current || !all[0].UsedAt.Equal(n.Now()) || all[0].IP != "192.0.2.1" || all[0].UserAgent != "test" {
		t.Errorf("%+v", all)
	}
	n.clock.add(29 * time.Minute) // the second was last used 30 minutes ago
	if _, err := n.Refresh(ctx, second.Tokens.Refresh); err != ErrSession {
		t.Fatal(err)
	}
	if ids := n.open(first); !slices.Equal(ids, []string{first.Identity.Session}) {
		t.Error("one that expired is listed:", ids)
	}
}

// Whatever ends a session ends it on every gateway within a second, open sockets included.
func TestWhatTheOwnerEndsEndsEverywhere(t *testing.T) {
	n := newNode(t)
	other := n.beside()
	n.person("ursula", false)
	n.MaxSessions = 3
	for name, end := range map[string]func(owner, r Result) error{
		"one":    func(owner, r Result) error { return n.EndSession(ctx, owner.Identity, r.Identity.Session) },
		"others": func(owner, r Result) error { return n.EndSessions(ctx, owner.Identity, false) },
		"all":    func(owner, r Result) error { return n.EndSessions(ctx, owner.Identity, true) },
		"device": func(owner, r Result) error { return n.ForgetDevice(ctx, owner.Identity, n.device(r)) },
		"too many": func(owner, r Result) error {
			for range 2 {
				n.clock.add(time.Second)
				n.loginFrom(from("ursula", ""))
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := n.loginFrom(from("ursula", ""))
			n.clock.add(time.Second)
			owner := n.loginFrom(from("ursula", ""))
			here, there := make(chan string, 1), make(chan string, 1)
			n.Watch(r.Identity.Session, func(reason string) { here <- reason })
			other.Watch(r.Identity.Session, func(reason string) { there <- reason })
			other.mustVerify(r.Tokens.Access)
			if err := end(owner, r); err != nil {
				t.Fatal(err)
			}
			told(t, here)
			told(t, there)
			for _, on := range []*node{n, other} {
				if _, err := on.Verify(ctx, r.Tokens.Access); err == nil {
					t.Error("the access token still works")
				}
				if _, err := on.Refresh(ctx, r.Tokens.Refresh); err != ErrSession {
					t.Error("the refresh token still works:", err)
				}
			}
			if n.lives(owner) == (name == "all") {
				t.Error("the owner's own session:", n.lives(owner))
			}
		})
	}
}

func TestEndAllVoidsLoginsHalfDoneAndTrust(t *testing.T) {
	n := newNode(t)
	n.TrustDevice = 30 * day
	secret := n.person("mona", true)
	half, err := n.Login(ctx, attempt("mona"))
	if err != nil {
		t.Fatal(err)
	}
	first, _ := n.Login(ctx, from("mona", ""))
	a := from("mona", "")
	a.RememberDevice = true
	r, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), a)
	if err != nil {
		t.Fatal(err)
	}
	person, _ := n.Accounts.ByName(ctx, "mona")
	trusted := func() bool {
		person, _ = n.Accounts.ByName(ctx, "mona")
		ok, err := n.Trusted(ctx, person, from("mona", r.Device))
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if !trusted() || !r.Identity.Trusted {
		t.Fatal("the device is not trusted")
	}
	if err := n.EndSessions(ctx, r.Identity, false); err != nil {
		t.Fatal(err)
	}
	if trusted() {
		t.Error("the device is still trusted")
	}
	n.clock.add(time.Minute)
	if _, err := n.TOTP(ctx, half.MFAToken, n.code(secret, 0), attempt("mona")); err != ErrSession {
		t.Error("a login half done went on:", err)
	}
}

func TestTrustIsNotHadWithoutASecondFactor(t *testing.T) {
	n := newNode(t)
	n.TrustDevice = 30 * day
	n.person("ursula", false)
	n.person("mona", true)
	a := from("ursula", "")
	a.RememberDevice = true
	r := n.loginFrom(a)
	ursula, _ := n.Accounts.ByName(ctx, "ursula")
	if ok, _ := n.Trusted(ctx, ursula, from("ursula", r.Device)); ok || r.Identity.Trusted {
		t.Error("a password alone made a device trusted")
	}
	// One person's trusted device is not another's.
	mona, _ := n.Accounts.ByName(ctx, "mona")
	if ok, _ := n.Trusted(ctx, mona, from("mona", r.Device)); ok {
		t.Error("trusted for another")
	}
}

func TestAForgottenDeviceIsUnknown(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	lost, own := n.loginFrom(from("ursula", "")), n.loginFrom(from("ursula", ""))
	if err := n.ForgetDevice(ctx, own.Identity, n.device(lost)); err != nil {
		t.Fatal(err)
	}
	if n.lives(lost) || !n.lives(own) {
		t.Error("the wrong sessions ended")
	}
	if known, err := n.devices.Holder(ctx, n.Now(), lost.Device); len(known) != 0 || err != nil {
		t.Error("still known:", err)
	}
	if all, _, err := n.Devices(ctx, own.Identity); err != nil || len(all) != 1 {
		t.Error(len(all), err)
	}
	if n.events.count("device-removed", "success") != 1 {
		t.Error("no event")
	}
	if err := n.ForgetDevice(ctx, own.Identity, n.device(own)+"x"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestADeviceCookieLastsItsLife(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r := n.loginFrom(from("ursula", ""))
	if r.Device == "" || !r.DeviceExpires.Equal(n.Now().Add(device.Life)) {
		t.Fatalf("%q %v", r.Device, r.DeviceExpires)
	}
	if r := n.loginFrom(attempt("ursula")); r.Device != "" {
		t.Error("a program got a cookie")
	}
}
