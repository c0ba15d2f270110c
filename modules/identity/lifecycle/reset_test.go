package lifecycle

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/internal/database"
)

// resetLink asks for a link and reads it.
func (h *house) resetLink(email string) string {
	h.t.Helper()
	if err := h.RequestReset(ctx, email, caller(9)); err != nil {
		h.t.Fatal(err)
	}
	page, secret := link(h.t, h.next())
	if page != "reset" || secret == "" {
		h.t.Fatal(page, secret)
	}
	return secret
}

func TestReset(t *testing.T) {
	h := newHouse(t, Off)
	a := h.person("ursula", "Ursula@example.org")
	mine := h.mustLogin("ursula", password)
	secret := h.resetLink(" URSULA@example.org")
	if m := h.server.Mails()[0]; m.To[0] != "Ursula@example.org" || !strings.Contains(m.Text, "ursula") {
		t.Fatalf("%+v", m)
	}
	if err := h.Reset(ctx, secret, another, caller(9)); err != nil {
		t.Fatal(err)
	}
	if m := h.next(); !strings.Contains(m.Subject, "password") || m.To[0] != "Ursula@example.org" {
		t.Fatalf("%+v", m)
	}
	// Every session ends, of the thief too.
	if _, err := h.sessions.Refresh(ctx, mine.Tokens.Refresh); err != session.ErrSession {
		t.Fatal("a session outlived the reset:", err)
	}
	if _, err := h.login("ursula", password); err != session.ErrCredentials {
		t.Fatal("the old password works:", err)
	}
	h.mustLogin("ursula", another)
	if err := h.Reset(ctx, secret, "yet-another-quarry-11", caller(9)); err != account.ErrTicket {
		t.Fatal("a link was used twice:", err)
	}
	if text := h.events.text(); strings.Contains(strings.ToLower(text), "example.org") || strings.Contains(text, secret) || h.events.count("password-reset") != 1 {
		t.Fatal(text)
	}
	if h.again(a).Revision == a.Revision {
		t.Fatal("the revision stayed")
	}
	h.quiet()
}

