package lifecycle

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/session"
)

func registration(name, email string) Registration {
	return Registration{Username: name, Email: email, Password: password, DisplayName: "Ursula Ü.", Locale: "de"}
}

func TestOpenRegistration(t *testing.T) {
	h := newHouse(t, Open)
	status, err := h.Register(ctx, registration(" Ursula", "Ursula@Example.org"), caller(1))
	if err != nil || status != StatusConfirm {
		t.Fatal(status, err)
	}
	if _, err := h.login("ursula", password); err != session.ErrCredentials {
		t.Fatal("the account is open before its address is proved:", err)
	}
	m := h.next()
	page, secret := link(t, m)
	if page != "verify" || m.To[0] != "Ursula@example.org" || !strings.Contains(m.Subject, "Bestätigen") {
		t.Fatalf("%+v", m)
	}
	if status, err = h.ConfirmRegistration(ctx, secret, password, "", caller(1)); err != nil || status != StatusActive {
		t.Fatal(status, err)
	}
	r := h.mustLogin("ursula@example.org", password)
	p, err := h.Accounts.Profile(ctx, r.Identity.Subject)
	if err != nil || p.Username != "ursula" || p.Email != "Ursula@example.org" || !p.EmailVerified || p.DisplayName != "Ursula Ü." || p.Locale != "de" || p.Roles[0] != "user" {
		t.Fatalf("%+v %v", p, err)
	}
	if _, err := h.ConfirmRegistration(ctx, secret, password, "ursula2", caller(1)); err != account.ErrTicket {
		t.Fatal("a link opened two accounts:", err)
	}
	if text := h.events.text(); strings.Contains(strings.ToLower(text), "example.org") || strings.Contains(text, "Ü.") || strings.Contains(text, secret) || strings.Contains(text, "UserName") {
		t.Fatal("events tell what they must not:", text)
	}
	h.quiet()
}

func TestNobodyRegistersWhereItIsOff(t *testing.T) {
	h := newHouse(t, Off)
	if _, err := h.Register(ctx, registration("ursula", "ursula@example.org"), caller(1)); err != ErrClosed {
		t.Fatal(err)
	}
	h = newHouse(t, Invitation)
	for _, secret := range []string{"", strings.Repeat("A", 26)} {
		r := registration("ursula", "ursula@example.org")
		r.Invitation = secret
		if _, err := h.Register(ctx, r, caller(1)); err != ErrClosed && err != account.ErrTicket {
			t.Fatal(err)
		}
	}
	h.quiet()
}

// Account pre-hijacking: an attacker registers with the address of somebody who will come, and a password of their own. Who reads the mail and clicks must not
// open an account that the attacker has the password of.
func TestAStrangersPasswordOpensNothing(t *testing.T) {
	h := newHouse(t, Open)
	if _, err := h.Register(ctx, registration("ursula", "ursula@example.org"), caller(66)); err != nil {
		t.Fatal(err)
	}
	_, secret := link(t, h.next())
	if _, err := h.ConfirmRegistration(ctx, secret, "what-ursula-would-choose-1", "", caller(1)); err != session.ErrCredentials {
		t.Fatal(err)
	}
	if _, err := h.Accounts.ByName(ctx, "ursula"); err != account.ErrNotFound {
		t.Fatal(err)
	}
	// And nobody guesses the password of a registration at its link for long.
	for i := range 30 {
		if _, err := h.ConfirmRegistration(ctx, secret, "guess", "", caller(100+i)); err == account.ErrTicket {
			return
		}
	}
	t.Fatal("guessed without end")
}

// Enumeration: whether the address or the name has an account, the answer and the work are the same.
func TestRegistrationTellsNothing(t *testing.T) {
	h := newHouse(t, Open)
	h.person("ursula", "ursula@example.org")
	var rows [2]int64
	for i, c := range []struct{ name, email string }{
		{"petra", "petra@example.org"}, {"petra", "ursula@example.org"}, {"ursula", "petra2@example.org"}, {"ursula", "URSULA@example.org"},
	} {
		calls := h.hasher.Calls()
		status, err := h.Register(ctx, registration(c.name, c.email), caller(i))
		if err != nil || status != StatusConfirm {
			t.Errorf("%v: %q %v", c, status, err)
		}
		if n := h.hasher.Calls() - calls; n != 1 {
			t.Errorf("%v: %d hashes", c, n)
		}
		var tickets int64
		if err := h.DB.QueryRow(ctx, `SELECT COUNT(*) FROM tickets`).Scan(&tickets); err != nil {
			t.Fatal(err)
		}
		if rows[1] = tickets; rows[1] != rows[0]+1 {
			t.Errorf("%v: other rows were written", c)
		}
		rows[0] = rows[1]
		m := h.next()
		page, secret := link(t, m)
		if known := strings.EqualFold(c.email, "ursula@example.org"); known != (page == "reset") || known != (secret == "") || m.To[0] != strings.ToLower(c.email) {
			t.Errorf("%v: %q %q %v", c, page, secret, m.To)
		}
		// What a stranger chose for a name is not mailed to strangers; it could be an advertisement.
		if strings.Contains(m.Subject+m.Text, "petra") {
			t.Errorf("%v: the name stands in the mail: %s", c, m.Text)
		}
	}
}

