package session

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/token"
)

// gone asserts that nothing of a session works any more.
func (n *node) gone(r Result) {
	n.t.Helper()
	if _, ok := n.Known(r.Tokens.Access); ok {
		n.t.Fatal("its access token is known")
	}
	if _, err := n.Verify(ctx, r.Tokens.Access); !errors.Is(err, token.ErrInvalid) {
		n.t.Fatal("its access token works:", err)
	}
	if _, err := n.Refresh(ctx, r.Tokens.Refresh); err != ErrSession {
		n.t.Fatal("its refresh token works:", err)
	}
	if _, err := n.Deadline(ctx, r.Identity.Session); err != ErrSession {
		n.t.Fatal("its deadline:", err)
	}
}

func TestStepUpRegeneratesTheSession(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	before := n.login("mona", secret)
	n.mustVerify(before.Tokens.Access)
	n.clock.add(20 * time.Minute)
	if _, err := n.StepUp(ctx, before.Identity, n.wrongCode(secret), Attempt{}); err != ErrCode {
		t.Fatal(err)
	}
	after, err := n.StepUp(ctx, before.Identity, n.code(secret, 0), Attempt{})
	if err != nil {
		t.Fatal(err)
	}
	if after.Identity.Session == before.Identity.Session {
		t.Fatal("the session kept its id")
	}
	if !after.Identity.MFATime.After(before.Identity.MFATime) || !after.Identity.AuthTime.Equal(before.Identity.AuthTime) {
		t.Fatalf("times: %+v", after.Identity)
	}
	n.gone(before)
	n.mustVerify(after.Tokens.Access)
	// The absolute limit is still that of the login.
	s, err := n.read(ctx, after.Identity.Session)
	if err != nil || !s.absolute.Equal(s.created.Add(12*time.Hour)) || s.userAgent != "test" || s.ip != "192.0.2.1" {
		t.Fatalf("row: %+v %v", s, err)
	}
	// And the same code does not work for another step.
	if _, err := n.StepUp(ctx, after.Identity, n.code(secret, 0), Attempt{}); err != ErrCode {
		t.Fatal("one code on two steps:", err)
	}
}

func TestStepUpNeedsALivingSession(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	n.person("ursula", false)
	r := n.login("mona", secret)
	n.clock.add(time.Minute)
	other := *r.Identity
	other.Subject = n.login("ursula", "").Identity.Subject
	if _, err := n.StepUp(ctx, &other, n.code(secret, 0), Attempt{}); err != ErrSession {
		t.Fatal("another's session:", err)
	}
	if err := n.Logout(ctx, "", r.Identity.Session); err != nil {
		t.Fatal(err)
	}
	if _, err := n.StepUp(ctx, r.Identity, n.code(secret, 0), Attempt{}); err != ErrSession {
		t.Fatal("an ended session:", err)
	}
	u := n.login("ursula", "")
	if _, err := n.StepUp(ctx, u.Identity, "123456", Attempt{}); err != account.ErrNotFound {
		t.Fatal("without a second factor:", err)
	}
}

