package session

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/token"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
)

var rules = &TokenRules{Limit: 5, MaxLife: 90 * day}

// tokenNode has personal tokens, and ursula signed in with one made.
func tokenNode(t *testing.T) (n *node, owner *reqctx.Identity, made apitoken.Token, raw string) {
	t.Helper()
	n = newNode(t)
	n.PersonalTokens = rules
	n.person("ursula", false)
	owner = n.login("ursula", "").Identity
	made, raw, err := n.NewToken(ctx, owner, "laptop", "room:list room:read", 30*day)
	if err != nil {
		t.Fatal(err)
	}
	return n, owner, made, raw
}

func (n *node) mustRefuse(raw string, why ...any) {
	n.t.Helper()
	if _, ok := n.Known(raw); ok {
		n.t.Fatal(append(why, "it is known")...)
	}
	if _, err := n.Verify(ctx, raw); !errors.Is(err, token.ErrInvalid) {
		n.t.Fatal(append(why, err)...)
	}
}

func TestPersonalToken(t *testing.T) {
	n, owner, made, raw := tokenNode(t)
	if _, ok := n.Known(raw); ok {
		t.Fatal("known before it was seen")
	}
	id := n.mustVerify(raw)
	want := reqctx.Identity{
		Subject: owner.Subject, Name: "ursula", Roles: []string{"user"}, Session: made.ID, TokenID: made.ID, Kind: reqctx.KindPerson,
		Scopes: []string{"room:list", "room:read"}, Methods: []string{"pat"}, ACR: reqctx.ACRSingle, Expires: made.ExpiresAt, Created: owner.Created,
	}
	if fmt.Sprintf("%+v", *id) != fmt.Sprintf("%+v", want) {
		t.Fatalf("%+v, want %+v", *id, want)
	}
	if known, ok := n.Known(raw); !ok || known != id {
		t.Fatal("not known after it was seen")
	}
	if at, err := n.Deadline(ctx, made.ID); err != nil || !at.Equal(made.ExpiresAt) {
		t.Fatal(at, err)
	}
	n.clock.add(30 * day)
	n.mustRefuse(raw, "expired")
	if _, err := n.Deadline(ctx, made.ID); err != ErrSession {
		t.Fatal("a socket outlives its token:", err)
	}
	if n.events.count("token-created", event.Success) != 1 {
		t.Fatal("no event")
	}
}

