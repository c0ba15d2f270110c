package lifecycle

import (
	"errors"
	"testing"

	"github.com/convosphere/gateway/modules/identity/account"
	"github.com/convosphere/gateway/modules/identity/apitoken"
	"github.com/convosphere/gateway/modules/identity/service"
	"github.com/convosphere/gateway/modules/identity/service/servicetest"
	"github.com/convosphere/gateway/modules/identity/session"
	"github.com/convosphere/gateway/modules/identity/token"
)

func TestOperatorsAndServices(t *testing.T) {
	h := newHouse(t, Off)
	by := Operator{ID: h.person("ada", "", "admin").ID, Session: "S", Attempt: caller(2)}
	one, two := servicetest.NewKey("one"), servicetest.NewKey("two")
	robot, err := h.AddService(ctx, by, "robot", []string{"user"}, "room:list room:read", false, one.JWK())
	if err != nil {
		t.Fatal(err)
	}
	get := func(key *servicetest.Key) (string, error) {
		got, err := h.sessions.ServiceToken(ctx, key.Assert("robot", "gateway", h.Now()), "", session.Attempt{})
		return got.Access, err
	}
	must := func(key *servicetest.Key) string {
		t.Helper()
		raw, err := get(key)
		if err == nil {
			_, err = h.sessions.Verify(ctx, raw)
		}
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	ended := func(raw string) {
		t.Helper()
		if _, err := h.sessions.Verify(ctx, raw); !errors.Is(err, token.ErrInvalid) {
			t.Fatal(err)
		}
	}
	kept := must(one)
	if err := h.AddServiceKey(ctx, by, robot.ID, two.JWK()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.sessions.Verify(ctx, kept); err != nil {
		t.Fatal("another key ended its tokens:", err)
	}
	raw := must(two)
	if err := h.RemoveServiceKey(ctx, by, robot.ID, "two"); err != nil {
		t.Fatal(err)
	}
	ended(raw)
	if _, err := get(two); err != session.ErrClient {
		t.Fatal(err)
	}
	raw = must(one)
	if err := h.SetServiceScopes(ctx, by, robot.ID, "room:list", true); err != nil {
		t.Fatal(err)
	}
	ended(raw)
	raw = must(one)
	if id, err := h.sessions.Verify(ctx, raw); err != nil || len(id.Scopes) != 1 {
		t.Fatalf("%+v %v", id, err)
	}
	for _, action := range []string{"service-key-added", "service-key-removed", "service-scopes-changed"} {
		if h.events.count(action) != 1 {
			t.Errorf("%s is recorded %d times", action, h.events.count(action))
		}
	}

	// A person's account is no service, whatever its id is given for.
	person := h.person("ursula", "")
	for name, err := range map[string]error{
		"scopes": h.SetServiceScopes(ctx, by, person.ID, "room:list", true), "key": h.AddServiceKey(ctx, by, person.ID, two.JWK()), "remove": h.RemoveServiceKey(ctx, by, person.ID, "one"),
	} {
		if err != service.ErrNotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		name, scopes string
		jwk          []byte
		want         error
	}{
		"somebody's name": {"ursula", "a", two.JWK(), account.ErrExists}, "bad scope": {"other", "account:admin", two.JWK(), apitoken.ErrScope}, "bad key": {"other", "a", []byte("{}"), service.ErrKey}, "bad name": {"o", "a", two.JWK(), account.ErrName},
	} {
		if _, err := h.AddService(ctx, by, c.name, []string{"user"}, c.scopes, false, c.jwk); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// With the account everything of it goes, and nobody gets its name.
	if err := h.Erase(ctx, by, h.again(robot)); err != nil {
		t.Fatal(err)
	}
	ended(raw)
	if _, err := get(one); err != session.ErrClient {
		t.Fatal(err)
	}
	if _, err := h.AddService(ctx, by, "robot", []string{"user"}, "a", false, one.JWK()); err != account.ErrExists {
		t.Fatal(err)
	}
}
