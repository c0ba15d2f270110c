package session

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

// post keeps what owners are told, and lets nothing be committed while it is full.
type post struct {
	mu   sync.Mutex
	sent []string
	full error
}

func (p *post) Notify(_ context.Context, _ *database.Tx, a account.Account, kind string, data map[string]string) error {
	if kind == NoticeNewDevice {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	line := a.Name + " " + kind
	for _, k := range []string{"factor", "name", "left"} {
		if v, ok := data[k]; ok {
			line += " " + v
		}
	}
	p.sent = append(p.sent, line)
	return p.full
}

func (n *node) post() *post {
	p := &post{}
	n.Notices = p
	return p
}

// enrol adds an authenticator app for who is signed in.
func (n *node) enrol(r Result, name string) (Result, string) {
	n.t.Helper()
	e, err := n.EnrolTOTP(ctx, r.Identity)
	if err == nil {
		r, err = n.ConfirmTOTP(ctx, r.Identity, e.Token, n.code(e.Secret, 0), name, Attempt{})
	}
	if err != nil {
		n.t.Fatal("enrolling:", err)
	}
	return r, e.Secret
}

// changes of factors that a person may ask for. Each is tried with what would make it succeed.
func (n *node) changes(r Result, of string, k *key) map[string]func(*reqctx.Identity) error {
	return map[string]func(*reqctx.Identity) error{
		"enrolling an app": func(id *reqctx.Identity) error { _, err := n.EnrolTOTP(ctx, id); return err },
		"confirming an app": func(id *reqctx.Identity) error {
			_, err := n.ConfirmTOTP(ctx, id, "AAAAAAAAAAAAAAAAAAAAAAAAAA", "123456", "", Attempt{})
			return err
		},
		"beginning a key":       func(id *reqctx.Identity) error { _, err := n.BeginAddKey(ctx, id, at(site)); return err },
		"adding a key":          func(id *reqctx.Identity) error { _, err := n.AddKey(ctx, id, []byte("{}"), "", at(site)); return err },
		"removing a factor":     func(id *reqctx.Identity) error { return n.RemoveFactor(ctx, id, of) },
		"making recovery codes": func(id *reqctx.Identity) error { _, err := n.RenewRecoveryCodes(ctx, id); return err },
	}
}

func TestPasswordAloneChangesNoFactor(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	stolen := n.login("ursula", "") // before there was a factor
	k := newKey(t)
	mine := n.addKey(n.login("ursula", ""), k, "")
	all, _, _ := n.ListFactors(ctx, mine.Identity)
	refused := func(what string, id *reqctx.Identity, acr string) {
		t.Helper()
		for change, f := range n.changes(mine, all[0].ID, k) {
			var stale NotFresh
			if err := f(id); !errors.As(err, &stale) || stale.ACR != acr || stale.MaxAge != 10*time.Minute {
				t.Errorf("%s, %s: %v", what, change, err)
			}
		}
	}
	refused("a session with a password alone", stolen.Identity, reqctx.ACRMulti)
	n.clock.add(10*time.Minute + time.Second)
	refused("a session whose second factor is old", mine.Identity, reqctx.ACRMulti)
	// The token may say what it likes: the session's row counts.
	forged := *stolen.Identity
	forged.MFATime, forged.AuthTime, forged.ACR = n.Now(), n.Now(), reqctx.ACRMulti
	refused("a token that says more than its session", &forged, reqctx.ACRMulti)
	// The password alone does not help, where there is a factor.
	again, err := n.StepUpPassword(ctx, stolen.Identity, password, Attempt{})
	if err != nil {
		t.Fatal(err)
	}
	refused("a session with the password given again", again.Identity, reqctx.ACRMulti)

	n.person("eve", false)
	old := n.login("eve", "")
	n.clock.add(10*time.Minute + time.Second)
	refused("a session with an old password", old.Identity, reqctx.ACRSingle)
	if _, err := n.StepUpPassword(ctx, old.Identity, "not-the-password", Attempt{}); err != ErrCredentials {
		t.Fatal(err)
	}
	fresh, err := n.StepUpPassword(ctx, old.Identity, password, Attempt{})
	if err != nil || fresh.Identity.Session == old.Identity.Session || !fresh.Identity.AuthTime.Equal(n.Now()) || !fresh.Identity.MFATime.IsZero() || fresh.Identity.ACR != reqctx.ACRSingle {
		t.Fatalf("%+v %v", fresh.Identity, err)
	}
	n.gone(old)
	if _, err := n.EnrolTOTP(ctx, fresh.Identity); err != nil {
		t.Fatal(err)
	}
	if all, _, _ := n.ListFactors(ctx, mine.Identity); len(all) != 1 {
		t.Fatal("something changed after all")
	}
}

// An enrolment that was begun while there was no factor must not end beside one.
func TestEnrolmentBegunBeforeTheFirstFactor(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	thief, mine := n.login("ursula", ""), n.login("ursula", "")
	e, err := n.EnrolTOTP(ctx, thief.Identity)
	if err != nil {
		t.Fatal(err)
	}
	options, err := n.BeginAddKey(ctx, thief.Identity, at(site))
	if err != nil {
		t.Fatal(err)
	}
	n.enrol(mine, "")
	var stale NotFresh
	if _, err := n.ConfirmTOTP(ctx, thief.Identity, e.Token, n.code(e.Secret, 0), "", Attempt{}); !errors.As(err, &stale) {
		t.Error("an app:", err)
	}
	if _, err := n.AddKey(ctx, thief.Identity, newKey(t).create(options), "", at(site)); !errors.As(err, &stale) {
		t.Error("a key:", err)
	}
}

func TestParallelEnrolmentsOfTwoSessions(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	var confirm []func() error
	for range 4 {
		r := n.login("ursula", "")
		e, err := n.EnrolTOTP(ctx, r.Identity)
		if err != nil {
			t.Fatal(err)
		}
		confirm = append(confirm, func() error {
			_, err := n.ConfirmTOTP(ctx, r.Identity, e.Token, n.code(e.Secret, 0), "", Attempt{})
			return err
		})
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for _, f := range confirm {
		wg.Go(func() {
			if f() == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d sessions with a password alone each added a factor", won.Load())
	}
}

func TestSeveralFactors(t *testing.T) {
	n := newNode(t)
	mail := n.post()
	n.person("ursula", false)
	r, phone := n.enrol(n.login("ursula", ""), "Phone")
	n.clock.add(time.Minute)
	r, tablet := n.enrol(r, "Tablet")
	n.clock.add(time.Minute)
	k := newKey(t)
	r = n.addKey(r, k, "Blue key")
	first, err := n.Login(ctx, attempt("ursula"))
	if err != nil || !slices.Equal(first.Factors, []string{"totp", "webauthn"}) {
		t.Fatal(first.Factors, err)
	}
	n.clock.add(time.Minute)
	n.login("ursula", phone)
	n.login("ursula", tablet)
	if _, err := n.keyLogin("ursula", k); err != nil {
		t.Fatal(err)
	}
	if r, err = n.StepUp(ctx, r.Identity, n.code(tablet, 1), Attempt{}); err != nil {
		t.Fatal(err)
	}
	all, _, err := n.ListFactors(ctx, r.Identity)
	if err != nil || len(all) != 3 || all[0].Name != "Phone" || all[1].Name != "Tablet" || all[2].Name != "Blue key" {
		t.Fatalf("%+v %v", all, err)
	}
	if err := n.RenameFactor(ctx, r.Identity, all[0].ID, "  Old phone "); err != nil {
		t.Fatal(err)
	}
	n.clock.add(time.Minute)
	other := n.login("ursula", phone)
	if err := n.RemoveFactor(ctx, r.Identity, all[0].ID); err != nil {
		t.Fatal(err)
	}
	n.gone(other) // one of the other sessions may be the finder's
	n.mustVerify(r.Tokens.Access)
	n.clock.add(time.Minute)
	if _, err := n.TOTP(ctx, n.first("ursula"), n.code(phone, 0), Attempt{}); err != ErrCode {
		t.Fatal("the code of a removed app:", err)
	}
	if err := n.RemoveFactor(ctx, r.Identity, all[0].ID); err != ErrFactor {
		t.Fatal(err)
	}
	want := []string{"ursula factor-added totp Phone", "ursula factor-added totp Tablet", "ursula factor-added webauthn Blue key", "ursula factor-removed totp Old phone"}
	if !slices.Equal(mail.sent, want) {
		t.Fatalf("told: %q", mail.sent)
	}
	if n.events.count("second-factor-added", "success") != 3 || n.events.count("second-factor-removed", "success") != 1 || n.events.count("second-factor-renamed", "success") != 1 {
		t.Fatal("events")
	}
}

func TestAnothersFactorsAreOutOfReach(t *testing.T) {
	n := newNode(t)
	_, mine := n.withKey("ursula", nil)
	_, eve := n.withKey("eve", nil)
	all, _, _ := n.ListFactors(ctx, mine.Identity)
	if err := n.RemoveFactor(ctx, eve.Identity, all[0].ID); err != ErrFactor {
		t.Error("removed:", err)
	}
	if err := n.RenameFactor(ctx, eve.Identity, all[0].ID, "mine"); err != ErrFactor {
		t.Error("renamed:", err)
	}
	if err := n.RemoveFactor(ctx, eve.Identity, ""); err != ErrFactor {
		t.Error(err)
	}
}

func TestNamesOfFactors(t *testing.T) {
	for typed, want := range map[string]string{"": "", " Büro ": "Büro", strings.Repeat("ö", 64): strings.Repeat("ö", 64), "日本の鍵": "日本の鍵"} {
		if got, err := factor.Name(typed); err != nil || got != want {
			t.Errorf("%q: %q %v", typed, got, err)
		}
	}
	for _, bad := range []string{strings.Repeat("ö", 65), "a\nb", "a\x00", "\u202egnp.exe", "a\u200bb", "\xff", "\u2028"} {
		if _, err := factor.Name("x" + bad + "x"); err != factor.ErrName {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestFactorsAreBounded(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r := n.login("ursula", "")
	for range 5 {
		r, _ = n.enrol(r, "")
	}
	e, err := n.EnrolTOTP(ctx, r.Identity)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.ConfirmTOTP(ctx, r.Identity, e.Token, n.code(e.Secret, 0), "", Attempt{}); err != factor.ErrMany {
		t.Fatal("a sixth app:", err)
	}
	for range 15 {
		r = n.addKey(r, newKey(t), "")
	}
	options, err := n.BeginAddKey(ctx, r.Identity, at(site))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.AddKey(ctx, r.Identity, newKey(t).create(options), "", at(site)); err != factor.ErrMany {
		t.Fatal("a twenty-first factor:", err)
	}
}

// What can't be told to the owner is not done.
func TestNoChangeWithoutItsMail(t *testing.T) {
	n := newNode(t)
	_, r := n.withKey("ursula", nil)
	all, _, _ := n.ListFactors(ctx, r.Identity)
	n.post().full = errors.New("the outbox is full")
	e, _ := n.EnrolTOTP(ctx, r.Identity)
	if _, err := n.ConfirmTOTP(ctx, r.Identity, e.Token, n.code(e.Secret, 0), "", Attempt{}); err == nil {
		t.Error("a factor was added")
	}
	if err := n.RemoveFactor(ctx, r.Identity, all[0].ID); err == nil {
		t.Error("a factor was removed")
	}
	if _, err := n.RenewRecoveryCodes(ctx, r.Identity); err == nil {
		t.Error("codes were made")
	}
	if now, left, err := n.ListFactors(ctx, r.Identity); err != nil || len(now) != 1 || left != 0 {
		t.Fatal(now, left, err)
	}
}

// One code of one app, at a login, a step up and a removal at once.
func TestOneCodeOnTwoSteps(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	r := n.login("mona", secret)
	n.clock.add(time.Minute)
	mfa := n.first("mona")
	code := n.code(secret, 0)
	var won atomic.Int32
	var wg sync.WaitGroup
	for _, use := range []func() error{
		func() error { _, err := n.TOTP(ctx, mfa, code, Attempt{}); return err },
		func() error { _, err := n.StepUp(ctx, r.Identity, code, Attempt{}); return err },
		func() error { return n.RemoveTOTP(ctx, r.Identity, code) },
	} {
		wg.Go(func() {
			if use() == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() > 1 {
		t.Fatalf("one code was taken %d times", won.Load())
	}
	if _, err := n.TOTP(ctx, n.firstOr("mona"), code, Attempt{}); err == nil {
		t.Fatal("the code was taken once more")
	}
}

// firstOr is the first step of a login that may be complete with it.
func (n *node) firstOr(name string) string {
	r, err := n.Login(ctx, attempt(name))
	if err != nil {
		n.t.Fatal(err)
	}
	return r.MFAToken
}

// Fixation: whoever knew the session, or planted it, holds nothing after a step up.
func TestEachStepGivesANewSession(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r := n.login("ursula", "")
	k := newKey(t)
	before := r
	r, err := n.StepUpPassword(ctx, r.Identity, password, Attempt{})
	if err != nil {
		t.Fatal(err)
	}
	n.gone(before)
	before = r
	r, secret := n.enrol(r, "")
	n.gone(before)
	before = r
	r = n.addKey(r, k, "")
	n.gone(before)
	codes, err := n.RenewRecoveryCodes(ctx, r.Identity)
	if err != nil {
		t.Fatal(err)
	}
	n.clock.add(time.Minute)
	for _, step := range []func(Result) (Result, error){
		func(r Result) (Result, error) { return n.StepUp(ctx, r.Identity, n.code(secret, 0), Attempt{}) },
		func(r Result) (Result, error) { return n.StepUpRecovery(ctx, r.Identity, codes[0], Attempt{}) },
		func(r Result) (Result, error) {
			options, err := n.BeginStepUpKey(ctx, r.Identity, at(site))
			if err != nil {
				return r, err
			}
			return n.StepUpKey(ctx, r.Identity, k.get(options), at(site))
		},
	} {
		after, err := step(r)
		if err != nil || after.Identity.Session == r.Identity.Session || !after.Identity.MFATime.Equal(n.Now()) {
			t.Fatal(err)
		}
		n.gone(r)
		r = after
	}
	if !r.Identity.AuthTime.Equal(n.Now()) {
		t.Error("a key that verified its user is a first factor, too")
	}
	// A login is a session of its own, whatever was there before.
	for range 2 {
		token := n.first("ursula")
		options, _ := n.BeginKey(ctx, token, at(site))
		s, err := n.Key(ctx, token, k.get(options), at(site))
		if err != nil || s.Identity.Session == r.Identity.Session || strings.Contains(s.Tokens.Refresh, token) {
			t.Fatal(err)
		}
	}
}
