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
	"github.com/convosphere/gateway/modules/identity/factor"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

func TestSecurityKeyAsTheSecondFactor(t *testing.T) {
	n := newNode(t)
	k, added := n.withKey("ursula", nil)
	if want := []string{"pwd", "hwk", "user", "mfa"}; !slices.Equal(added.Identity.Methods, want) || added.Identity.ACR != reqctx.ACRMulti {
		t.Fatalf("identity: %+v", added.Identity)
	}
	first, err := n.Login(ctx, attempt("ursula"))
	if err != nil || !slices.Equal(first.Factors, []string{"webauthn"}) {
		t.Fatal(first, err)
	}
	n.clock.add(time.Minute)
	r, err := n.keyLogin("ursula", k)
	if err != nil || !slices.Equal(r.Identity.Methods, []string{"pwd", "hwk", "user", "mfa"}) || r.Identity.ACR != reqctx.ACRMulti || r.Identity.MFATime.IsZero() {
		t.Fatalf("%+v %v", r.Identity, err)
	}
	all, left, err := n.ListFactors(ctx, r.Identity)
	if err != nil || left != 0 || len(all) != 1 || all[0].Kind != factor.WebAuthn || all[0].Name != "Blue key" || !all[0].UsedAt.Equal(n.Now()) || all[0].BackedUp {
		t.Fatalf("%+v %v", all, err)
	}
	if n.events.count("second-factor-added", "success") != 1 || n.events.count("second-factor", "success") != 1 {
		t.Fatal("no events")
	}
}

func TestPasskeyAsTheOnlyStep(t *testing.T) {
	n := newNode(t)
	k, _ := n.withKey("ursula", func(k *key) { k.be, k.bs = true, true })
	r, err := n.passkeyLogin(k)
	if err != nil || r.Identity.Name != "ursula" || !slices.Equal(r.Identity.Methods, []string{"swk", "user", "mfa"}) || r.Identity.ACR != reqctx.ACRMulti {
		t.Fatalf("%+v %v", r.Identity, err)
	}
	if !r.Identity.AuthTime.Equal(n.Now()) || !r.Identity.MFATime.Equal(n.Now()) {
		t.Fatalf("times: %+v", r.Identity)
	}
	n.mustVerify(r.Tokens.Access)
	if all, _, _ := n.ListFactors(ctx, r.Identity); !all[0].BackedUp {
		t.Fatal("the backup state was not kept")
	}
}

