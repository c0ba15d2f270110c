package session

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/federation"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

const corp = "https://idp.corp.example"

// atCorp is a person whom the provider vouches for, signed in there a minute ago.
func (n *node) atCorp(subject, email string, verified bool) federation.Person {
	return federation.Person{
		Provider: "corp", Issuer: corp, Subject: subject, Email: email, EmailVerified: verified, Username: subject, AuthTime: n.Now().Add(-time.Minute),
	}
}

func (n *node) setEmail(name, email string, verified bool) account.Account {
	n.t.Helper()
	a, err := n.Accounts.ByName(ctx, name)
	if err == nil {
		err = n.DB.InTx(ctx, func(tx *database.Tx) error { return n.Accounts.SetEmail(ctx, tx, n.Now(), a.ID, email, verified) })
	}
	if err == nil {
		a, err = n.Accounts.ByName(ctx, name)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	return a
}

var (
	closed  = federation.Config{ID: "corp"}
	creates = federation.Config{ID: "corp", Create: []string{"user"}}
	links   = federation.Config{ID: "corp", Link: federation.LinkEmpty, Create: []string{"user"}}
	linkAny = federation.Config{ID: "corp", Link: federation.LinkAny, Create: []string{"user"}}
)

func TestFederatedLoginMakesAnAccount(t *testing.T) {
	n := newNode(t)
	if _, err := n.Federated(ctx, n.atCorp("ada", "ada@corp.example", true), closed, attempt("")); !errors.Is(err, ErrNoAccount) {
		t.Fatal(err)
	}
	r, err := n.Federated(ctx, n.atCorp("ada", "Ada@corp.example", true), creates, attempt(""))
	if err != nil {
		t.Fatal(err)
	}
	id := n.mustVerify(r.Tokens.Access)
	if id.Name != "ada" || !slices.Equal(id.Roles, []string{"user"}) || !slices.Equal(id.Methods, []string{"fed"}) || id.ACR != reqctx.ACRSingle || id.Kind != reqctx.KindPerson ||
		!id.AuthTime.Equal(n.Now().Add(-time.Minute)) || !id.MFATime.IsZero() {
		t.Errorf("%+v", id)
	}
	p, err := n.Profile(ctx, id)
	if err != nil || p.Email != "Ada@corp.example" || !p.EmailVerified {
		t.Errorf("%+v %v", p, err)
	}
	// The same person again, whatever the provider calls them now: the subject counts.
	again := n.atCorp("ada", "other@corp.example", true)
	again.Username = "somebody"
	r, err = n.Federated(ctx, again, closed, attempt(""))
	if err != nil || r.Identity.Subject != id.Subject {
		t.Errorf("again: %+v %v", r.Identity, err)
	}
	// The account has no password to guess, and says so to nobody.
	for _, password := range []string{"", password, "x"} {
		a := attempt("ada")
		a.Password = password
		if _, err := n.Login(ctx, a); !errors.Is(err, ErrCredentials) {
			t.Errorf("password %q: %v", password, err)
		}
	}
	// Another person of the provider, or the same subject elsewhere, is another account: also where the name is taken.
	other := n.atCorp("2", "", false)
	other.Username = "Ada"
	elsewhere := n.atCorp("ada", "", false)
	elsewhere.Issuer = "https://evil.example"
	for _, p := range []federation.Person{other, elsewhere} {
		r, err := n.Federated(ctx, p, creates, attempt(""))
		if err != nil || r.Identity.Subject == id.Subject || !strings.HasPrefix(r.Identity.Name, "ada") {
			t.Errorf("%+v: %+v %v", p, r.Identity, err)
		}
	}
	if n.events.count("account-created", "success") != 3 {
		t.Error("not recorded")
	}
}

func TestFederatedNeverTakesAnAccountByMail(t *testing.T) {
	for name, c := range map[string]struct {
		config   federation.Config
		verified bool   // by the provider
		local    bool   // here
		password bool   // the account has one
		totp     bool   // and a second factor
		want     string // linked, refused, another
	}{
		"no linking configured":            {creates, true, true, true, false, "refused"},
		"no linking, no password":          {creates, true, true, false, false, "refused"},
		"unverified there":                 {linkAny, false, true, false, false, "another"},
		"unverified here":                  {linkAny, true, false, false, false, "another"},
		"a password":                       {links, true, true, true, false, "refused"},
		"a second factor":                  {links, true, true, false, true, "refused"},
		"neither":                          {links, true, true, false, false, "linked"},
		"a password, by the operator":      {linkAny, true, true, true, false, "linked"},
		"a second factor, by the operator": {linkAny, true, true, true, true, "second factor"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			secret := n.person("victim", c.totp)
			victim := n.setEmail("victim", "victim@corp.example", c.local)
			if !c.password {
				if err := n.DB.InTx(ctx, func(tx *database.Tx) error { return n.Accounts.ClearPassword(ctx, tx, victim.ID) }); err != nil {
					t.Fatal(err)
				}
			}
			for _, email := range []string{"victim@corp.example", "VICTIM@CORP.EXAMPLE"} {
				r, err := n.Federated(ctx, n.atCorp("eve", email, c.verified), c.config, attempt(""))
				got := "another"
				switch {
				case errors.Is(err, ErrLinkFirst):
					got = "refused"
				case err != nil:
					t.Fatal(err)
				case r.MFAToken != "":
					got = "second factor"
					r, err = n.TOTP(ctx, r.MFAToken, n.code(secret, 0), attempt(""))
					if err != nil || r.Identity.Subject != victim.ID || !slices.Equal(r.Identity.Methods, []string{"fed", "otp"}) && !slices.Equal(r.Identity.Methods, []string{"fed", "otp", "mfa"}) {
						t.Errorf("%+v %v", r.Identity, err)
					}
					n.clock.add(time.Minute)
				case r.Identity.Subject == victim.ID:
					got = "linked"
				}
				if got != c.want {
					t.Errorf("%s: %s", email, got)
				}
			}
		})
	}
}

