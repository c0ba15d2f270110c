package session

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func TestRecoveryCodes(t *testing.T) {
	n := newNode(t)
	mail := n.post()
	n.person("ursula", false)
	if _, err := n.RenewRecoveryCodes(ctx, n.login("ursula", "").Identity); err != account.ErrNotFound {
		t.Fatal("codes that stand for nothing:", err)
	}
	r, _ := n.enrol(n.login("ursula", ""), "")
	codes, err := n.RenewRecoveryCodes(ctx, r.Identity)
	if err != nil || len(codes) != 10 {
		t.Fatal(codes, err)
	}
	form := regexp.MustCompile(`^([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}$`) // 80 bits
	for i, c := range codes {
		if !form.MatchString(c) || slices.Contains(codes[:i], c) {
			t.Fatal(codes)
		}
	}
	first, err := n.Login(ctx, attempt("ursula"))
	if err != nil || !slices.Equal(first.Factors, []string{"totp", "recovery"}) {
		t.Fatal(first.Factors, err)
	}
	s, err := n.Recovery(ctx, first.MFAToken, codes[3], attempt("ursula"))
	if err != nil || !slices.Equal(s.Identity.Methods, []string{"pwd", "rc", "mfa"}) || s.Identity.ACR != reqctx.ACRMulti {
		t.Fatalf("%+v %v", s.Identity, err)
	}
	// However it is typed.
	misread := strings.NewReplacer("0", "O", "1", "l", "-", " ").Replace(strings.ToUpper(codes[4]))
	if _, err := n.StepUpRecovery(ctx, r.Identity, misread, Attempt{}); err != nil {
		t.Fatal(err)
	}
	if _, left, _ := n.ListFactors(ctx, s.Identity); left != 8 {
		t.Fatal(left)
	}
	if want := []string{"ursula factor-added totp ", "ursula recovery-codes", "ursula recovery-code-used 9", "ursula recovery-code-used 8"}; !slices.Equal(mail.sent, want) {
		t.Fatalf("told: %q", mail.sent)
	}
	if n.events.count("recovery-codes-made", "success") != 1 || n.events.count("second-factor", "success") != 2 {
		t.Fatal("events")
	}
}

func TestRecoveryCodeWorksOnce(t *testing.T) {
	n := newNode(t)
	other := n.beside()
	n.person("ursula", false)
	r, _ := n.enrol(n.login("ursula", ""), "")
	codes, _ := n.RenewRecoveryCodes(ctx, r.Identity)
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		on := n
		if i%2 == 1 {
			on = other
		}
		token := on.first("ursula")
		wg.Go(func() {
			if _, err := on.Recovery(ctx, token, codes[0], attempt("ursula")); err == nil {
				won.Add(1)
			}
		})
	}
	wg.Go(func() {
		if _, err := n.StepUpRecovery(ctx, r.Identity, codes[0], Attempt{}); err == nil {
			won.Add(1)
		}
	})
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("one recovery code was taken %d times", won.Load())
	}
	if _, err := n.Recovery(ctx, n.first("ursula"), codes[0], attempt("ursula")); err != ErrCode {
		t.Fatal("once more:", err)
	}
	if _, err := n.Recovery(ctx, n.first("ursula"), codes[1], attempt("ursula")); err != nil {
		t.Fatal("the others are void too:", err)
	}
}