func TestParallelStepUpsGiveOneSession(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	r := n.login("mona", secret)
	n.clock.add(2 * time.Minute)
	var won atomic.Int32
	var wg sync.WaitGroup
	for _, offset := range []int64{-1, 0, 1, 0} {
		wg.Go(func() {
			if _, err := n.StepUp(ctx, r.Identity, n.code(secret, offset), Attempt{}); err == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("one session became %d", won.Load())
	}
}

func TestEnrolment(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	before := n.login("ursula", "")
	e, err := n.EnrolTOTP(ctx, before.Identity)
	if err != nil || len(e.Secret) != 32 || !strings.HasPrefix(e.URI, "otpauth://totp/Test:ursula?secret="+e.Secret+"&issuer=Test") {
		t.Fatalf("%+v %v", e, err)
	}
	if p, _ := n.Profile(ctx, before.Identity); p.TOTP {
		t.Fatal("in force before it was confirmed")
	}
	if _, err := n.ConfirmTOTP(ctx, before.Identity, e.Token, n.wrongCode(e.Secret), "", Attempt{}); err != ErrCode {
		t.Fatal(err)
	}
	code := n.code(e.Secret, 0)
	after, err := n.ConfirmTOTP(ctx, before.Identity, e.Token, code, "", Attempt{})
	if err != nil {
		t.Fatal(err)
	}
	if after.Identity.Session == before.Identity.Session || after.Identity.MFATime.IsZero() || !slices.Equal(after.Identity.Methods, []string{"pwd", "otp", "mfa"}) {
		t.Fatalf("identity: %+v", after.Identity)
	}
	n.gone(before)
	if p, err := n.Profile(ctx, after.Identity); err != nil || !p.TOTP {
		t.Fatal("not in force:", err)
	}
	// The code that confirmed it is spent.
	first, err := n.Login(ctx, attempt("ursula"))
	if err != nil || first.MFAToken == "" {
		t.Fatal("no second step:", err)
	}
	if _, err := n.TOTP(ctx, first.MFAToken, code, attempt("ursula")); err != ErrCode {
		t.Fatal("the enrolment code worked again:", err)
	}
	// And so is the enrolment.
	if _, err := n.ConfirmTOTP(ctx, after.Identity, e.Token, n.code(e.Secret, 1), "", Attempt{}); err != ErrSession {
		t.Fatal("one enrolment, two factors:", err)
	}
	if err := n.RemoveTOTP(ctx, after.Identity, code); err != ErrCode {
		t.Fatal("a spent code removed the factor:", err)
	}
	n.clock.add(time.Minute)
	if err := n.RemoveTOTP(ctx, after.Identity, n.code(e.Secret, 0)); err != nil {
		t.Fatal(err)
	}
	if n.login("ursula", "").Tokens == nil {
		t.Fatal("still two steps")
	}
	if err := n.RemoveTOTP(ctx, after.Identity, n.code(e.Secret, 1)); err != account.ErrNotFound {
		t.Fatal(err)
	}
}

func TestEnrolmentIsBoundToItsSession(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	n.person("eve", false)
	mine, second, eve := n.login("ursula", ""), n.login("ursula", ""), n.login("eve", "")
	e, err := n.EnrolTOTP(ctx, mine.Identity)
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]Result{"another person": eve, "another session": second} {
		if _, err := n.ConfirmTOTP(ctx, id.Identity, e.Token, n.code(e.Secret, 0), "", Attempt{}); err != ErrSession {
			t.Fatal(name, err)
		}
	}
	// Two enrolments at once: one factor.
	f, err := n.EnrolTOTP(ctx, second.Identity)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.ConfirmTOTP(ctx, mine.Identity, e.Token, n.code(e.Secret, 0), "", Attempt{}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.ConfirmTOTP(ctx, second.Identity, f.Token, n.code(f.Secret, 0), "", Attempt{}); err == nil {
		t.Fatal("a session with a password alone added a factor beside another")
	}
	n.mustVerify(second.Tokens.Access) // a failed confirmation changes nothing
}

func TestSecretsAreSealedWhereTheyRest(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	var id string
	var sealed []byte
	if err := n.DB.QueryRow(ctx, `SELECT id, secret FROM second_factors`).Scan(&id, &sealed); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(sealed), secret) {
		t.Fatal("the secret lies open in the database")
	}
	// Put into another row, it opens no more.
	if _, err := n.DB.Exec(ctx, `UPDATE second_factors SET id = 'x'`); err != nil {
		t.Fatal(err)
	}
	first, _ := n.Login(ctx, attempt("mona"))
	if _, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), attempt("mona")); err == nil || errors.Is(err, ErrCode) {
		t.Fatal("a secret moved to another row was used:", err)
	}
}

func TestChangePassword(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	mine, other := n.login("ursula", ""), n.login("ursula", "")
	n.mustVerify(other.Tokens.Access)
	const fresh = "violet-anchor-tulip-93"
	if err := n.ChangePassword(ctx, mine.Identity, "not-the-old-one", fresh); err != ErrCredentials {
		t.Fatal(err)
	}
	var weak account.WeakPassword
	for _, bad := range []string{"short", "password123", password, "ursulaursula"} {
		if err := n.ChangePassword(ctx, mine.Identity, password, bad); !errors.As(err, &weak) {
			t.Fatalf("%q: %v", bad, err)
		}
	}
	if err := n.ChangePassword(ctx, mine.Identity, password, fresh); err != nil {
		t.Fatal(err)
	}
	n.gone(other)
	n.mustVerify(mine.Tokens.Access)
	if _, err := n.Login(ctx, attempt("ursula")); err != ErrCredentials {
		t.Fatal("the old password works:", err)
	}
	if _, err := n.Login(ctx, Attempt{Username: "ursula", Password: fresh}); err != nil {
		t.Fatal("the new password does not work:", err)
	}
	// Guessing through a stolen session is limited.
	var throttled Throttled
	for i := range 10 {
		if err := n.ChangePassword(ctx, mine.Identity, "guess-guess-guess", password); errors.As(err, &throttled) {
			if i != ownTries {
				t.Fatalf("limited after %d tries", i)
			}
			return
		}
	}
	t.Fatal("never limited")
}