// A provider may give a mail address to somebody new: that is not the person who is linked.
func TestRecycledAddress(t *testing.T) {
	n := newNode(t)
	first, err := n.Federated(ctx, n.atCorp("1", "team@corp.example", true), links, attempt(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Federated(ctx, n.atCorp("2", "team@corp.example", true), linkAny, attempt("")); !errors.Is(err, ErrLinkFirst) {
		t.Errorf("the next owner of the address: %v", err)
	}
	other := n.atCorp("2", "team@corp.example", true)
	other.Provider, other.Issuer = "two", "https://two.example"
	r, err := n.Federated(ctx, other, links, attempt(""))
	if err != nil || r.Identity.Subject != first.Identity.Subject {
		t.Errorf("another provider: %v", err)
	}
}

func TestFederatedSecondFactor(t *testing.T) {
	n := newNode(t)
	n.Required = []string{"moderator"}
	r, err := n.Federated(ctx, n.atCorp("mona", "", false), federation.Config{ID: "corp", Create: []string{"moderator"}}, attempt(""))
	if err != nil || r.Tokens != nil || !r.Enrol {
		t.Fatalf("a role that must have a second factor: %+v %v", r, err)
	}
	p := n.atCorp("mona", "", false)
	p.Multi = true
	r, err = n.Federated(ctx, p, creates, attempt(""))
	if err != nil || r.Identity.ACR != reqctx.ACRMulti || !r.Identity.MFATime.Equal(n.Now().Add(-time.Minute)) || !slices.Equal(r.Identity.Methods, []string{"fed", "mfa"}) {
		t.Errorf("given at the provider: %+v %v", r.Identity, err)
	}
	// A time that the provider does not tell is fresh for nothing.
	p = n.atCorp("nora", "", false)
	p.AuthTime = time.Time{}
	r, err = n.Federated(ctx, p, creates, attempt(""))
	if err != nil {
		t.Fatal(err)
	}
	id := n.mustVerify(r.Tokens.Access)
	var stale NotFresh
	if _, err := n.Fresh(ctx, id); !errors.As(err, &stale) {
		t.Errorf("%v", err)
	}
	if err := n.Link(ctx, id, n.atCorp("x", "", false), attempt("")); !errors.As(err, &stale) {
		t.Errorf("%v", err)
	}
}

func TestFederatedDisabled(t *testing.T) {
	n := newNode(t)
	r, err := n.Federated(ctx, n.atCorp("ada", "", false), creates, attempt(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.DB.InTx(ctx, func(tx *database.Tx) error { return n.Accounts.SetDisabled(ctx, tx, r.Identity.Subject, true) }); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Federated(ctx, n.atCorp("ada", "", false), creates, attempt("")); !errors.Is(err, ErrCredentials) {
		t.Error(err)
	}
}

// Of parallel first logins of one person all come to the same account.
func TestFederatedParallelFirstLogins(t *testing.T) {
	n := newNode(t)
	var mu sync.Mutex
	subjects := map[string]bool{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			r, err := n.Federated(ctx, n.atCorp("ada", "ada@corp.example", true), creates, attempt(""))
			if err != nil {
				if !errors.Is(err, ErrLinkFirst) { // lost the race for the address
					t.Error(err)
				}
				return
			}
			mu.Lock()
			defer mu.Unlock()
			subjects[r.Identity.Subject] = true
		})
	}
	wg.Wait()
	all, err := n.Accounts.List(ctx)
	if err != nil || len(all) != 1 || len(subjects) != 1 {
		t.Errorf("%d accounts, %d subjects, %v", len(all), len(subjects), err)
	}
}

func TestLinkAndUnlink(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	n.person("eve", false)
	ursula := n.mustVerify(n.login("ursula", "").Tokens.Access)
	eve := n.mustVerify(n.login("eve", "").Tokens.Access)
	other := n.mustVerify(n.login("ursula", "").Tokens.Access)
	person := n.atCorp("u1", "ursula@corp.example", true)

	for range 2 {
		if err := n.Link(ctx, ursula, person, attempt("")); err != nil {
			t.Fatal("linking, also again:", err)
		}
	}
	if err := n.Link(ctx, eve, person, attempt("")); !errors.Is(err, ErrLinked) {
		t.Errorf("somebody else's: %v", err)
	}
	list, err := n.Links(ctx, ursula)
	if err != nil || len(list) != 1 || list[0].Provider != "corp" || list[0].Label != "ursula@corp.example" {
		t.Fatalf("%+v %v", list, err)
	}
	r, err := n.Federated(ctx, person, closed, attempt(""))
	if err != nil || r.Identity.Name != "ursula" {
		t.Fatalf("%+v %v", r.Identity, err)
	}
	if err := n.Unlink(ctx, eve, list[0].ID); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("somebody else's link: %v", err)
	}
	// An old login changes nothing.
	n.clock.add(11 * time.Minute)
	var stale NotFresh
	if err := n.Unlink(ctx, ursula, list[0].ID); !errors.As(err, &stale) {
		t.Errorf("unlinking: %v", err)
	}
	if err := n.Link(ctx, ursula, n.atCorp("u2", "", false), attempt("")); !errors.As(err, &stale) {
		t.Errorf("linking: %v", err)
	}
	fresh := n.mustVerify(n.login("ursula", "").Tokens.Access)
	if err := n.Unlink(ctx, fresh, list[0].ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []*reqctx.Identity{ursula, other, r.Identity} {
		if _, err := n.Links(ctx, id); !errors.Is(err, ErrSession) {
			t.Errorf("another session goes on after unlinking: %v", err)
		}
	}
	if _, err := n.Federated(ctx, person, closed, attempt("")); !errors.Is(err, ErrNoAccount) {
		t.Errorf("the provider still signs in: %v", err)
	}
	if n.events.count("link-added", "success") != 1 || n.events.count("link-removed", "success") != 1 {
		t.Error("not recorded")
	}
}

// A password alone must not add a way in past the second factor, nor take one away.
func TestLinkNeedsTheSecondFactor(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	mona := n.mustVerify(n.login("mona", secret).Tokens.Access)
	n.clock.add(11 * time.Minute)
	r, err := n.StepUpPassword(ctx, mona, password, attempt(""))
	if err != nil {
		t.Fatal(err)
	}
	var stale NotFresh
	if err := n.Link(ctx, r.Identity, n.atCorp("m", "", false), attempt("")); !errors.As(err, &stale) || stale.ACR != reqctx.ACRMulti {
		t.Error(err)
	}
}

func TestLastWayStays(t *testing.T) {
	n := newNode(t)
	r, err := n.Federated(ctx, n.atCorp("ada", "ada@corp.example", true), creates, attempt(""))
	if err != nil {
		t.Fatal(err)
	}
	list, err := n.Links(ctx, r.Identity)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if err := n.Unlink(ctx, r.Identity, list[0].ID); !errors.Is(err, ErrLastWay) {
		t.Errorf("%v", err)
	}
	second := n.atCorp("ada", "", false)
	second.Issuer, second.Provider = "https://two.example", "two"
	if err := n.Link(ctx, r.Identity, second, attempt("")); err != nil {
		t.Fatal(err)
	}
	if err := n.Unlink(ctx, r.Identity, list[0].ID); err != nil {
		t.Error(err)
	}
}

func TestLinksAreBounded(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	id := n.mustVerify(n.login("ursula", "").Tokens.Access)
	for i := range 10 {
		if err := n.Link(ctx, id, n.atCorp(string(rune('a'+i)), "", false), attempt("")); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Link(ctx, id, n.atCorp("z", "", false), attempt("")); !errors.Is(err, federation.ErrMany) {
		t.Error(err)
	}
}

func TestStepUpByProvider(t *testing.T) {
	n := newNode(t)
	r, err := n.Federated(ctx, n.atCorp("ada", "", false), creates, attempt(""))
	if err != nil {
		t.Fatal(err)
	}
	n.clock.add(20 * time.Minute)
	r, err = n.Refresh(ctx, r.Tokens.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	old := n.mustVerify(r.Tokens.Access)
	if _, err := n.StepUpFederated(ctx, old, n.atCorp("eve", "", false), attempt("")); !errors.Is(err, ErrOtherPerson) {
		t.Errorf("nobody's: %v", err)
	}
	if _, err := n.Federated(ctx, n.atCorp("eve", "", false), creates, attempt("")); err != nil {
		t.Fatal(err)
	}
	if _, err := n.StepUpFederated(ctx, old, n.atCorp("eve", "", false), attempt("")); !errors.Is(err, ErrOtherPerson) {
		t.Errorf("another's: %v", err)
	}
	up, err := n.StepUpFederated(ctx, old, n.atCorp("ada", "", false), attempt(""))
	if err != nil || up.Identity.Session == old.Session {
		t.Fatalf("%+v %v", up.Identity, err)
	}
	if _, err := n.Fresh(ctx, up.Identity); err != nil {
		t.Error(err)
	}
	if _, err := n.Verify(ctx, r.Tokens.Access); err == nil {
		t.Error("the old session goes on")
	}
}

func TestProposals(t *testing.T) {
	for _, c := range []struct{ username, email, want string }{
		{"Ada", "", "ada"}, {"ada@corp.example", "", "ada"}, {"", "ada.l@corp.example", "ada.l"}, {"Ada Lovelace", "", "ada.lovelace"}, {"", "", "user"}, {"山田", "", "user"},
		{"../../etc", "", "etc"}, {"a", "bob@x.example", "bob"}, {strings.Repeat("x", 300), "", strings.Repeat("x", 20)}, {"\u202ejane", "", "jane"}, {"\u202eadmin", "", "user"}, {"Support", "bob@x.example", "bob"}, {"-", "-@x.example", "user"},
	} {
		all := proposals(federation.Person{Username: c.username, Email: c.email})
		if all[0] != c.want {
			t.Errorf("%q %q: %q", c.username, c.email, all)
		}
		for _, name := range all {
			if n, err := account.Normalise(name); err != nil || n != name {
				t.Errorf("%q is no name", name)
			}
		}
	}
}

// What is stored tells neither the subject nor what the provider calls the person.
func TestLinksAtRest(t *testing.T) {
	n := newNode(t)
	p := n.atCorp("subject-of-ada", "ada@corp.example", true)
	if _, err := n.Federated(ctx, p, creates, attempt("")); err != nil {
		t.Fatal(err)
	}
	var subject string
	var label []byte
	if err := n.DB.QueryRow(ctx, `SELECT subject, label FROM account_links`).Scan(&subject, &label); err != nil {
		t.Fatal(err)
	}
	if len(subject) != 64 || strings.Contains(subject, "subject") || strings.Contains(string(label), "corp") {
		t.Errorf("%q %q", subject, label)
	}
}

// Who came by a provider can set a first password: after a fresh login only, and once.
func TestFirstPassword(t *testing.T) {
	n := newNode(t)
	r, err := n.Federated(ctx, n.atCorp("ada", "ada@corp.example", true), creates, attempt(""))
	if err != nil {
		t.Fatal(err)
	}
	n.clock.add(20 * time.Minute)
	r, err = n.Refresh(ctx, r.Tokens.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	var stale NotFresh
	if err := n.ChangePassword(ctx, r.Identity, "", password); !errors.As(err, &stale) {
		t.Errorf("an old login: %v", err)
	}
	if r, err = n.StepUpFederated(ctx, r.Identity, n.atCorp("ada", "", false), attempt("")); err != nil {
		t.Fatal(err)
	}
	if err := n.ChangePassword(ctx, r.Identity, "", password); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Login(ctx, attempt("ada")); err != nil {
		t.Error("login:", err)
	}
	if err := n.ChangePassword(ctx, r.Identity, "", password+"x"); !errors.Is(err, ErrCredentials) {
		t.Errorf("another one without the old: %v", err)
	}
	list, err := n.Links(ctx, r.Identity)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Unlink(ctx, r.Identity, list[0].ID); err != nil {
		t.Errorf("unlinking, with a password: %v", err)
	}
}

// Of a login by a link and its removal at one moment, either comes first; no session outlives the removal.
func TestALinkThatIsRemovedMeanwhile(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	p := n.atCorp("ursula", "", false)
	for range 40 {
		mine := n.login("ursula", "").Identity
		if err := n.Link(ctx, mine, p, attempt("")); err != nil {
			t.Fatal(err)
		}
		all, err := n.Links(ctx, mine)
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		var both sync.WaitGroup
		both.Go(func() { _, _ = n.Federated(ctx, p, closed, attempt("")) })
		both.Go(func() { err = n.Unlink(ctx, mine, all[0].ID) })
		both.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if open, err := n.Sessions(ctx, mine); err != nil || len(open) != 1 {
			t.Fatalf("%d sessions, %v", len(open), err)
		}
		if err := n.EndSessions(ctx, mine, true); err != nil {
			t.Fatal(err)
		}
	}
}