func TestRecoveryCodesThatDoNotHold(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	n.person("eve", false)
	r, secret := n.enrol(n.login("ursula", ""), "")
	evil, _ := n.enrol(n.login("eve", ""), "")
	old, _ := n.RenewRecoveryCodes(ctx, r.Identity)
	codes, _ := n.RenewRecoveryCodes(ctx, r.Identity)
	eves, _ := n.RenewRecoveryCodes(ctx, evil.Identity)
	var stored string
	if err := n.DB.QueryRow(ctx, `SELECT MIN(code) FROM recovery_codes`).Scan(&stored); err != nil {
		t.Fatal(err)
	}
	for name, code := range map[string]string{
		"of a voided set": old[0], "of somebody else": eves[0], "empty": "", "cut": codes[0][:18], "longer": codes[0] + "0", "as it is stored": stored,
		"a pattern": "%", "made up": "0000-0000-0000-0000", "huge": strings.Repeat("0", 1<<20), "no text": "\x00\xff",
	} {
		if _, err := n.Recovery(ctx, n.first("ursula"), code, attempt("ursula")); err != ErrCode {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := n.StepUpRecovery(ctx, r.Identity, code, Attempt{}); err != ErrCode {
			t.Errorf("%s, step up: %v", name, err)
		}
	}
	// Nobody guesses 80 bits, so wrong ones shut nobody out of the other factors.
	n.clock.add(60e9)
	n.login("ursula", secret)
	// The codes go with the last factor.
	all, _, _ := n.ListFactors(ctx, r.Identity)
	if err := n.RemoveFactor(ctx, r.Identity, all[0].ID); err != nil {
		t.Fatal(err)
	}
	count := 0
	a, _ := n.Accounts.ByName(ctx, "ursula")
	if err := n.DB.QueryRow(ctx, `SELECT COUNT(*) FROM recovery_codes WHERE account = ?`, a.ID).Scan(&count); err != nil || count != 0 {
		t.Fatal("recovery codes without a factor:", count, err)
	}
}

func TestTriesOfRecoveryCodesAreBounded(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r, _ := n.enrol(n.login("ursula", ""), "")
	codes, _ := n.RenewRecoveryCodes(ctx, r.Identity)
	token := n.first("ursula")
	for range pendingTries {
		_, _ = n.Recovery(ctx, token, "0000-0000-0000-0000", attempt("ursula"))
	}
	if _, err := n.Recovery(ctx, token, codes[0], attempt("ursula")); err != ErrSession {
		t.Fatal(err)
	}
}

// Who has the password, and guesses codes until the account's apps are shut, does not shut out the owner: not where the account is known, nor with
// what can't be guessed.
func TestGuessedCodesShutNoOwnerOut(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	mine := attempt("mona")
	mine.Browser = true
	first, _ := n.Login(ctx, mine)
	r, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), mine)
	if err != nil || r.Device == "" {
		t.Fatal(err)
	}
	mine.Device = r.Device
	k := newKey(t)
	r = n.addKey(r, k, "")
	codes, err := n.RenewRecoveryCodes(ctx, r.Identity)
	if err != nil {
		t.Fatal(err)
	}
	n.clock.add(time.Minute)
	token := n.first("mona")
	var throttled Throttled
	for range freeOfCharge {
		if _, err := n.TOTP(ctx, token, n.wrongCode(secret), attempt("mona")); err == nil {
			t.Fatal("a wrong code was taken")
		}
	}
	if _, err = n.TOTP(ctx, token, n.code(secret, 0), attempt("mona")); !errors.As(err, &throttled) {
		t.Fatal("a stranger guesses on:", err)
	}
	if _, err := n.keyLogin("mona", k); err != nil {
		t.Error("a key:", err)
	}
	if _, err := n.Recovery(ctx, n.first("mona"), codes[0], attempt("mona")); err != nil {
		t.Error("a recovery code:", err)
	}
	again, err := n.Login(ctx, mine)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.TOTP(ctx, again.MFAToken, n.code(secret, 0), mine); err != nil {
		t.Error("the owner's own browser:", err)
	}
	// There, guesses are limited, too: by the browser, not by the account.
	n.clock.add(time.Minute)
	looked := 0
	for range 40 {
		token := n.firstOn(mine)
		if _, err := n.TOTP(ctx, token, n.wrongCode(secret), mine); errors.Is(err, ErrCode) {
			looked++
		} else if !errors.As(err, &throttled) {
			t.Fatal(err)
		}
	}
	if looked > n.Throttles.Device.Free+1 {
		t.Errorf("%d guesses in a known browser", looked)
	}
	n.login("mona", secret)
}

func (n *node) firstOn(a Attempt) string {
	n.t.Helper()
	r, err := n.Login(ctx, a)
	if err != nil || r.MFAToken == "" {
		n.t.Fatal(err)
	}
	return r.MFAToken
}