// What a person or an operator does to an account ends its tokens too, on every gateway, with the sockets opened by them.
func TestPersonalTokensEnd(t *testing.T) {
	for name, do := range map[string]func(n *node, a account.Account, owner *reqctx.Identity, made apitoken.Token) error{
		"by its owner": func(n *node, _ account.Account, owner *reqctx.Identity, made apitoken.Token) error {
			return n.EndToken(ctx, owner, made.ID)
		},
		"password changed": func(n *node, _ account.Account, owner *reqctx.Identity, _ apitoken.Token) error {
			return n.ChangePassword(ctx, owner, password, "violet-anchor-tulip-93")
		},
		"disabled": func(n *node, a account.Account, _ *reqctx.Identity, _ apitoken.Token) error {
			return n.Change(ctx, a, "", "account disabled", func(tx *database.Tx, _ time.Time) error { return n.Accounts.SetDisabled(ctx, tx, a.ID, true) })
		},
		"disabled and enabled": func(n *node, a account.Account, _ *reqctx.Identity, _ apitoken.Token) error {
			for _, disabled := range []bool{true, false} {
				if err := n.Change(ctx, a, "", "state", func(tx *database.Tx, _ time.Time) error { return n.Accounts.SetDisabled(ctx, tx, a.ID, disabled) }); err != nil {
					return err
				}
			}
			return nil
		},
		"role changed": func(n *node, a account.Account, _ *reqctx.Identity, _ apitoken.Token) error {
			return n.Change(ctx, a, "", "role changed", func(tx *database.Tx, _ time.Time) error {
				return n.Accounts.SetRoles(ctx, tx, a.ID, []string{"admin"})
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			here, owner, made, raw := tokenNode(t)
			there := here.beside()
			there.PersonalTokens = rules
			a, err := here.Accounts.ByID(ctx, owner.Subject)
			if err != nil {
				t.Fatal(err)
			}
			sockets := make(chan string, 2)
			for _, n := range []*node{here, there} {
				n.mustVerify(raw)
				n.Watch(made.ID, func(reason string) { sockets <- reason })
			}
			if err := do(here, a, owner, made); err != nil {
				t.Fatal(err)
			}
			here.mustRefuse(raw)
			for range 2 {
				select {
				case <-sockets:
				case <-time.After(30 * time.Second):
					t.Fatal("a socket is open")
				}
			}
			there.mustRefuse(raw, "the other gateway")
			if _, err := there.Deadline(ctx, made.ID); err != ErrSession {
				t.Fatal(err)
			}
			if here.events.count("token-ended", event.Success) != 1 {
				t.Fatal("no event")
			}
		})
	}
}

// With a token nobody makes tokens, steps up, or does anything else that takes a session; nor is it taken for a refresh token.
func TestATokenIsNoSession(t *testing.T) {
	n, _, made, raw := tokenNode(t)
	id := n.mustVerify(raw)
	for name, err := range map[string]error{
		"new token":      second(n.NewToken(ctx, id, "more", "room:list", day)),
		"list":           second(n.Tokens(ctx, id)),
		"end":            n.EndToken(ctx, id, made.ID),
		"password":       n.ChangePassword(ctx, id, password, "violet-anchor-tulip-93"),
		"step up":        first(n.StepUp(ctx, id, "123456", Attempt{})),
		"step up again":  first(n.StepUpPassword(ctx, id, password, Attempt{})),
		"enrol":          first(n.EnrolTOTP(ctx, id)),
		"recovery codes": first(n.RenewRecoveryCodes(ctx, id)),
		"refresh":        first(n.Refresh(ctx, raw)),
		"refresh by id":  first(n.Refresh(ctx, made.ID+raw[26:])),
	} {
		if err != ErrSession {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := n.Logout(ctx, raw, made.ID); err != nil {
		t.Fatal(err)
	}
	n.mustVerify(raw)
}

func first[T any](_ T, err error) error          { return err }
func second[T, U any](_ T, _ U, err error) error { return err }

// Whoever stole a session that is minutes old makes no token of it that lasts for months.
func TestNewTokenNeedsAFreshLogin(t *testing.T) {
	n := newNode(t)
	n.PersonalTokens = rules
	secret := n.person("ursula", true)
	r := n.login("ursula", secret)
	n.clock.add(11 * time.Minute)
	next, err := n.Refresh(ctx, r.Tokens.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	var stale NotFresh
	if _, _, err := n.NewToken(ctx, next.Identity, "laptop", "room:list", day); !errors.As(err, &stale) || stale.ACR != reqctx.ACRMulti {
		t.Fatal(err)
	}
	if r, err = n.StepUp(ctx, next.Identity, n.code(secret, 0), Attempt{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := n.NewToken(ctx, r.Identity, "laptop", "room:list", day); err != nil {
		t.Fatal(err)
	}
}

func TestNewTokenRefuses(t *testing.T) {
	n, owner, _, raw := tokenNode(t)
	n.PersonalTokens = &TokenRules{Limit: 2, MaxLife: 90 * day, Scopes: []string{"room:list", "room:read"}}
	for name, c := range map[string]struct {
		name, scopes string
		life         time.Duration
		want         error
	}{
		"no name":      {"", "room:list", day, apitoken.ErrName},
		"no scope":     {"x", "", day, apitoken.ErrScope},
		"account":      {"x", "account:self", day, apitoken.ErrScope},
		"admin":        {"x", "room:list account:admin", day, apitoken.ErrScope},
		"not on offer": {"x", "message:post", day, apitoken.ErrScope},
		"no life":      {"x", "room:list", 0, ErrTokenLife},
		"negative":     {"x", "room:list", -day, ErrTokenLife},
		"too long":     {"x", "room:list", 91 * day, ErrTokenLife},
		"overflowing":  {"x", "room:list", 1<<63 - 1, ErrTokenLife},
	} {
		if _, _, err := n.NewToken(ctx, owner, c.name, c.scopes, c.life); err != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i, want := range []error{nil, apitoken.ErrMany} {
		if _, _, err := n.NewToken(ctx, owner, "x", "room:list", 90*day); err != want {
			t.Errorf("number %d: %v", i+2, err)
		}
	}
	if all, _, err := n.Tokens(ctx, owner); err != nil || len(all) != 2 {
		t.Fatal(len(all), err)
	}
	n.mustVerify(raw)
	n.known.Clear()
	n.PersonalTokens = nil // the operator wants none any more
	n.mustRefuse(raw)
	if _, _, err := n.NewToken(ctx, owner, "x", "room:list", day); err != ErrNoTokens {
		t.Fatal(err)
	}
}

// What an operator takes from the scopes that tokens may have is taken from those that are there; one that is left with none may nothing.
func TestScopesAreTakenAway(t *testing.T) {
	n, _, _, raw := tokenNode(t)
	for _, c := range []struct{ may, want []string }{{nil, []string{"room:list", "room:read"}}, {[]string{"room:read", "x"}, []string{"room:read"}}, {[]string{"x"}, []string{}}} {
		n.known.Clear()
		n.PersonalTokens = &TokenRules{Limit: 5, MaxLife: 90 * day, Scopes: c.may}
		if id := n.mustVerify(raw); id.Scopes == nil || fmt.Sprint(id.Scopes) != fmt.Sprint(c.want) {
			t.Errorf("%q: %q", c.may, id.Scopes)
		}
	}
}

func TestOthersTokensAreOutOfReach(t *testing.T) {
	n, owner, made, raw := tokenNode(t)
	n.person("petra", false)
	petra := n.login("petra", "").Identity
	if err := n.EndToken(ctx, petra, made.ID); err != apitoken.ErrNotFound {
		t.Fatal("ended by somebody else:", err)
	}
	if all, _, err := n.Tokens(ctx, petra); err != nil || len(all) != 0 {
		t.Fatal(all, err)
	}
	if err := n.EndToken(ctx, owner, petra.Session); err != apitoken.ErrNotFound {
		t.Fatal("a session was taken for a token:", err)
	}
	n.mustVerify(raw)
}

// One that is changed in any place is refused, and so is whatever else begins like one.
func TestForgedTokens(t *testing.T) {
	n, _, _, raw := tokenNode(t)
	for i := range len(raw) {
		b := []byte(raw)
		if b[i] = 'a'; raw[i] == 'a' {
			b[i] = 'b'
		}
		n.mustRefuse(string(b), i)
	}
	for _, bad := range []string{"gwp_", "gws_", raw[:20], raw + raw, "gws_" + raw[4:], raw + ".e30.x", "gwp_' OR 1=1 --", "gwp_%"} {
		n.mustRefuse(bad, bad)
	}
}

// The last use is written once a minute, however often a token is used, and when the gateway ends.
func TestLastUse(t *testing.T) {
	n, owner, made, raw := tokenNode(t)
	used := func() time.Time {
		t.Helper()
		all, _, err := n.Tokens(ctx, owner)
		if err != nil || len(all) != 1 || all[0].ID != made.ID {
			t.Fatal(all, err)
		}
		return all[0].UsedAt
	}
	n.mustVerify(raw)
	at := n.Now()
	n.clock.add(10 * time.Second)
	for range 100 {
		if _, ok := n.Known(raw); !ok {
			t.Fatal("not known")
		}
	}
	if !used().IsZero() {
		t.Fatal("written at once")
	}
	n.writeUses(ctx)
	if got := used(); !got.Equal(at) {
		t.Fatal(got)
	}
	n.Known(raw)
	n.writeUses(ctx)
	if got := used(); !got.Equal(at.Add(10 * time.Second)) {
		t.Fatal(got)
	}
}

// A token ends while gateways verify it: once its end has been heard of nobody knows it.
func TestEndBesideVerify(t *testing.T) {
	n, owner, made, raw := tokenNode(t)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = n.Verify(ctx, raw)
				}
			}
		})
	}
	time.Sleep(5 * time.Millisecond)
	if err := n.EndToken(ctx, owner, made.ID); err != nil {
		t.Fatal(err)
	}
	n.mustRefuse(raw)
	close(stop)
	wg.Wait()
	n.mustRefuse(raw)
}

func BenchmarkKnownPersonalToken(b *testing.B) {
	n := newNode(b)
	n.PersonalTokens = rules
	n.person("ursula", false)
	_, raw, err := n.NewToken(ctx, n.login("ursula", "").Identity, "x", "room:list", day)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := n.Verify(ctx, raw); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := n.Known(raw); !ok {
			b.Fatal("not known")
		}
	}
}
