package session

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/throttle"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/redistest"
	"github.com/convosphere/gateway/modules/internal/store"
)

// guess tries a wrong password. Its outcome is "wrong", or how the try was refused.
func (n *node) guess(name, ip, cookie string) string {
	n.t.Helper()
	a := from(name, cookie)
	a.Password, a.Client.IP = "wrong-wrong-wrong", netip.MustParseAddr(ip)
	return n.outcome(a)
}

func (n *node) outcome(a Attempt) string {
	n.t.Helper()
	_, err := n.Login(ctx, a)
	var throttled Throttled
	var required ChallengeRequired
	switch {
	case err == nil:
		return "in"
	case err == ErrCredentials:
		return "wrong"
	case errors.As(err, &throttled):
		return "throttled"
	case errors.As(err, &required):
		return "challenge"
	}
	n.t.Fatal(err)
	return ""
}

// guesses counts how many of so many tries are looked at.
func (n *node) guesses(tries int, try func(i int) string) (looked int) {
	for i := range tries {
		if try(i) == "wrong" {
			looked++
		}
	}
	return looked
}

func address(i int) string { return fmt.Sprintf("198.51.%d.%d", i/250, i%250+1) }

func TestGuessingWaits(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	for _, c := range []struct {
		name string
		try  func(i int) string
		want int
	}{
		{"one name from one client", func(int) string { return n.guess("ursula", "203.0.113.1", "") }, DefaultThrottles.Pair.Free},
		{"one name from many clients", func(i int) string { return n.guess("ursula", address(i), "") }, DefaultThrottles.Account.Free - DefaultThrottles.Pair.Free},
		{"many names from one client", func(i int) string { return n.guess(fmt.Sprint("name", i), "203.0.113.2", "") }, DefaultThrottles.Client.Free},
		{"an unknown name from one client", func(int) string { return n.guess("nobody", "203.0.113.3", "") }, DefaultThrottles.Pair.Free},
		{"an unknown name from many clients", func(i int) string { return n.guess("nobody2", address(i), "") }, DefaultThrottles.Account.Free},
		{"no possible name", func(int) string { return n.guess("../..", "203.0.113.4", "") }, DefaultThrottles.Pair.Free},
	} {
		if looked := n.guesses(80, c.try); looked != c.want {
			t.Errorf("%s: %d tries looked at, want %d", c.name, looked, c.want)
		}
	}
	// The right password is refused as well: else a guesser would see it by that.
	a := attempt("ursula")
	if got := n.outcome(a); got != "throttled" {
		t.Error("a stranger's right password:", got)
	}
	n.clock.add(time.Minute)
	if got := n.outcome(a); got != "in" {
		t.Error("after the wait:", got)
	}
	if n.events.count("login-throttled", "failure") == 0 {
		t.Error("no event")
	}
}

// Ban evasion: one account in all its spellings, one network in all its addresses.
func TestSpellingsAreOneName(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	spellings := []string{"ursula", "URSULA", " ursula", "ursula\t", "ｕｒｓｕｌａ", "Ｕrsula", "\u00a0ursula\u3000", "ur\u017fula", "𝓊𝓇𝓈𝓊𝓁𝒶", "ⓤⓡⓢⓤⓛⓐ"}
	for _, s := range spellings {
		if a, err := n.Accounts.ByLogin(ctx, s); err != nil || a.Name != "ursula" {
			t.Fatalf("%q does not name the account: %v", s, err)
		}
	}
	looked := n.guesses(60, func(i int) string { return n.guess(spellings[i%len(spellings)], "203.0.113.1", "") })
	if looked != DefaultThrottles.Pair.Free {
		t.Errorf("known: %d tries", looked)
	}
	looked = n.guesses(60, func(i int) string {
		return n.guess(strings.NewReplacer("ursula", "nobody", "URSULA", "NOBODY", "ｕｒｓｕｌａ", "ｎｏｂｏｄｙ").Replace(spellings[i%5]), "203.0.113.2", "")
	})
	if looked != DefaultThrottles.Pair.Free {
		t.Errorf("unknown: %d tries", looked)
	}
	looked = n.guesses(60, func(i int) string { return n.guess("somebody", fmt.Sprintf("2001:db8:1:2:%x::%x", i+1, i+7), "") })
	if looked != DefaultThrottles.Pair.Free {
		t.Errorf("one /64: %d tries", looked)
	}
	looked = n.guesses(60, func(i int) string {
		return n.guess([]string{"Somebody@Example.org", "somebody@EXAMPLE.ORG ", "somebody@example.org"}[i%3], "203.0.113.5", "")
	})
	if looked != DefaultThrottles.Pair.Free {
		t.Errorf("an address: %d tries", looked)
	}
}

