package lifecycle

import (
	"errors"
	"strings"
	"testing"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/session"
)

func TestChangeOfAddress(t *testing.T) {
	h := newHouse(t, Off)
	a := h.person("ursula", "old@example.org")
	mine, other := h.mustLogin("ursula", password), h.mustLogin("ursula", password)
	if err := h.ChangeEmail(ctx, h.again(a), "New@example.org", caller(1)); err != nil {
		t.Fatal(err)
	}
	m := h.next()
	page, secret := link(t, m)
	if page != "verify" || m.To[0] != "New@example.org" || !strings.Contains(m.Text, "#email."+secret) {
		t.Fatalf("%+v", m)
	}
	if p, _ := h.Accounts.Profile(ctx, a.ID); p.Email != "old@example.org" {
		t.Fatal("changed before it was proved")
	}
	if err := h.ConfirmEmail(ctx, a.ID, mine.Identity.Session, secret, caller(1)); err != nil {
		t.Fatal(err)
	}
	if m := h.next(); m.To[0] != "old@example.org" || !strings.Contains(m.Text, "another mail\naddress") || strings.Contains(m.Text, "New@") {
		t.Fatalf("the old address is told: %+v", m)
	}
	if p, _ := h.Accounts.Profile(ctx, a.ID); p.Email != "New@example.org" || !p.EmailVerified {
		t.Fatalf("%+v", p)
	}
	if _, err := h.sessions.Refresh(ctx, other.Tokens.Refresh); err != session.ErrSession {
		t.Fatal("another session outlived the change:", err)
	}
	if _, err := h.sessions.Refresh(ctx, mine.Tokens.Refresh); err != nil {
		t.Fatal("the own session ended:", err)
	}
	if _, err := h.Accounts.ByEmail(ctx, "old@example.org"); err != account.ErrNotFound {
		t.Fatal(err)
	}
	if err := h.ConfirmEmail(ctx, a.ID, mine.Identity.Session, secret, caller(1)); err != account.ErrTicket {
		t.Fatal("a link was used twice:", err)
	}
	h.quiet()
}

// Somebody enters another's address on their own account. Who reads the mail and clicks must not end there.
func TestALinkPutsNoAddressOnAStrangersAccount(t *testing.T) {
	h := newHouse(t, Off)
	eve, ursula := h.person("prize.evil.example", "eve@example.org"), h.person("ursula", "")
	if err := h.ChangeEmail(ctx, h.again(eve), "victim@example.org", caller(1)); err != nil {
		t.Fatal(err)
	}
	m := h.next()
	if strings.Contains(m.Text+m.Subject, "evil") { // mail programs make a link of such a name
		t.Fatal("words of a stranger's choice in a mail to anybody:", m.Text)
	}
	_, secret := link(t, m)
	if err := h.ConfirmEmail(ctx, ursula.ID, "", secret, caller(2)); err != account.ErrTicket {
		t.Fatal("another's link was confirmed:", err)
	}
	// Nor is it a registration or a reset.
	if err := h.Reset(ctx, secret, another, caller(2)); err != account.ErrTicket {
		t.Fatal(err)
	}
	if _, err := h.ConfirmRegistration(ctx, secret, password, "", caller(2)); err != account.ErrTicket {
		t.Fatal(err)
	}
}

func TestATakenAddressTellsNothing(t *testing.T) {
	h := newHouse(t, Off)
	h.person("ursula", "ursula@example.org")
	eve := h.person("eve", "eve@example.org")
	if err := h.ChangeEmail(ctx, h.again(eve), "Ursula@example.org", caller(1)); err != nil {
		t.Fatal("the answer tells that the address is taken:", err)
	}
	h.quiet() // and its owner is left alone
	// Two ask for one free address: the second to confirm is refused.
	petra := h.person("petra", "")
	var secrets []string
	for _, a := range []account.Account{eve, petra} {
		if err := h.ChangeEmail(ctx, h.again(a), "free@example.org", caller(1)); err != nil {
			t.Fatal(err)
		}
		_, s := link(t, h.next())
		secrets = append(secrets, s)
	}
	if err := h.ConfirmEmail(ctx, petra.ID, "", secrets[1], caller(1)); err != nil {
		t.Fatal(err)
	}
	if err := h.ConfirmEmail(ctx, eve.ID, "", secrets[0], caller(1)); !errors.Is(err, account.ErrEmailTaken) {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "x", "a@b.example\r\nBcc: c@d.example"} {
		if err := h.ChangeEmail(ctx, h.again(eve), bad, caller(1)); err != account.ErrEmail {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSetProfile(t *testing.T) {
	h := newHouse(t, Off)
	a := h.person("ursula", "")
	name, locale := "Ursula", "de"
	if err := h.SetProfile(ctx, a.ID, &name, &locale, caller(1)); err != nil {
		t.Fatal(err)
	}
	empty := ""
	if err := h.SetProfile(ctx, a.ID, nil, &empty, caller(1)); err != nil {
		t.Fatal(err)
	}
	if p, err := h.Accounts.Profile(ctx, a.ID); err != nil || p.DisplayName != "Ursula" || p.Locale != "" {
		t.Fatalf("%+v %v", p, err)
	}
	bad := "a\u200bb"
	if err := h.SetProfile(ctx, a.ID, &bad, &locale, caller(1)); err != account.ErrDisplayName {
		t.Fatal(err)
	}
	if err := h.SetProfile(ctx, "nobody", &name, nil, caller(1)); err != account.ErrNotFound {
		t.Fatal(err)
	}
	if h.events.count("profile-changed") != 2 || strings.Contains(h.events.text(), "Ursula") {
		t.Fatal(h.events.text())
	}
}