// A passkey that its owner removes at the very moment in which a thief signs in with it begins no session.
func TestAPasskeyThatIsRemovedMeanwhile(t *testing.T) {
	n := newNode(t)
	k, _ := n.withKey("ursula", nil)
	const removal = `DELETE FROM second_factors WHERE id = NEW.id; UPDATE accounts SET revision = revision + 1 WHERE id = NEW.account;`
	triggers := []string{`CREATE TRIGGER meanwhile AFTER UPDATE OF used_at ON second_factors BEGIN ` + removal + ` END`}
	if n.config.Postgres != "" {
		triggers = []string{
			`CREATE FUNCTION removal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ` + removal + ` RETURN NULL; END $$`,
			`CREATE TRIGGER meanwhile AFTER UPDATE OF used_at ON second_factors FOR EACH ROW EXECUTE FUNCTION removal()`,
		}
	}
	for _, q := range triggers {
		if _, err := n.DB.Exec(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := n.passkeyLogin(k); !errors.Is(err, factor.ErrKey) {
		t.Fatalf("%+v %v", r.Identity, err)
	}
	if n.events.count("login", "success") != 1 { // the one that added it
		t.Fatal("a login is told of")
	}
}

// Each of these answers is a right one but for one thing.
func TestAnswersThatDoNotHold(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*key)
		passkey bool // it is refused as the only step alone
	}{
		"another origin":            {change: func(k *key) { k.origin = "https://evil.example" }},
		"a neighbour's origin":      {change: func(k *key) { k.origin = "https://evil.gw.example:8443" }},
		"another port":              {change: func(k *key) { k.origin = "https://gw.example" }},
		"no TLS":                    {change: func(k *key) { k.origin = "http://" + site }},
		"an origin with a path":     {change: func(k *key) { k.origin = "https://evil.example/https://" + site }},
		"an origin behind an @":     {change: func(k *key) { k.origin = "https://" + site + "@evil.example" }},
		"no origin":                 {change: func(k *key) { k.origin = "" }},
		"a frame of another site":   {change: func(k *key) { k.cross = true }},
		"another relying party":     {change: func(k *key) { k.rp.ID = "evil.example" }},
		"a parent domain":           {change: func(k *key) { k.rp.ID = "example" }},
		"a registration's answer":   {change: func(k *key) { k.typ = "webauthn.create" }},
		"nobody touched it":         {change: func(k *key) { k.up = false }},
		"another key":               {change: func(k *key) { k.cred.Key = newKey(k.t).cred.Key }},
		"an unknown credential":     {change: func(k *key) { k.cred.ID = newKey(k.t).cred.ID }},
		"backup eligible, now":      {change: func(k *key) { k.be = true }},
		"backed up, not eligible":   {change: func(k *key) { k.bs = true }},
		"another's user handle":     {change: func(k *key) { k.handle = "AAAAAAAAAAAAAAAAAAAAAAAAAA" }},
		"a user handle in pieces":   {change: func(k *key) { k.handle = k.handle[:10] }},
		"the user was not verified": {change: func(k *key) { k.uv = false }, passkey: true},
		"no user handle":            {change: func(k *key) { k.handle = "" }, passkey: true},
	} {
		n := newNode(t)
		good, _ := n.withKey("ursula", nil)
		bad := good.copied()
		c.change(bad)
		if _, err := n.passkeyLogin(bad); !errors.Is(err, factor.ErrKey) {
			t.Errorf("%s, as a passkey: %v", name, err)
		}
		if _, err := n.keyLogin("ursula", bad); !errors.Is(err, factor.ErrKey) != c.passkey {
			t.Errorf("%s, as the second factor: %v", name, err)
		}
		if _, err := n.keyLogin("ursula", good); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

func TestMalformedAnswers(t *testing.T) {
	n := newNode(t)
	k, r := n.withKey("ursula", nil)
	for _, answer := range []string{"", "{}", "[]", "null", `"x"`, `{"id":"AA"}`, `{"type":"public-key","id":"AA","rawId":"AA","response":{}}`, strings.Repeat("[", 5000), `{"id":` + strings.Repeat(`"A`, 8000)} {
		token, _, err := n.BeginPasskey(ctx, at(site))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.Passkey(ctx, token, []byte(answer), at(site)); !errors.Is(err, factor.ErrKey) {
			t.Errorf("%.30q: %v", answer, err)
		}
		if _, err := n.BeginAddKey(ctx, r.Identity, at(site)); err != nil {
			t.Fatal(err)
		}
		if _, err := n.AddKey(ctx, r.Identity, []byte(answer), "", at(site)); !errors.Is(err, factor.ErrKey) {
			t.Errorf("registration, %.30q: %v", answer, err)
		}
	}
	if _, err := n.passkeyLogin(k); err != nil {
		t.Fatal(err)
	}
}

func TestChallengesAreForOneUse(t *testing.T) {
	n := newNode(t)
	k, r := n.withKey("ursula", nil)
	n.person("eve", false)
	eve := newKey(t)
	evil := n.addKey(n.login("eve", ""), eve, "")

	// Used twice: as a passkey, as the second factor, at a step up, at a registration. Each with a failed first use, too.
	token, options, err := n.BeginPasskey(ctx, at(site))
	answer := k.get(options)
	if _, err2 := n.Passkey(ctx, token, answer, at(site)); err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	if _, err := n.Passkey(ctx, token, answer, at(site)); !errors.Is(err, ErrChallenge) {
		t.Error("a passkey's challenge worked twice:", err)
	}
	token, options, _ = n.BeginPasskey(ctx, at(site))
	bad := k.copied()
	bad.origin = "https://evil.example"
	_, _ = n.Passkey(ctx, token, bad.get(options), at(site))
	if _, err := n.Passkey(ctx, token, k.get(options), at(site)); !errors.Is(err, ErrChallenge) {
		t.Error("a challenge worked after a failed use:", err)
	}
	mfa := n.first("ursula")
	options, _ = n.BeginKey(ctx, mfa, at(site))
	if _, err := n.Key(ctx, mfa, bad.get(options), at(site)); !errors.Is(err, factor.ErrKey) {
		t.Fatal(err)
	}
	if _, err := n.Key(ctx, mfa, k.get(options), at(site)); !errors.Is(err, ErrChallenge) {
		t.Error("a second factor's challenge worked twice:", err)
	}
	options, _ = n.BeginStepUpKey(ctx, r.Identity, at(site))
	answer = k.get(options)
	after, err := n.StepUpKey(ctx, r.Identity, answer, at(site))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []*reqctx.Identity{r.Identity, after.Identity} {
		if _, err := n.StepUpKey(ctx, id, answer, at(site)); !errors.Is(err, ErrChallenge) && !errors.Is(err, ErrSession) {
			t.Error("a step up's challenge worked twice:", err)
		}
	}
	options, _ = n.BeginAddKey(ctx, after.Identity, at(site))
	second := newKey(t)
	answer = second.create(options)
	added, err := n.AddKey(ctx, after.Identity, answer, "", at(site))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.AddKey(ctx, added.Identity, answer, "", at(site)); !errors.Is(err, ErrChallenge) {
		t.Error("a registration's challenge worked twice:", err)
	}

	// Late.
	token, options, _ = n.BeginPasskey(ctx, at(site))
	n.clock.add(time.Minute)
	if _, err := n.Passkey(ctx, token, k.get(options), at(site)); !errors.Is(err, ErrChallenge) {
		t.Error("a challenge worked after a minute:", err)
	}

	// Asked for something else, or by somebody else.
	mfa = n.first("ursula")
	options, _ = n.BeginKey(ctx, mfa, at(site))
	if _, err := n.StepUpKey(ctx, added.Identity, k.get(options), at(site)); !errors.Is(err, ErrChallenge) {
		t.Error("a login's challenge worked for a step up:", err)
	}
	if _, err := n.Passkey(ctx, mfa, k.get(options), at(site)); !errors.Is(err, ErrChallenge) {
		t.Error("a login's challenge worked without the password:", err)
	}
	other := n.first("ursula")
	if _, err := n.Key(ctx, other, k.get(options), at(site)); !errors.Is(err, ErrChallenge) {
		t.Error("one login's challenge worked for another:", err)
	}
	if _, err := n.BeginKey(ctx, other, at(site)); err != nil {
		t.Fatal(err)
	}
	_, passkey, _ := n.BeginPasskey(ctx, at(site))
	if _, err := n.Key(ctx, other, k.get(passkey), at(site)); !errors.Is(err, factor.ErrKey) {
		t.Error("a passkey's challenge worked as the second factor's:", err)
	}
	// A relay: eve's key answers ursula's challenge.
	mfa = n.first("ursula")
	options, _ = n.BeginKey(ctx, mfa, at(site))
	if _, err := n.Key(ctx, mfa, eve.get(options), at(site)); !errors.Is(err, factor.ErrKey) {
		t.Error("somebody else's key was taken:", err)
	}
	options, _ = n.BeginStepUpKey(ctx, evil.Identity, at(site))
	if _, err := n.StepUpKey(ctx, evil.Identity, k.get(options), at(site)); !errors.Is(err, factor.ErrKey) {
		t.Error("somebody else's key was taken:", err)
	}
}

func TestOneAnswerInParallelGivesOneLogin(t *testing.T) {
	n := newNode(t)
	other := n.beside()
	k, _ := n.withKey("ursula", nil)
	mfa := n.first("ursula")
	second, _ := n.BeginKey(ctx, mfa, at(site))
	token, passkey, _ := n.BeginPasskey(ctx, at(site))
	answer, alone := k.get(second), k.get(passkey)
	for what, try := range map[string]func(*node) (Result, error){
		"second factor": func(n *node) (Result, error) { return n.Key(ctx, mfa, answer, at(site)) },
		"passkey":       func(n *node) (Result, error) { return n.Passkey(ctx, token, alone, at(site)) },
	} {
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				on := n
				if i%2 == 1 {
					on = other
				}
				if _, err := try(on); err == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%s: one answer gave %d logins", what, won.Load())
		}
	}
}

func TestCopiedKeys(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	k := newKey(t)
	k.counter = 7
	r := n.addKey(n.login("ursula", ""), k, "")
	clone := k.copied()
	k.counter = 9
	if _, err := n.keyLogin("ursula", k); err != nil {
		t.Fatal(err)
	}
	for _, counter := range []uint32{0, 1, 8, 9} {
		clone.counter = counter
		if _, err := n.keyLogin("ursula", clone); !errors.Is(err, factor.ErrCopied) {
			t.Errorf("a copy at %d was taken: %v", counter, err)
		}
		if _, err := n.passkeyLogin(clone); !errors.Is(err, factor.ErrCopied) {
			t.Errorf("a copy at %d was taken as a passkey: %v", counter, err)
		}
		options, _ := n.BeginStepUpKey(ctx, r.Identity, at(site))
		if _, err := n.StepUpKey(ctx, r.Identity, clone.get(options), at(site)); !errors.Is(err, factor.ErrCopied) {
			t.Errorf("a copy at %d was taken at a step up: %v", counter, err)
		}
	}
	if n.events.count("authenticator-copied", "failure") != 12 {
		t.Error("no events tell of the copy")
	}
	k.counter = 1 << 31
	if _, err := n.keyLogin("ursula", k); err != nil {
		t.Fatal("the real one:", err)
	}
	k.counter = 1<<32 - 1
	if _, err := n.keyLogin("ursula", k); err != nil {
		t.Fatal("the real one at its end:", err)
	}
	// Two at once, each with its own challenge, at one count: one of them is a copy.
	n.person("mona", false)
	k = newKey(t)
	k.counter = 1
	n.addKey(n.login("mona", ""), k, "")
	k.counter = 2
	var won, copied atomic.Int32
	var wg sync.WaitGroup
	for range 6 {
		token, options, _ := n.BeginPasskey(ctx, at(site))
		answer := k.get(options)
		wg.Go(func() {
			switch _, err := n.Passkey(ctx, token, answer, at(site)); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, factor.ErrCopied):
				copied.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || copied.Load() != 5 {
		t.Fatalf("%d won, %d were taken for copies", won.Load(), copied.Load())
	}
}

func TestKeysWithoutACounter(t *testing.T) {
	n := newNode(t)
	k, _ := n.withKey("ursula", nil)
	for range 3 {
		if _, err := n.keyLogin("ursula", k); err != nil {
			t.Fatal(err)
		}
	}
}

// A key that was found: its finder sets a PIN on it and has it verify that, but has no password.
func TestKeyThatNeverVerifiedItsUserIsNoPasskey(t *testing.T) {
	n := newNode(t)
	k, _ := n.withKey("ursula", func(k *key) { k.uv = false })
	k.uv = true
	if _, err := n.passkeyLogin(k); !errors.Is(err, factor.ErrKey) {
		t.Fatal("a key that never verified its user stood alone:", err)
	}
	if _, err := n.keyLogin("ursula", k); err != nil { // beside the password it may begin to
		t.Fatal(err)
	}
	if _, err := n.passkeyLogin(k); err != nil {
		t.Fatal(err)
	}
}

func TestPasskeyOfADisabledAccount(t *testing.T) {
	n := newNode(t)
	k, _ := n.withKey("ursula", nil)
	a, _ := n.Accounts.ByName(ctx, "ursula")
	if err := n.DB.InTx(ctx, func(tx *database.Tx) error { return n.Accounts.SetDisabled(ctx, tx, a.ID, true) }); err != nil {
		t.Fatal(err)
	}
	if _, err := n.passkeyLogin(k); err != ErrCredentials {
		t.Fatal(err)
	}
}

func TestACredentialHasOneOwner(t *testing.T) {
	n := newNode(t)
	k, r := n.withKey("ursula", nil)
	n.person("eve", false)
	evil := n.login("eve", "")
	options, _ := n.BeginAddKey(ctx, evil.Identity, at(site))
	if _, err := n.AddKey(ctx, evil.Identity, k.create(options), "", at(site)); !errors.Is(err, account.ErrExists) {
		t.Fatal("one credential, two owners:", err)
	}
	options, err := n.BeginAddKey(ctx, r.Identity, at(site))
	if err != nil || !strings.Contains(k.json(options), `"excludeCredentials":[{`) {
		t.Fatal("the browser is not told to leave it out:", err)
	}
	if _, err := n.AddKey(ctx, r.Identity, k.create(options), "", at(site)); !errors.Is(err, account.ErrExists) {
		t.Fatal("one credential twice:", err)
	}
}

func TestRegistrationsThatDoNotHold(t *testing.T) {
	for name, change := range map[string]func(*key){
		"another origin":          func(k *key) { k.rp.Origin = "https://evil.example" },
		"another relying party":   func(k *key) { k.rp.ID = "evil.example" },
		"nobody touched it":       func(k *key) { k.up = false },
		"backed up, not eligible": func(k *key) { k.bs = true },
	} {
		n := newNode(t)
		n.person("ursula", false)
		r := n.login("ursula", "")
		k := newKey(t)
		change(k)
		options, _ := n.BeginAddKey(ctx, r.Identity, at(site))
		if _, err := n.AddKey(ctx, r.Identity, k.create(options), "", at(site)); !errors.Is(err, factor.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
		if all, _, _ := n.ListFactors(ctx, r.Identity); len(all) != 0 {
			t.Errorf("%s: a factor was stored", name)
		}
	}
}

func BenchmarkPasskeyLogin(b *testing.B) {
	n := newNode(b)
	k, _ := n.withKey("ursula", nil)
	for b.Loop() {
		if _, err := n.passkeyLogin(k); err != nil {
			b.Fatal(err)
		}
	}
}