// Whoever guesses, from anywhere, keeps nobody out of the own account on a device of theirs.
func TestAVictimIsNotLockedOut(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	own := n.loginFrom(from("ursula", ""))
	for i := range 100 {
		n.guess("ursula", address(i), "")
		n.guess("ursula", "192.0.2.1", "") // from the victim's own network
		n.guess(fmt.Sprint("other", i), "192.0.2.1", "")
	}
	if got := n.outcome(from("ursula", "")); got != "throttled" {
		t.Fatal("a stranger:", got)
	}
	mistyped := from("ursula", own.Device)
	mistyped.Password = "otter-lamp-quarry-85"
	if got := n.outcome(mistyped); got != "wrong" {
		t.Fatal("the owner mistypes:", got)
	}
	if got := n.outcome(from("ursula", own.Device)); got != "in" {
		t.Fatal("the owner:", got)
	}
}

// A device that is known spares the wait for the one account that it is known of, and has few tries itself.
func TestAKnownDeviceIsNoWayAround(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	n.person("mallory", false)
	mallory := n.loginFrom(from("mallory", ""))
	if looked := n.guesses(60, func(int) string { return n.guess("ursula", "203.0.113.1", mallory.Device) }); looked != DefaultThrottles.Pair.Free {
		t.Errorf("%d tries with a device of the own account", looked)
	}
	// A stolen one has as many tries as its owner, wherever they come from; signing in elsewhere gives no more.
	ursula := n.loginFrom(from("ursula", ""))
	looked := n.guesses(60, func(i int) string {
		if i == 20 {
			n.loginFrom(from("ursula", ""))
		}
		return n.guess("ursula", address(i), ursula.Device)
	})
	if looked != DefaultThrottles.Device.Free {
		t.Errorf("%d tries with a stolen device", looked)
	}
	// Nor is a removed one known.
	if err := n.ForgetDevice(ctx, n.loginFrom(from("ursula", "")).Identity, n.device(ursula)); err != nil {
		t.Fatal(err)
	}
	if looked := n.guesses(20, func(int) string { return n.guess("ursula", "203.0.113.9", ursula.Device) }); looked != DefaultThrottles.Pair.Free {
		t.Errorf("%d tries with a removed device", looked)
	}
}

func TestSigningInBetweenGuessesGivesNoMore(t *testing.T) {
	n := newNode(t)
	n.person("mallory", false)
	own := attempt("mallory")
	own.Client.IP = netip.MustParseAddr("203.0.113.1")
	looked := n.guesses(120, func(i int) string {
		if i%3 == 0 {
			n.outcome(own)
		}
		return n.guess(fmt.Sprint("name", i), "203.0.113.1", "")
	})
	if looked != DefaultThrottles.Client.Free {
		t.Errorf("%d tries", looked)
	}
}

func TestParallelGuessesOnAllGateways(t *testing.T) {
	s := redistest.Start(t)
	n := newNode(t)
	n.person("ursula", false)
	var nodes []*node
	for range 2 {
		r, err := store.OpenRedis(ctx, "redis://"+s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		nodes = append(nodes, open(t, n.dir, n.config, r, n.clock))
	}
	var looked atomic.Int32
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if nodes[i%2].guess("ursula", "203.0.113.1", "") == "wrong" {
				looked.Add(1)
			}
		})
	}
	wg.Wait()
	if int(looked.Load()) != DefaultThrottles.Pair.Free {
		t.Errorf("%d of 100 parallel guesses were looked at", looked.Load())
	}
	// Where Redis goes, each process counts for itself: sign-in goes on, and guessing is bounded still.
	s.Kill()
	in := nodes[0].guesses(20, func(int) string { return nodes[0].guess("ursula", "203.0.113.7", "") })
	if in != DefaultThrottles.Pair.Free {
		t.Errorf("%d guesses without Redis", in)
	}
	if got := nodes[0].outcome(from("ursula", "")); got != "in" {
		t.Error("nobody signs in without Redis:", got)
	}
}

// Many right logins of one account at once are no guessing.
func TestParallelRightLogins(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if got := n.outcome(attempt("ursula")); got != "in" {
				t.Error(got)
			}
		})
	}
	wg.Wait()
}

func TestRefusedTriesCostNoHash(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	for range DefaultThrottles.Pair.Free {
		n.guess("ursula", "203.0.113.1", "")
		n.guess("nobody", "203.0.113.1", "")
	}
	before := n.hasher.Calls()
	for range 50 {
		n.guess("ursula", "203.0.113.1", "")
		n.guess("nobody", "203.0.113.1", "")
	}
	if calls := n.hasher.Calls() - before; calls != 0 {
		t.Errorf("%d hashes", calls)
	}
}

