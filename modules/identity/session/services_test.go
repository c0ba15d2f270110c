package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/service/servicetest"
	"github.com/convosphere/gateway/modules/internal/database"
	"github.com/convosphere/gateway/modules/internal/event"
	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/store"
)

// service adds a service with a key.
func (n *node) service(name string, introspect bool) (account.Account, *servicetest.Key) {
	n.t.Helper()
	key := servicetest.NewKey("k1")
	hash, err := n.Accounts.Hash(ctx, password, name)
	if err != nil {
		n.t.Fatal(err)
	}
	var a account.Account
	err = n.DB.InTx(ctx, func(tx *database.Tx) (err error) {
		if a, err = n.Accounts.Create(ctx, tx, n.Now(), name, []string{"user"}, hash); err != nil {
			return err
		}
		if err := n.services.Create(ctx, tx, a, []string{"room:list", "room:read"}, introspect); err != nil {
			return err
		}
		_, err = n.services.AddKey(ctx, tx, n.Now(), a.ID, key.JWK())
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return a, key
}

func (n *node) assert(name string, key *servicetest.Key) string {
	return key.Assert(name, "gateway", n.Now())
}

func TestServiceToken(t *testing.T) {
	n := newNode(t)
	robot, key := n.service("robot", false)
	got, err := n.ServiceToken(ctx, n.assert("robot", key), "", Attempt{})
	if err != nil || fmt.Sprint(got.Scopes) != "[room:list room:read]" || !got.Expires.Equal(n.Now().Add(10*time.Minute)) {
		t.Fatalf("%+v %v", got, err)
	}
	id := n.mustVerify(got.Access)
	if id.Subject != robot.ID || id.Name != "robot" || id.Kind != reqctx.KindService || fmt.Sprint(id.Scopes, id.Roles, id.Methods) != "[room:list room:read] [user] [pop]" || !apitoken.IsID(id.Session) ||
		!id.AuthTime.IsZero() || !id.MFATime.IsZero() || !id.Expires.Equal(got.Expires) {
		t.Fatalf("%+v", id)
	}
	if _, ok := n.Known(got.Access); !ok {
		t.Fatal("not known")
	}
	less, err := n.ServiceToken(ctx, n.assert("robot", key), "room:read", Attempt{})
	if err != nil || fmt.Sprint(n.mustVerify(less.Access).Scopes) != "[room:read]" {
		t.Fatalf("%+v %v", less, err)
	}
	for _, scopes := range []string{"message:post", "room:list message:post", "account:self", "*", "room:list,room:read"} {
		if _, err := n.ServiceToken(ctx, n.assert("robot", key), scopes, Attempt{}); err != ErrScope {
			t.Errorf("%q: %v", scopes, err)
		}
	}
	n.clock.add(10 * time.Minute)
	n.mustRefuse(got.Access, "expired")
	if n.events.count("service-token", event.Success) != 2 {
		t.Fatal("no events")
	}
}

// Of parallel callers with one assertion one gets a token, whichever gateway they ask.
func TestAssertionReplay(t *testing.T) {
	n := newNode(t)
	_, key := n.service("robot", false)
	nodes := []*node{n, n.beside()}
	raw := n.assert("robot", key)
	var got atomic.Int32
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			_, err := nodes[i%2].ServiceToken(ctx, raw, "", Attempt{})
			if err == nil {
				got.Add(1)
			} else if err != ErrClient {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got.Load() != 1 {
		t.Fatal(got.Load(), "tokens for one assertion")
	}
	// Also at another endpoint, and to the end of its life.
	if _, err := n.Introspect(ctx, raw, "x", Attempt{}); err != ErrClient {
		t.Fatal(err)
	}
	if err := n.Revoke(ctx, raw, "x", Attempt{}); err != ErrClient {
		t.Fatal(err)
	}
	n.clock.add(59 * time.Second)
	if _, err := n.ServiceToken(ctx, raw, "", Attempt{}); err != ErrClient {
		t.Fatal(err)
	}
	if n.events.count("service-token", event.Failure) == 0 {
		t.Fatal("no event")
	}
}

// storeWithoutAdd can't be written to.
type storeWithoutAdd struct{ store.Store }

func (storeWithoutAdd) Add(context.Context, string, []byte, time.Duration) (bool, error) {
	return false, errors.New("the store is away")
}

func TestNoTokenWithoutTheStore(t *testing.T) {
	n := newNode(t)
	_, key := n.service("robot", false)
	n.Store = storeWithoutAdd{n.Store}
	if _, err := n.ServiceToken(ctx, n.assert("robot", key), "", Attempt{}); err == nil || errors.Is(err, ErrClient) {
		t.Fatal("it must be closed, and not the client's fault:", err)
	}
}

// The audience is the configured one: a service that signs for another host is not taken at its word by whoever sends that Host.
func TestAssertionAudience(t *testing.T) {
	n := newNode(t)
	_, key := n.service("robot", false)
	try := func(aud string) error {
		_, err := n.ServiceToken(ctx, key.Assert("robot", aud, n.Now()), "", Attempt{Host: "evil.example"})
		return err
	}
	for _, aud := range []string{"https://evil.example", "https://evil.example/auth/oauth/token", "/auth/oauth/token", "gateway/auth/oauth/token", ""} {
		if err := try(aud); err != ErrClient {
			t.Errorf("%q: %v", aud, err)
		}
	}
	n.Server = "https://gw.example"
	for aud, want := range map[string]error{
		"https://gw.example": nil, "https://gw.example/auth/oauth/token": nil, "gateway": nil, "http://gw.example": ErrClient, "https://gw.example/": ErrClient, "https://evil.example/auth/oauth/token": ErrClient,
	} {
		if err := try(aud); err != want {
			t.Errorf("%q: %v", aud, err)
		}
	}
}

// A service signs in nowhere, whatever password and factor its account has.
func TestAServiceIsNoPerson(t *testing.T) {
	n := newNode(t)
	n.service("robot", false)
	if _, err := n.Login(ctx, attempt("robot")); err != ErrCredentials {
		t.Fatal(err)
	}
	var sessions int
	if err := n.DB.QueryRow(ctx, `SELECT COUNT(*) FROM sessions`).Scan(&sessions); err != nil || sessions != 0 {
		t.Fatal(sessions, err)
	}
}

func TestServiceTokensEnd(t *testing.T) {
	n := newNode(t)
	there := n.beside()
	robot, key := n.service("robot", false)
	socket := make(chan string, 1)
	got, err := n.ServiceToken(ctx, n.assert("robot", key), "", Attempt{})
	if err != nil {
		t.Fatal(err)
	}
	there.Watch(there.mustVerify(got.Access).Session, func(reason string) { socket <- reason })
	if err := n.Change(ctx, robot, "", "account disabled", func(tx *database.Tx, _ time.Time) error { return n.Accounts.SetDisabled(ctx, tx, robot.ID, true) }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-socket:
	case <-time.After(30 * time.Second):
		t.Fatal("the socket is open")
	}
	n.mustRefuse(got.Access)
	there.mustRefuse(got.Access)
	if _, err := n.ServiceToken(ctx, n.assert("robot", key), "", Attempt{}); err != ErrClient {
		t.Fatal(err)
	}
}

// A service that is disabled while it asks gets a token that is dead, or none: never one that outlives the change.
func TestDisabledBesideItsToken(t *testing.T) {
	for range 10 {
		n := newNode(t)
		robot, key := n.service("robot", false)
		var got ServiceToken
		var wg sync.WaitGroup
		wg.Go(func() { got, _ = n.ServiceToken(ctx, n.assert("robot", key), "", Attempt{}) })
		wg.Go(func() {
			if err := n.Change(ctx, robot, "", "account disabled", func(tx *database.Tx, _ time.Time) error { return n.Accounts.SetDisabled(ctx, tx, robot.ID, true) }); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if got.Access != "" {
			n.mustRefuse(got.Access)
		}
	}
}

func TestIntrospect(t *testing.T) {
	n, owner, made, personal := tokenNode(t)
	robot, key := n.service("robot", false)
	_, asker := n.service("asker", true)
	session := n.login("ursula", "")
	own, err := n.ServiceToken(ctx, n.assert("robot", key), "", Attempt{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(name string, key *servicetest.Key, raw string) (Introspection, error) {
		return n.Introspect(ctx, n.assert(name, key), raw, Attempt{})
	}
	for raw, sid := range map[string]string{personal: made.ID, session.Tokens.Access: session.Identity.Session} {
		got, err := ask("asker", asker, raw)
		if err != nil || got.Identity == nil || got.Identity.Subject != owner.Subject || got.Identity.Session != sid || got.Issuer != "gateway" {
			t.Errorf("%.8s: %+v %v", raw, got, err)
		}
		// RFC 7662, 2.2: a token that the service may not know about is as one that is none.
		if got, err := ask("robot", key, raw); err != nil || got != (Introspection{}) {
			t.Errorf("%.8s: a service that may not ask: %+v %v", raw, got, err)
		}
	}
	for _, who := range []struct {
		name string
		key  *servicetest.Key
	}{{"asker", asker}, {"robot", key}} {
		if got, err := ask(who.name, who.key, own.Access); err != nil || got.Identity == nil || got.Identity.Subject != robot.ID {
			t.Errorf("%s: %+v %v", who.name, got, err)
		}
	}
	for name, raw := range map[string]string{"none": "x", "refresh token": session.Tokens.Refresh, "cut": personal[:30], "id": made.ID, "assertion": n.assert("robot", key)} {
		for who, key := range map[string]*servicetest.Key{"asker": asker, "robot": key} {
			if got, err := ask(who, key, raw); err != nil || got != (Introspection{}) {
				t.Errorf("%s, by %s: %+v %v", name, who, got, err)
			}
		}
	}
	// To be asked about is no use.
	if n.writeUses(ctx); true {
		all, _, err := n.Tokens(ctx, owner)
		if err != nil || !all[0].UsedAt.IsZero() {
			t.Error("asked about is used:", all, err)
		}
	}
	if err := n.EndToken(ctx, owner, made.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := ask("asker", asker, personal); err != nil || got.Identity != nil {
		t.Errorf("ended: %+v %v", got, err)
	}
	for name, bad := range map[string]string{"no proof": "", "a token": own.Access, "of nobody": servicetest.NewKey("k1").Assert("asker", "gateway", n.Now())} {
		if _, err := n.Introspect(ctx, bad, personal, Attempt{}); err != ErrClient {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRevoke(t *testing.T) {
	n, _, _, personal := tokenNode(t)
	_, key := n.service("robot", false)
	_, thief := n.service("thief", true)
	one, two := n.login("ursula", ""), n.login("ursula", "")
	own, err := n.ServiceToken(ctx, n.assert("robot", key), "", Attempt{})
	if err != nil {
		t.Fatal(err)
	}
	revoke := func(assertion, raw string) error { return n.Revoke(ctx, assertion, raw, Attempt{}) }
	for name, c := range map[string]struct {
		assertion, raw string
		want           error
	}{
		"a service's, without proof":          {"", own.Access, ErrClient},
		"a service's, by another":             {n.assert("thief", thief), own.Access, ErrNotTheirs},
		"a person's, by a service":            {n.assert("thief", thief), personal, ErrNotTheirs},
		"a session's, by a service":           {n.assert("thief", thief), one.Tokens.Access, ErrNotTheirs},
		"a refresh token, by a service":       {n.assert("thief", thief), one.Tokens.Refresh, ErrNotTheirs},
		"a forged proof":                      {servicetest.NewKey("k1").Assert("robot", "gateway", n.Now()), own.Access, ErrClient},
		"nothing":                             {"", "x", nil},
		"a token that never was":              {"", "gwp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", nil},
		"a refresh token that never was":      {"", one.Identity.Session + "." + own.Access, nil},
		"a session's id, which is no secret":  {"", one.Identity.Session, nil},
		"a token's checksum without a secret": {"", personal[:4], nil},
	} {
		if err := revoke(c.assertion, c.raw); err != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, raw := range []string{own.Access, personal, one.Tokens.Access, two.Tokens.Access} {
		n.mustVerify(raw)
	}
	// Each by who may.
	for _, c := range [][2]string{{n.assert("robot", key), own.Access}, {"", personal}, {"", one.Tokens.Access}, {"", two.Tokens.Refresh}} {
		if err := revoke(c[0], c[1]); err != nil {
			t.Fatal(err)
		}
	}
	for _, raw := range []string{own.Access, personal, one.Tokens.Access, two.Tokens.Access} {
		n.mustRefuse(raw)
	}
	for _, r := range []Result{one, two} {
		if _, err := n.Refresh(ctx, r.Tokens.Refresh); err != ErrSession {
			t.Fatal(err)
		}
	}
	if err := revoke("", personal); err != nil {
		t.Fatal("once more:", err)
	}
}