// A reset proves an address, not a second factor: it signs nobody in, and takes no factor away.
func TestResetDoesNotPassTheSecondFactor(t *testing.T) {
	h := newHouse(t, Off)
	a := h.person("mona", "mona@example.org")
	if err := h.DB.InTx(ctx, func(tx *database.Tx) error {
		if err := h.Accounts.Touch(ctx, tx, a.ID); err != nil {
			return err
		}
		_, err := h.Factors.AddTOTP(ctx, tx, h.Now(), a.ID, "", factor.NewTOTPSecret(), 0)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := h.Reset(ctx, h.resetLink("mona@example.org"), another, caller(9)); err != nil {
		t.Fatal(err)
	}
	r, err := h.login("mona", another)
	if err != nil || r.Tokens != nil || r.MFAToken == "" {
		t.Fatalf("%+v %v", r, err)
	}
}

// Enumeration: known, unknown, disabled, waiting, malformed: one answer, no look-up, no hash.
func TestResetTellsNothing(t *testing.T) {
	h := newHouse(t, Off)
	h.person("ursula", "ursula@example.org")
	shut := h.person("petra", "petra@example.org")
	if err := h.SetDisabled(ctx, Operator{}, shut, true); err != nil {
		t.Fatal(err)
	}
	before := h.hasher.Calls()
	for i, email := range []string{"ursula@example.org", "nobody@example.org", "petra@example.org", "no address", "a@b.example\r\nBcc: eve@evil.example", strings.Repeat("a", 1000)} {
		if err := h.RequestReset(ctx, email, caller(i)); err != nil {
			t.Errorf("%.30q: %v", email, err)
		}
	}
	if n := h.hasher.Calls() - before; n != 0 {
		t.Errorf("%d hashes", n)
	}
	h.next()
	h.quiet()
}

// A mail goes where the account's address says, never where the request does: letters that fold into others reach nobody else's mailbox.
func TestResetGoesToTheAddressOnRecord(t *testing.T) {
	h := newHouse(t, Off)
	h.person("mike", "mike@example.org")
	for i, typed := range []string{"mıke@example.org", "mi\u212ae@example.org", "mike@exampl\u0435.org", "ｍike@example.org", "mike@example.org,eve@evil.example", "mike@example.org@evil.example"} {
		if err := h.RequestReset(ctx, typed, caller(i)); err != nil {
			t.Fatal(err)
		}
	}
	h.quiet()
	h.resetLink("MIKE@EXAMPLE.ORG")
	for _, m := range h.server.Mails() {
		if len(m.To) != 1 || m.To[0] != "mike@example.org" {
			t.Errorf("%+v", m)
		}
	}
}

func TestResetLinksAreVoid(t *testing.T) {
	h := newHouse(t, Off)
	a := h.person("ursula", "ursula@example.org")
	for name, void := range map[string]func() error{
		"after an hour": func() error { h.clock.add(resetLife); return nil },
		"after a change of password": func() error {
			return h.SetPassword(ctx, Operator{}, h.again(a), "quarry-"+time.Now().Format("150405.000000")+"-otter")
		},
		"after a change of address":   func() error { return h.SetEmail(ctx, Operator{}, h.again(a), "ursula@example.org") },
		"of a disabled account":       func() error { return h.SetDisabled(ctx, Operator{}, h.again(a), true) },
		"of one that was open again":  func() error { return h.SetDisabled(ctx, Operator{}, h.again(a), false) },
		"after an operator's factors": func() error { return h.ResetFactors(ctx, Operator{}, h.again(a)) },
	} {
		if err := h.SetDisabled(ctx, Operator{}, h.again(a), false); err != nil {
			t.Fatal(err)
		}
		secret, err := "", error(nil)
		err = h.DB.InTx(ctx, func(tx *database.Tx) (err error) { // as readyReset makes it
			a := h.again(a)
			secret, err = h.Accounts.NewTicket(ctx, tx, h.Now(), account.Ticket{Kind: account.TicketReset, Account: a.ID, Revision: a.Revision}, nil, resetLife)
			return err
		})
		if err = errors.Join(err, void()); err != nil {
			t.Fatal(name, err)
		}
		if err := h.Reset(ctx, secret, another, caller(len(name))); err != account.ErrTicket {
			t.Errorf("a link works %s: %v", name, err)
		}
	}
}

func TestTwoLinksOneReset(t *testing.T) {
	h := newHouse(t, Off)
	h.person("ursula", "ursula@example.org")
	secrets := []string{h.resetLink("ursula@example.org"), h.resetLink("ursula@example.org")}
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			err := h.Reset(ctx, secrets[i%2], "parallel-otter-"+string(rune('a'+i))+"-quarry", caller(20+i))
			if err == nil {
				won.Add(1)
			} else if err != account.ErrTicket {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d resets", won.Load())
	}
}

// A weak password does not spend the link, and a link is no place to try without end.
func TestAWeakPasswordKeepsTheLink(t *testing.T) {
	h := newHouse(t, Off)
	h.person("ursula", "ursula@example.org")
	secret := h.resetLink("ursula@example.org")
	var weak account.WeakPassword
	for _, bad := range []string{"short", "password123", password, "ursula@example.org"} {
		if err := h.Reset(ctx, secret, bad, caller(9)); !errors.As(err, &weak) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := h.Reset(ctx, secret, another, caller(9)); err != nil {
		t.Fatal(err)
	}
}

func TestResetsAreLimited(t *testing.T) {
	h := newHouse(t, Off)
	h.person("ursula", "ursula@example.org")
	for i := range 3 * perAddress { // from everywhere: the mailbox is not flooded
		if err := h.RequestReset(ctx, "Ursula@example.org", caller(100+i)); err != nil {
			t.Fatal(err)
		}
	}
	h.mails += perAddress
	h.server.Wait(t, h.mails)
	h.quiet()
	var throttled session.Throttled
	for i := range perClient + 1 { // and from one place not everybody's
		err := h.RequestReset(ctx, string(rune('a'+i))+"@example.org", caller(7))
		if i < perClient && err != nil || i == perClient && !errors.As(err, &throttled) {
			t.Fatal(i, err)
		}
	}
	h.quiet()
}

// Lock-out: mails that somebody else has sent to the mailbox, or that lead nowhere, keep nobody from the link for a new password.
func TestOthersMailsKeepNobodyFromAReset(t *testing.T) {
	h := newHouse(t, Open)
	h.person("ursula", "ursula@example.org")
	for i := range 2 * perAddress {
		if err := h.RequestReset(ctx, "ursula+"+string(rune('a'+i))+"@example.org", caller(100+i)); err != nil { // delivered to her, but no account's
			t.Fatal(err)
		}
		if _, err := h.Register(ctx, registration("petra", "ursula@example.org"), caller(100+i)); err != nil {
			t.Fatal(err)
		}
	}
	h.mails += perAddress // "you have an account"
	h.server.Wait(t, h.mails)
	if err := h.Reset(ctx, h.resetLink("ursula@example.org"), another, caller(9)); err != nil {
		t.Fatal(err)
	}
}

// Lock-out: whom others' guesses keep waiting in a browser that is not known, the mailbox lets in.
func TestAResetEndsTheWaitForOthersGuesses(t *testing.T) {
	h := newHouse(t, Off)
	h.person("ursula", "ursula@example.org")
	var throttled session.Throttled
	for i := range 40 {
		guess := caller(100 + i)
		guess.Username, guess.Password = []string{"ursula", "ursula@example.org"}[i%2], "wrong-wrong-wrong-1"
		if _, err := h.sessions.Login(ctx, guess); err == nil {
			t.Fatal("a guess was right")
		}
	}
	for _, name := range []string{"ursula", "Ursula@example.org"} {
		if _, err := h.login(name, password); !errors.As(err, &throttled) {
			t.Fatal("the guesses have no effect:", err)
		}
	}
	if err := h.Reset(ctx, h.resetLink("ursula@example.org"), another, caller(1)); err != nil {
		t.Fatal(err)
	}
	h.mustLogin("ursula", another)
	h.mustLogin("ursula@example.org", another)
}

func TestWithoutMail(t *testing.T) {
	h := newHouse(t, Off)
	a := h.person("ursula", "ursula@example.org")
	h.Box = nil
	if err := h.RequestReset(ctx, "ursula@example.org", caller(1)); err != ErrNoMail {
		t.Error(err)
	}
	if err := h.ChangeEmail(ctx, a, "x@example.org", caller(1)); err != ErrNoMail {
		t.Error(err)
	}
	for _, mode := range []string{Open, Approval} {
		c := h.Config
		if c.Registration = mode; c.Check(false) == nil {
			t.Errorf("%s without mail", mode)
		}
	}
	// By invitation it works without.
	h.Registration = Invitation
	shown, err := h.Invite(ctx, Operator{}, "", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	r := Registration{Username: "petra", Password: another, Invitation: shown[len(base+"/auth/invite#"):]}
	if status, err := h.Register(ctx, r, caller(1)); err != nil || status != StatusActive {
		t.Fatal(status, err)
	}
	h.mustLogin("petra", another)
}

// A password that is too old signs nobody in. It is good for one thing more: to set another.
func TestExpiredPasswords(t *testing.T) {
	h := newHouse(t, Off)
	a := h.person("ursula", "")
	p := account.DefaultPolicy
	p.MaxAge = 90 * 24 * time.Hour
	h.Accounts = h.Accounts.With(p)
	h.sessions.Accounts = h.Accounts
	h.mustLogin("ursula", password)
	h.clock.add(p.MaxAge + time.Minute)
	r, err := h.login("ursula", password)
	if err != nil || r.Tokens != nil || r.MFAToken != "" || r.NewPassword == "" {
		t.Fatalf("%+v %v", r, err)
	}
	if _, err := h.login("ursula", "guess-guess-guess"); err != session.ErrCredentials {
		t.Fatal(err)
	}
	var weak account.WeakPassword
	if err := h.Reset(ctx, r.NewPassword, password, caller(1)); !errors.As(err, &weak) {
		t.Fatal("the old password was taken for a new one:", err)
	}
	if err := h.Reset(ctx, r.NewPassword, another, caller(1)); err != nil {
		t.Fatal(err)
	}
	h.mustLogin("ursula", another)
	if n := h.again(a); n.PasswordChangedAt != h.Now().UTC() {
		t.Fatal(n.PasswordChangedAt)
	}
}

// An expired password alone must not become more than a password: the ticket comes after the second factor, and spends it.
func TestExpiredPasswordsAskForTheSecondFactorFirst(t *testing.T) {
	h := newHouse(t, Off)
	a := h.person("mona", "")
	p := account.DefaultPolicy
	p.MaxAge = 90 * 24 * time.Hour
	h.Accounts = h.Accounts.With(p)
	h.sessions.Accounts = h.Accounts
	secret := factor.NewTOTPSecret()
	var codes []string
	if err := h.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		if err := h.Accounts.Touch(ctx, tx, a.ID); err != nil {
			return err
		}
		if _, err = h.Factors.AddTOTP(ctx, tx, h.Now(), a.ID, "", secret, 0); err != nil {
			return err
		}
		codes, err = h.Factors.RenewRecovery(ctx, tx, h.Now(), a.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	h.clock.add(p.MaxAge + time.Minute)
	first, err := h.login("mona", password)
	if err != nil || first.NewPassword != "" || first.MFAToken == "" {
		t.Fatalf("the password alone gets a ticket: %+v %v", first, err)
	}
	second, err := h.sessions.Recovery(ctx, first.MFAToken, codes[0], caller(1))
	if err != nil || second.Tokens != nil || second.NewPassword == "" {
		t.Fatalf("%+v %v", second, err)
	}
	if again, err := h.login("mona", password); err != nil {
		t.Fatal(err)
	} else if _, err := h.sessions.Recovery(ctx, again.MFAToken, codes[0], caller(1)); err == nil {
		t.Fatal("the recovery code was not spent")
	}
	if err := h.Reset(ctx, second.NewPassword, another, caller(1)); err != nil {
		t.Fatal(err)
	}
}
