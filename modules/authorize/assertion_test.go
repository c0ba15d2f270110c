package authorize

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/convosphere/gateway/modules/internal/reqctx"
	"github.com/convosphere/gateway/modules/internal/route"
)

// A value is never read as a template.
func TestVariables(t *testing.T) {
	p, err := route.ParsePattern("/rooms/{room}/files/{id}/{rest...}")
	if err != nil {
		t.Fatal(err)
	}
	o, err := parseObject("room:{room}", p.Has)
	if err != nil {
		t.Fatal(err)
	}
	r := &compiled{pattern: p}
	if got, err := o.fill(r.vars([]string{"rooms", "a/b{id}", "files", "7"}, new(sent))); err != nil || got.String() != "room:a/b{id}" {
		t.Error(got, err)
	}
}

func TestAsserterReusesForHalfTheLife(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1700000000, 500)
	kid := "k1"
	a := &asserter{issuer: "i", audience: "a", signer: func() (string, *ecdsa.PrivateKey) { return kid, key }, now: func() time.Time { return now }}
	get := func(id *reqctx.Identity) string {
		t.Helper()
		s, err := a.assert(id)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	ursula := &reqctx.Identity{Subject: "1", Name: "ursula", Roles: []string{"user"}}
	first := get(ursula)
	now = now.Add(lifetime/2 - time.Second)
	if get(ursula) != first {
		t.Error("made anew within half its life")
	}
	now = now.Add(time.Second)
	second := get(ursula)
	if second == first {
		t.Error("used beyond half its life")
	}
	kid = "k2"
	if get(ursula) == second {
		t.Error("used after the key was changed")
	}
	others := map[string]bool{get(ursula): true, get(nil): true}
	for _, id := range []reqctx.Identity{
		{Subject: "1", Name: "ursula", Roles: []string{"user", "admin"}}, {Subject: "2", Name: "ursula", Roles: []string{"user"}}, {Subject: "1", Name: "petra", Roles: []string{"user"}},
	} {
		others[get(&id)] = true
	}
	if len(others) != 5 {
		t.Error("two people share an assertion")
	}
	for i := range 3 * maxAssertions {
		a.remember(assertionKey{subject: fmt.Sprint(i)}, assertion{})
	}
	if n := len(a.young) + len(a.old); n > 2*maxAssertions {
		t.Errorf("%d are remembered", n)
	}
}

func TestForwardLeavesTheRequestAlone(t *testing.T) {
	r, err := http.NewRequestWithContext(context.Background(), "GET", "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Connection", "keep-alive, X-User-Id, Upgrade")
	spelled := http.Header{}
	for _, k := range []string{"X_User.Name", "x-user-id"} { // as they come from a client that means to be overlooked
		spelled[k], r.Header[k] = []string{"root"}, []string{"root"}
	}
	out := forward(r, &reqctx.Identity{Subject: "1", Name: "ursula", Roles: []string{"a", "b"}}, "token")
	for k := range spelled {
		if r.Header[k] == nil || out.Header[k] != nil {
			t.Errorf("%s: %v becomes %v", k, r.Header[k], out.Header[k])
		}
	}
	if r.Header.Get("X-Gateway-Assertion") != "" {
		t.Error("an access log further out would see the assertion")
	}
	if out.Header.Get("Connection") != "keep-alive, Upgrade" || out.Header.Get("X-User-Roles") != "a,b" {
		t.Errorf("%v", out.Header)
	}
}
