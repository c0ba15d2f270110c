package session

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func TestWhoMustHaveAFactorEnrolsOne(t *testing.T) {
	n := newNode(t)
	n.Required = []string{"user"}
	n.person("ursula", false)
	n.person("mona", false)

	r, err := n.Login(ctx, attempt("ursula"))
	if err != nil || r.Tokens != nil || !r.Enrol || !slices.Equal(r.Factors, []string{"totp", "webauthn"}) {
		t.Fatalf("%+v %v", r, err)
	}
	// The token is good for enrolling alone.
	if _, err := n.TOTP(ctx, r.MFAToken, "123456", Attempt{}); err != ErrSession {
		t.Fatal(err)
	}
	if _, err := n.BeginKey(ctx, r.MFAToken, at(site)); err != ErrSession {
		t.Fatal(err)
	}
	e, err := n.EnrolTOTPAtLogin(ctx, r.MFAToken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.ConfirmTOTPAtLogin(ctx, r.MFAToken, e.Token, n.wrongCode(e.Secret), "", Attempt{}); err != ErrCode {
		t.Fatal(err)
	}
	s, err := n.ConfirmTOTPAtLogin(ctx, r.MFAToken, e.Token, n.code(e.Secret, 0), "Phone", Attempt{})
	if err != nil || s.Identity.ACR != reqctx.ACRMulti || !slices.Equal(s.Identity.Methods, []string{"pwd", "otp", "mfa"}) {
		t.Fatalf("%+v %v", s.Identity, err)
	}
	n.mustVerify(s.Tokens.Access)
	if _, err := n.ConfirmTOTPAtLogin(ctx, r.MFAToken, e.Token, n.code(e.Secret, 1), "", Attempt{}); err != ErrSession {
		t.Fatal("once more:", err)
	}

	r, _ = n.Login(ctx, attempt("mona"))
	k := newKey(t)
	options, err := n.BeginAddKeyAtLogin(ctx, r.MFAToken, at(site))
	if err != nil {
		t.Fatal(err)
	}
	if s, err = n.AddKeyAtLogin(ctx, r.MFAToken, k.create(options), "", at(site)); err != nil || s.Identity.ACR != reqctx.ACRMulti {
		t.Fatalf("%+v %v", s.Identity, err)
	}
	if _, err := n.keyLogin("mona", k); err != nil {
		t.Fatal(err)
	}
	all, _, _ := n.ListFactors(ctx, s.Identity)
	if err := n.RemoveFactor(ctx, s.Identity, all[0].ID); err != ErrRequired {
		t.Fatal("the last factor went:", err)
	}
	if all, _, _ := n.ListFactors(ctx, s.Identity); len(all) != 1 {
		t.Fatal("it is gone all the same")
	}
}

// Who knows the password of an account with a factor does not get past it by adding one in the login.
func TestEnrolmentIsNoWayAroundTheFactor(t *testing.T) {
	for _, required := range [][]string{nil, {"user"}} {
		n := newNode(t)
		n.Required = required
		n.person("mona", true)
		token := n.first("mona")
		if _, err := n.EnrolTOTPAtLogin(ctx, token); err != ErrSession {
			t.Fatal(err)
		}
		if _, err := n.BeginAddKeyAtLogin(ctx, token, at(site)); err != ErrSession {
			t.Fatal(err)
		}
		if _, err := n.AddKeyAtLogin(ctx, token, []byte("{}"), "", at(site)); err != ErrSession {
			t.Fatal(err)
		}
	}
}

// Two people with one password enrol at once: one of them has the account.
func TestParallelEnrolmentsAtLogin(t *testing.T) {
	n := newNode(t)
	n.Required = []string{"user"}
	n.person("ursula", false)
	var enrol []func() error
	for range 2 {
		r, err := n.Login(ctx, attempt("ursula"))
		if err != nil {
			t.Fatal(err)
		}
		e, err := n.EnrolTOTPAtLogin(ctx, r.MFAToken)
		if err != nil {
			t.Fatal(err)
		}
		options, err := n.BeginAddKeyAtLogin(ctx, r.MFAToken, at(site))
		if err != nil {
			t.Fatal(err)
		}
		code, answer := n.code(e.Secret, 0), newKey(t).create(options)
		enrol = append(enrol, func() error {
			_, err := n.ConfirmTOTPAtLogin(ctx, r.MFAToken, e.Token, code, "", Attempt{})
			return err
		}, func() error {
			_, err := n.AddKeyAtLogin(ctx, r.MFAToken, answer, "", at(site))
			return err
		})
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for _, f := range enrol {
		wg.Go(func() {
			if f() == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d enrolments at once", won.Load())
	}
}

// An enrolment of one login or session is no other's.
func TestEnrolmentsAtLoginAreBound(t *testing.T) {
	n := newNode(t)
	n.person("eve", false)
	eve := n.login("eve", "")
	n.Required = []string{"user"}
	n.person("ursula", false)
	one, _ := n.Login(ctx, attempt("ursula"))
	two, _ := n.Login(ctx, attempt("ursula"))
	e, err := n.EnrolTOTPAtLogin(ctx, one.MFAToken)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.ConfirmTOTPAtLogin(ctx, two.MFAToken, e.Token, n.code(e.Secret, 0), "", Attempt{}); err != ErrSession {
		t.Error("another login's:", err)
	}
	if _, err := n.ConfirmTOTP(ctx, eve.Identity, e.Token, n.code(e.Secret, 0), "", Attempt{}); err != ErrSession {
		t.Error("a session's:", err)
	}
	f, err := n.EnrolTOTP(ctx, eve.Identity)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.ConfirmTOTPAtLogin(ctx, one.MFAToken, f.Token, n.code(f.Secret, 0), "", Attempt{}); err != ErrSession {
		t.Error("of a session:", err)
	}
}

// A passkey that verified its user is two factors; a device that is trusted spares the question, and gives no second factor.
func TestTrustedDeviceIsNotAskedAgain(t *testing.T) {
	n := newNode(t)
	n.TrustDevice = 30 * 24 * time.Hour
	secret := n.person("mona", true)
	browser := attempt("mona")
	browser.Browser, browser.RememberDevice = true, true
	first, _ := n.Login(ctx, browser)
	r, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), browser)
	if err != nil || r.Device == "" {
		t.Fatal(r, err)
	}
	browser.Device, browser.RememberDevice = r.Device, false
	n.clock.add(24 * time.Hour)
	s, err := n.Login(ctx, browser)
	if err != nil || s.Tokens == nil || s.Identity.ACR != reqctx.ACRSingle || !s.Identity.MFATime.IsZero() || !s.Identity.Trusted {
		t.Fatalf("%+v %v", s.Identity, err)
	}
	// For what is sensitive it is asked all the same.
	if _, err := n.EnrolTOTP(ctx, s.Identity); err == nil {
		t.Fatal("a trusted device adds factors")
	}
	stranger := attempt("mona")
	stranger.Browser = true
	if r, err := n.Login(ctx, stranger); err != nil || r.MFAToken == "" {
		t.Fatal("another browser is not asked:", err)
	}
	n.person("eve", false)
	for name, device := range map[string]string{"made up": "AAAAAAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAA", "the id alone": r.Device[:26]} {
		stranger.Device = device
		if r, err := n.Login(ctx, stranger); err != nil || r.MFAToken == "" {
			t.Fatal(name, err)
		}
	}
	// A change of factors ends the trust.
	if s, err = n.StepUp(ctx, s.Identity, n.code(secret, 0), Attempt{}); err != nil {
		t.Fatal(err)
	}
	n.addKey(s, newKey(t), "")
	if r, err := n.Login(ctx, browser); err != nil || !slices.Equal(r.Factors, []string{factor.TOTP, factor.WebAuthn}) {
		t.Fatal("trusted after a change of factors:", err)
	}
}

// Who was signed in when it became a rule.
func TestSessionsBegunBeforeTheRule(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	secret := n.person("mona", true)
	without, with := n.login("ursula", ""), n.login("mona", secret)
	n.Required = []string{"user"}
	if _, err := n.Refresh(ctx, without.Tokens.Refresh); err != ErrSession {
		t.Fatal("a session without a factor went on:", err)
	}
	n.gone(without)
	if _, err := n.Refresh(ctx, with.Tokens.Refresh); err != nil {
		t.Fatal(err)
	}
	if r, err := n.Login(ctx, attempt("ursula")); err != nil || !r.Enrol {
		t.Fatal(r, err)
	}
}