// A name that is taken is told of only to who read the mail, and does not spend the link.
func TestATakenNameIsChosenAnew(t *testing.T) {
	h := newHouse(t, Open)
	h.person("ursula", "ursula@example.org")
	if _, err := h.Register(ctx, registration("ursula", "other@example.org"), caller(1)); err != nil {
		t.Fatal(err)
	}
	_, secret := link(t, h.next())
	if _, err := h.ConfirmRegistration(ctx, secret, password, "", caller(1)); !errors.Is(err, account.ErrExists) {
		t.Fatal(err)
	}
	if _, err := h.ConfirmRegistration(ctx, secret, password, "admin", caller(1)); err != ErrReservedName {
		t.Fatal(err)
	}
	if _, err := h.ConfirmRegistration(ctx, secret, password, "ursula.b", caller(1)); err != nil {
		t.Fatal(err)
	}
	h.mustLogin("ursula.b", password)
}

func TestTwoRegistrationsOfOneAddress(t *testing.T) {
	h := newHouse(t, Open)
	var secrets []string
	for _, name := range []string{"first", "second"} {
		if _, err := h.Register(ctx, registration(name, "ursula@example.org"), caller(1)); err != nil {
			t.Fatal(err)
		}
		_, secret := link(t, h.next())
		secrets = append(secrets, secret)
	}
	if _, err := h.ConfirmRegistration(ctx, secrets[1], password, "", caller(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.ConfirmRegistration(ctx, secrets[0], password, "", caller(1)); !errors.Is(err, account.ErrEmailTaken) {
		t.Fatal(err)
	}
	if _, err := h.Accounts.ByName(ctx, "first"); err != account.ErrNotFound {
		t.Fatal("half an account was made:", err)
	}
}

func TestOneLinkOpensOneAccount(t *testing.T) {
	h := newHouse(t, Open)
	if _, err := h.Register(ctx, registration("ursula", "ursula@example.org"), caller(1)); err != nil {
		t.Fatal(err)
	}
	_, secret := link(t, h.next())
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, err := h.ConfirmRegistration(ctx, secret, password, "ursula"+string(rune('a'+i)), caller(i)); err == nil {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d accounts", won.Load())
	}
}

func TestRegistrationsExpire(t *testing.T) {
	h := newHouse(t, Open)
	if _, err := h.Register(ctx, registration("ursula", "ursula@example.org"), caller(1)); err != nil {
		t.Fatal(err)
	}
	_, secret := link(t, h.next())
	h.clock.add(registerLife)
	if _, err := h.ConfirmRegistration(ctx, secret, password, "", caller(1)); err != account.ErrTicket {
		t.Fatal(err)
	}
}

// A registration is opened by the rules of the day: one that waits does not get past what an operator closes meanwhile.
func TestWhatIsClosedMeanwhileStaysClosed(t *testing.T) {
	h := newHouse(t, Open)
	if _, err := h.Register(ctx, registration("ursula", "ursula@example.org"), caller(1)); err != nil {
		t.Fatal(err)
	}
	_, secret := link(t, h.next())
	confirm := func() (string, error) { return h.ConfirmRegistration(ctx, secret, password, "", caller(1)) }
	for _, mode := range []string{Off, Invitation} {
		h.Registration = mode
		if _, err := confirm(); err != ErrClosed {
			t.Errorf("%s: %v", mode, err)
		}
	}
	h.Registration, h.Domains = Open, []string{"acme.example"}
	if _, err := confirm(); err != ErrDomain {
		t.Error(err)
	}
	h.Registration, h.Domains, h.Role = Approval, nil, "guest"
	if status, err := confirm(); err != nil || status != StatusApproval {
		t.Error("nobody is asked:", status, err)
	}
	if a, err := h.Accounts.ByName(ctx, "ursula"); err != nil || !a.Disabled || a.Roles[0] != "guest" {
		t.Errorf("%+v %v", a, err)
	}

	h.Registration = Open
	shown, err := h.Invite(ctx, Operator{}, "", "", InvitationLife)
	if err != nil {
		t.Fatal(err)
	}
	r := registration("petra", "petra@example.org")
	r.Invitation = shown[len(base+"/auth/invite#"):]
	if _, err := h.Register(ctx, r, caller(1)); err != nil {
		t.Fatal(err)
	}
	_, secret = link(t, h.next())
	h.Registration = Off
	if _, err := confirm(); err != ErrClosed {
		t.Error("an invited one:", err)
	}
}

func TestBadRegistrations(t *testing.T) {
	h := newHouse(t, Open)
	h.Domains = []string{"example.org"}
	var weak account.WeakPassword
	for name, c := range map[string]struct {
		change func(*Registration)
		want   error
	}{
		"name":           {func(r *Registration) { r.Username = "a b" }, account.ErrName},
		"operators name": {func(r *Registration) { r.Username = "Support" }, ErrReservedName},
		"address":        {func(r *Registration) { r.Email = "ursula" }, account.ErrEmail},
		"no address":     {func(r *Registration) { r.Email = "" }, account.ErrEmail},
		"domain":         {func(r *Registration) { r.Email = "ursula@evil.example" }, ErrDomain},
		"sub-domain":     {func(r *Registration) { r.Email = "ursula@x.example.org" }, ErrDomain},
		"display name":   {func(r *Registration) { r.DisplayName = "a\u202eb" }, account.ErrDisplayName},
		"locale":         {func(r *Registration) { r.Locale = "../en" }, account.ErrLocale},
		"invitation":     {func(r *Registration) { r.Invitation = "nope" }, account.ErrTicket},
		"weak":           {func(r *Registration) { r.Password = "password123" }, nil},
		"own address":    {func(r *Registration) { r.Email, r.Password = "tulipengine@example.org", "tulipengine" }, nil},
	} {
		r := registration("ursula", "ursula@example.org")
		c.change(&r)
		_, err := h.Register(ctx, r, caller(len(name)))
		if c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.As(err, &weak) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.quiet()
}

func TestApproval(t *testing.T) {
	h := newHouse(t, Approval)
	admin := h.person("ada", "")
	open := func(name string) account.Account {
		t.Helper()
		if _, err := h.Register(ctx, registration(name, name+"@example.org"), caller(1)); err != nil {
			t.Fatal(err)
		}
		_, secret := link(t, h.next())
		if status, err := h.ConfirmRegistration(ctx, secret, password, "", caller(1)); err != nil || status != StatusApproval {
			t.Fatal(status, err)
		}
		a, err := h.Accounts.ByName(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a := open("ursula")
	if _, err := h.login("ursula", password); err != session.ErrCredentials {
		t.Fatal("not approved, and yet signed in:", err)
	}
	// A reset is no way round.
	if err := h.RequestReset(ctx, "ursula@example.org", caller(1)); err != nil {
		t.Fatal(err)
	}
	h.quiet()
	page, _, err := h.Accounts.Search(ctx, account.Query{State: account.StateAwaiting, Limit: 10})
	if err != nil || len(page) != 1 || page[0].Username != "ursula" {
		t.Fatal(page, err)
	}
	by := Operator{ID: admin.ID, Attempt: caller(2)}
	if err := h.Approve(ctx, by, a); err != nil {
		t.Fatal(err)
	}
	if m := h.next(); m.To[0] != "ursula@example.org" || !strings.Contains(m.Text, base+"/auth/login") {
		t.Fatalf("%+v", m)
	}
	h.mustLogin("ursula", password)
	if err := h.Approve(ctx, by, h.again(a)); !errors.Is(err, account.ErrNotFound) {
		t.Fatal("approved twice:", err)
	}
	// One that is rejected leaves nothing, and its name is free.
	b := open("petra")
	if err := h.Erase(ctx, by, b); err != nil {
		t.Fatal(err)
	}
	if m := h.next(); m.To[0] != "petra@example.org" || !strings.Contains(m.Text, "nicht freigegeben") {
		t.Fatalf("%+v", m)
	}
	h.person("petra", "petra@example.org")
	// Who is disabled later does not come in by an approval.
	if err := h.SetDisabled(ctx, by, h.again(a), true); err != nil {
		t.Fatal(err)
	}
	if err := h.Approve(ctx, by, h.again(a)); !errors.Is(err, account.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestRegistrationIsLimited(t *testing.T) {
	h := newHouse(t, Open)
	var throttled session.Throttled
	for i := range perClient + 1 {
		_, err := h.Register(ctx, registration("ursula", "a"+string(rune('a'+i))+"@example.org"), caller(7))
		if i < perClient && err != nil || i == perClient && !errors.As(err, &throttled) {
			t.Fatal(i, err)
		}
	}
	// One address gets five an hour, whoever asks and however it is spelt; who asks is not told.
	h.mails += perClient
	h.server.Wait(t, h.mails)
	for i := range 2 * perAddress {
		email := []string{"mona@example.org", "MONA@example.org", " Mona@EXAMPLE.org", "mona+x" + string(rune('a'+i)) + "@example.org"}[i%4]
		if _, err := h.Register(ctx, registration("mona", email), caller(100+i)); err != nil {
			t.Fatal(err)
		}
	}
	h.mails += perAddress
	h.server.Wait(t, h.mails)
	h.quiet()
}
