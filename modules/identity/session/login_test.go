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
	"github.com/convosphere/gateway/modules/internal/database"
)

func TestLoginWithPassword(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	r := n.login("  URSULA ", "")
	if r.Identity.Name != "ursula" || !slices.Equal(r.Identity.Methods, []string{"pwd"}) || !r.Identity.MFATime.IsZero() {
		t.Fatalf("identity: %+v", r.Identity)
	}
	id := n.mustVerify(r.Tokens.Access)
	if id.Subject != r.Identity.Subject || id.Session != r.Identity.Session || !id.AuthTime.Equal(r.Identity.AuthTime) || !id.Expires.Equal(r.Tokens.AccessExpires) {
		t.Fatalf("verified %+v, issued %+v", id, r.Identity)
	}
	if known, ok := n.Known(r.Tokens.Access); !ok || known != id {
		t.Fatal("a verified token is not known")
	}
	if n.events.count("login", "success") != 1 {
		t.Fatal("no event of the login")
	}
}

func TestLoginRefusesAlike(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	n.person("dora", false)
	dora, _ := n.Accounts.ByName(ctx, "dora")
	if err := n.DB.InTx(ctx, func(tx *database.Tx) error { return n.Accounts.SetDisabled(ctx, tx, dora.ID, true) }); err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]Attempt{
		"wrong password":   {Username: "ursula", Password: "wrong-wrong-wrong"},
		"empty password":   {Username: "ursula"},
		"unknown":          {Username: "nobody", Password: password},
		"no possible name": {Username: "../../etc", Password: password},
		"empty":            {},
		"disabled":         {Username: "dora", Password: password},
		"long password":    {Username: "ursula", Password: password + strings.Repeat("x", 1<<20)},
		"long name":        {Username: strings.Repeat("u", 1<<20), Password: password},
		"broken UTF-8":     {Username: "ursula", Password: "\xff\xfe" + password},
	} {
		before := n.hasher.Calls()
		_, err := n.Login(ctx, a)
		if err != ErrCredentials {
			t.Errorf("%s: %v", name, err)
		}
		// Equal work is what makes equal time.
		if calls := n.hasher.Calls() - before; calls != 1 {
			t.Errorf("%s: %d hashes computed, want 1", name, calls)
		}
	}
}

func TestPasswordTypedAsNameIsNotRecorded(t *testing.T) {
	n := newNode(t)
	if _, err := n.Login(ctx, Attempt{Username: "otter-lamp-quarry-58", Password: "x"}); err != ErrCredentials {
		t.Fatal(err)
	}
	for _, e := range n.events.all {
		if e.UserID != "" || strings.Contains(e.Reason, "otter") {
			t.Fatalf("event holds what was typed: %+v", e)
		}
	}
}

func TestSecondFactorFixesNothingBeforehand(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	first, err := n.Login(ctx, attempt("mona"))
	if err != nil || first.Tokens != nil || first.Identity != nil || !slices.Equal(first.Factors, []string{"totp"}) {
		t.Fatalf("first step: %+v %v", first, err)
	}
	// The token of the first step is none of the others.
	if _, err := n.Verify(ctx, first.MFAToken); !errors.Is(err, token.ErrInvalid) {
		t.Fatal("the mfa token was taken as an access token:", err)
	}
	if _, err := n.Refresh(ctx, first.MFAToken); err != ErrSession {
		t.Fatal("the mfa token was taken as a refresh token:", err)
	}
	r, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), attempt("mona"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Identity.Session == first.MFAToken || r.Identity.MFATime.IsZero() || !slices.Equal(r.Identity.Methods, []string{"pwd", "otp", "mfa"}) {
		t.Fatalf("identity: %+v", r.Identity)
	}
	n.clock.add(time.Minute)
	if _, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), attempt("mona")); err != ErrSession {
		t.Fatal("an mfa token worked twice:", err)
	}
}

func TestMFATokenExpires(t *testing.T) {
	n := newNode(t)
	n.Store = expiringStore{n.Store, n.clock.now, map[string]time.Time{}}
	secret := n.person("mona", true)
	first, _ := n.Login(ctx, attempt("mona"))
	n.clock.add(pendingLife + time.Second)
	if _, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), attempt("mona")); err != ErrSession {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "x", strings.Repeat("A", 26), strings.Repeat("A", 1<<16), "AAAAAAAAAAAAA\nAAAAAAAAAAAA"} {
		if _, err := n.TOTP(ctx, bad, n.code(secret, 0), attempt("mona")); err != ErrSession {
			t.Fatalf("%.30q: %v", bad, err)
		}
	}
}

func TestCodeWorksOnce(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	code := n.code(secret, 0)
	n.login("mona", secret)
	for range 2 {
		again, _ := n.Login(ctx, attempt("mona"))
		if _, err := n.TOTP(ctx, again.MFAToken, code, attempt("mona")); err != ErrCode {
			t.Fatal("a code worked twice:", err)
		}
		// And so is every older one.
		if _, err := n.TOTP(ctx, again.MFAToken, n.code(secret, -1), attempt("mona")); err != ErrCode {
			t.Fatal("an older code worked after a newer:", err)
		}
	}
}