func TestTypedNamesAreInNoKey(t *testing.T) {
	n := newNode(t)
	for _, s := range n.mustScopes("hunter2-as-my-name") {
		if strings.Contains(s.Key, "hunter2") {
			t.Error(s.Key)
		}
	}
}

// puzzle is a Challenger whose challenge is solved by its own text, once.
type puzzle struct {
	issued map[string]bool
	number int64
	err    error
}

func (p *puzzle) Issue(_ context.Context, _ Attempt, number int64) (any, error) {
	p.number = number
	c := fmt.Sprint("puzzle", len(p.issued))
	p.issued[c] = true
	return c, p.err
}

func (p *puzzle) Verify(_ context.Context, t Attempt) (bool, error) {
	ok := p.issued[t.Challenge]
	p.issued[t.Challenge] = false
	return ok, p.err
}

func TestChallenge(t *testing.T) {
	n := newNode(t)
	p := &puzzle{issued: map[string]bool{}}
	n.Challenger = p
	n.person("ursula", false)
	for _, name := range []string{"ursula", "nobody"} { // alike
		for i := range 3 {
			if got := n.guess(name, "203.0.113.1", ""); got != "wrong" {
				t.Fatal(name, i, got)
			}
		}
		for range 50 {
			if got := n.guess(name, "203.0.113.1", ""); got != "challenge" {
				t.Fatal(name, got)
			}
		}
	}
	a := from("ursula", "")
	a.Password = "wrong-wrong-wrong"
	for number := int64(1); number < 3; number++ { // a solved one that was wrong makes the next one harder
		_, err := n.Login(ctx, a)
		var required ChallengeRequired
		if !errors.As(err, &required) || p.number != number {
			t.Fatal(err, p.number)
		}
		a.Challenge = required.Challenge.(string)
		if got := n.outcome(a); got != "wrong" {
			t.Error("solved:", got)
		}
	}
	a = from("ursula", "")
	_, err := n.Login(ctx, a)
	var required ChallengeRequired
	if !errors.As(err, &required) {
		t.Fatal(err)
	}
	a.Challenge = required.Challenge.(string)
	if got := n.outcome(a); got != "in" {
		t.Error("solved:", got)
	}
	if got := n.outcome(a); got != "challenge" {
		t.Error("solved once, used twice:", got)
	}
	a.Challenge = "made up"
	if got := n.outcome(a); got != "challenge" {
		t.Error("made up:", got)
	}
	p.err = errors.New("down")
	if _, err := n.Login(ctx, a); err == nil || errors.Is(err, ErrCredentials) || errors.As(err, &required) {
		t.Error("a challenge that can't be made lets in:", err)
	}
}

// A person on a new device need not wait for others' guesses; up to a number of them, since a challenge can be farmed out.
func TestASolvedChallengeLiftsTheAccountsWait(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	for i := range 60 {
		n.guess("ursula", address(i), "")
	}
	n.Challenger = &puzzle{issued: map[string]bool{}}
	solved := func(a Attempt) string {
		_, err := n.Login(ctx, a)
		var required ChallengeRequired
		if !errors.As(err, &required) {
			t.Fatal(err)
		}
		a.Challenge = required.Challenge.(string)
		return n.outcome(a)
	}
	if got := solved(from("ursula", "")); got != "in" {
		t.Error(got)
	}
	// One client's own guesses wait all the same.
	looked := 0
	bad := from("ursula", "")
	bad.Password, bad.Client.IP = "wrong-wrong-wrong", netip.MustParseAddr("203.0.113.1")
	for range 20 {
		if solved(bad) == "wrong" {
			looked++
		}
	}
	if looked != DefaultThrottles.Pair.Free {
		t.Errorf("%d guesses with solved challenges", looked)
	}
}

func TestADisabledAccountCountsAsAWrongPassword(t *testing.T) {
	n := newNode(t)
	n.person("ursula", false)
	before := n.throttle.Counts(ctx, n.mustScopes("ursula"))
	if err := n.DB.InTx(ctx, func(tx *database.Tx) error {
		a, err := n.Accounts.ByName(ctx, "ursula")
		if err == nil {
			err = n.Accounts.SetDisabled(ctx, tx, a.ID, true)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := n.outcome(attempt("ursula")); got != "wrong" { // a disabled account is as a wrong password
		t.Fatal(got)
	}
	after := n.throttle.Counts(ctx, n.mustScopes("ursula"))
	if slices.Equal(before, after) {
		t.Error("a disabled account's tries are not counted")
	}
}

func (n *node) mustScopes(name string) []throttle.Scope {
	n.t.Helper()
	s, err := n.scopes(ctx, new(attempt(name)))
	if err != nil {
		n.t.Fatal(err)
	}
	return s
}