func TestCodeOfTheFutureSpendsThePresent(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	first, _ := n.Login(ctx, attempt("mona"))
	if _, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 1), attempt("mona")); err != nil {
		t.Fatal("a step ahead:", err)
	}
	second, _ := n.Login(ctx, attempt("mona"))
	if _, err := n.TOTP(ctx, second.MFAToken, n.code(secret, 0), attempt("mona")); err != ErrCode {
		t.Fatal("an older code worked after a newer:", err)
	}
	if _, err := n.TOTP(ctx, second.MFAToken, n.code(secret, 2), attempt("mona")); err != ErrCode {
		t.Fatal("a code two steps ahead worked:", err)
	}
}

func TestParallelRedemptionOfOneCode(t *testing.T) {
	n := newNode(t)
	other := n.beside()
	secret := n.person("mona", true)
	var tokens []string
	for range 4 { // four logins at once, one stolen code
		first, err := n.Login(ctx, attempt("mona"))
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, first.MFAToken)
	}
	var won, lost atomic.Int32
	code := n.code(secret, 0)
	var wg sync.WaitGroup
	for i, tok := range tokens {
		for _, on := range []*node{n, other} {
			wg.Go(func() {
				_, err := on.TOTP(ctx, tok, code, attempt("mona"))
				var throttled Throttled
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, ErrCode) || errors.Is(err, ErrSession) || errors.As(err, &throttled):
					lost.Add(1)
				default:
					t.Errorf("%d: %v", i, err)
				}
			})
		}
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 7 {
		t.Fatalf("%d redemptions of one code, %d refused", won.Load(), lost.Load())
	}
}

func TestParallelSuccessesOfOneLogin(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	first, _ := n.Login(ctx, attempt("mona"))
	var won atomic.Int32
	var wg sync.WaitGroup
	for _, offset := range []int64{-1, 0, 1} { // three codes, all right
		wg.Go(func() {
			if _, err := n.TOTP(ctx, first.MFAToken, n.code(secret, offset), attempt("mona")); err == nil {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("one login gave %d sessions", won.Load())
	}
}

func TestGuessingEscalates(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	wrong := n.wrongCode(secret)
	guess := func() error {
		first, err := n.Login(ctx, attempt("mona")) // a new login each time: it resets nothing
		if err != nil {
			t.Fatal(err)
		}
		_, err = n.TOTP(ctx, first.MFAToken, wrong, attempt("mona"))
		return err
	}
	for i := range freeOfCharge {
		if err := guess(); err != ErrCode {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		var throttled Throttled
		if err := guess(); !errors.As(err, &throttled) || throttled.RetryAfter != wait*time.Minute {
			t.Fatalf("want a wait of %d min, got %v", wait, err)
		}
		// The right code does not get through either, nor does waiting not quite long enough.
		n.clock.add(wait*time.Minute - time.Second)
		first, _ := n.Login(ctx, attempt("mona"))
		if _, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), attempt("mona")); !errors.As(err, &throttled) {
			t.Fatal("a locked factor took a code:", err)
		}
		n.clock.add(time.Second)
		wrong = n.wrongCode(secret)
		if err := guess(); err != ErrCode {
			t.Fatal(err)
		}
	}
	n.clock.add(time.Hour)
	n.login("mona", secret) // the right code ends it
	if err := guess(); err != ErrCode {
		t.Fatal("after a right code guesses are still limited:", err)
	}
}

const freeOfCharge = 5

func TestParallelGuessesAreAllCounted(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	a, _ := n.Accounts.ByName(ctx, "mona")
	wrong := n.wrongCode(secret)
	var looked atomic.Int32
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if _, err := n.Factors.SpendTOTP(ctx, n.Now(), a.ID, wrong); errors.Is(err, ErrCode) {
				looked.Add(1)
			}
		})
	}
	wg.Wait()
	if looked.Load() != freeOfCharge {
		t.Fatalf("%d of 40 parallel guesses were looked at, want %d", looked.Load(), freeOfCharge)
	}
}

func TestTriesOfOneMFATokenAreBounded(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	first, _ := n.Login(ctx, attempt("mona"))
	for range pendingTries {
		_, _ = n.TOTP(ctx, first.MFAToken, n.wrongCode(secret), attempt("mona"))
	}
	n.clock.add(2 * time.Hour)
	if _, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), attempt("mona")); err != ErrSession {
		t.Fatal(err)
	}
}

func TestChangeVoidsPendingLogin(t *testing.T) {
	n := newNode(t)
	secret := n.person("mona", true)
	first, _ := n.Login(ctx, attempt("mona"))
	a, _ := n.Accounts.ByName(ctx, "mona")
	if err := n.DB.InTx(ctx, func(tx *database.Tx) error { return n.Accounts.SetRoles(ctx, tx, a.ID, []string{"admin"}) }); err != nil {
		t.Fatal(err)
	}
	if _, err := n.TOTP(ctx, first.MFAToken, n.code(secret, 0), attempt("mona")); err != ErrSession {
		t.Fatal("a login begun before a change of roles went on:", err)
	}
}

func TestRehashAtLogin(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	dear, err := account.NewHasher(account.Params{Memory: 128, Time: 1, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	n.Accounts = account.NewStore(n.DB, n.Keys, dear)
	for _, want := range []int64{2, 1} { // compare and hash anew, then compare
		before := dear.Calls()
		n.login("ursula", "")
		if got := dear.Calls() - before; got != want {
			t.Fatalf("%d hashes, want %d", got, want)
		}
	}
}
